/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * frontend: the driver's side of a virtqueue.
 *
 * Concepts:
 *  - A *buffer* is a chain: segments the device reads, then segments it
 *    writes, with a cookie that comes back when it is used.
 *  - add() puts a buffer into the ring, publish() makes all added ones
 *    visible, kick() notifies if the device asks for it, reap() takes used
 *    ones back.
 *  - The device is *watched*: reap() checks that what is used was outstanding,
 *    that the length is possible, that order holds where it was promised, that
 *    neither the descriptors nor what the device may only read were changed.
 *    A violation ends the queue: it stands in fault, and reap() says -EPROTO.
 *  - The layout (split here; packed later) is behind fe_vq_ops.
 *
 * The rings themselves are open to the caller, so that tests can write what
 * no driver would. One thread per queue.
 */

#ifndef FE_VQ_H
#define FE_VQ_H

#include <linux/virtio_ring.h>

#include "fe_mem.h"

#define FE_VQ_MAX_SIZE	   32768
#define FE_VQ_INDIRECT_MAX 32 /* segments of a buffer in an indirect table */

struct fe_sg {
	uint64_t gpa;
	uint32_t len;
};

struct fe_used {
	void *cookie;
	uint32_t len;  /**< bytes written, as the device says */
	uint16_t head; /**< the chain's first descriptor */
};

/** Flags of fe_vq_add(). */
#define FE_ADD_INDIRECT 0x1u /* through an indirect table, where negotiated */

/** What reap() looks at besides the ring; costs time. */
#define FE_WATCH_DESC 0x1u /* descriptors unchanged by the device */
#define FE_WATCH_OUT  0x2u /* readable segments unchanged */
#define FE_WATCH_ALL  (FE_WATCH_DESC | FE_WATCH_OUT)

struct fe_vq_conf {
	uint16_t size;
	uint64_t features; /**< negotiated */
	unsigned int watch;
	uint32_t align; /**< of the ring parts; 0: what the layout asks for */
};

/** One outstanding buffer, by its head descriptor. */
struct fe_chain {
	void *cookie;
	struct fe_sg out[FE_VQ_INDIRECT_MAX]; /**< kept for FE_WATCH_OUT only */
	uint64_t desc_sum, out_sum;
	uint32_t in_len; /**< writable bytes */
	uint16_t n_desc; /**< in the ring: 1 if indirect */
	uint16_t n_out;
	uint16_t n_indirect; /**< 0: direct */
	bool outstanding;
};

struct fe_vq;

struct fe_vq_ops {
	int (*create)(struct fe_vq *vq);
	void (*reset)(struct fe_vq *vq, uint16_t base);
	int (*add)(struct fe_vq *vq, const struct fe_sg *sg, unsigned int n_out, unsigned int n_in,
		void *cookie, unsigned int flags);
	void (*publish)(struct fe_vq *vq);
	bool (*kick_wanted)(struct fe_vq *vq);
	bool (*pending)(const struct fe_vq *vq);
	int (*reap)(struct fe_vq *vq, struct fe_used *used);
	void (*notify)(struct fe_vq *vq, bool on);
	void (*address)(const struct fe_vq *vq, struct fe_vring_addr *addr);
	uint32_t (*base)(const struct fe_vq *vq);
	bool (*intact)(const struct fe_vq *vq);
};

extern const struct fe_vq_ops fe_split_ops;

struct fe_vq {
	const struct fe_vq_ops *ops;
	struct fe_mem *mem;
	struct fe_vq_conf conf;
	uint16_t index; /**< in the device */
	int kickfd, callfd, errfd;

	/* the split ring, as pointers and guest-physical addresses */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint64_t desc_gpa, avail_gpa, used_gpa;
	uint64_t indirect_gpa; /**< a table per head; 0: not negotiated */

	uint16_t free_head; /**< first free descriptor (in order: the next to use) */
	uint16_t n_free;
	uint16_t next_avail; /**< next slot of the available ring to fill */
	uint16_t published;  /**< what the device has been told */
	uint16_t kicked;     /**< what it had been told at the last kick */
	uint16_t last_used;  /**< next slot of the used ring to take */
	uint16_t *fifo;	     /**< heads in the order they were added, by next_avail */
	uint16_t *links;     /**< next descriptor: the device cannot touch this copy */
	uint16_t batch_left; /**< in order: buffers still to take for one used entry */
	struct fe_used batch_last;
	struct fe_chain *chain; /**< by head */
	uint64_t n_added, n_reaped;
	char fault[160]; /**< what the device did wrong; empty: nothing */
};

/**
 * Allocate the rings in guest memory, and the eventfds.
 *
 * @return 0; -ENOMEM if guest memory or ours is short; -errno.
 */
int fe_vq_init(struct fe_vq *vq, struct fe_mem *mem, uint16_t index, const struct fe_vq_conf *conf);

void fe_vq_fini(struct fe_vq *vq);

/** A new driver: empty rings, indices at base, nothing outstanding. Cookies are forgotten. */
void fe_vq_reset(struct fe_vq *vq, uint16_t base);

/**
 * Add a buffer: n_out readable segments, then n_in writable ones.
 *
 * @return 0; -ENOSPC without room; -EINVAL for no segments or too many for a table.
 */
int fe_vq_add(struct fe_vq *vq, const struct fe_sg *sg, unsigned int n_out, unsigned int n_in,
	void *cookie, unsigned int flags);

void fe_vq_publish(struct fe_vq *vq);

/** Kick if the device wants it (force: in any case). @return whether it was kicked. */
bool fe_vq_kick(struct fe_vq *vq, bool force);

/** @return 1 and the buffer; 0 for none; -EPROTO if the device broke the rules (see fault). */
int fe_vq_reap(struct fe_vq *vq, struct fe_used *used);

/** Ask for notifications and wait until something is used. @return 0; -ETIMEDOUT; -errno. */
int fe_vq_wait(struct fe_vq *vq, int timeout_ms);

/** Wait for an eventfd to be signalled, and take the count. @return 0; -ETIMEDOUT; -errno. */
int fe_event_wait(int fd, int timeout_ms);

/** Take an eventfd's count without waiting; 0 for none. */
uint64_t fe_event_drain(int fd);

/** Check that nothing was written around the rings or to the driver's parts of them. */
int fe_vq_check(struct fe_vq *vq);

/** Note a violation; the first one stays. @return -EPROTO. */
int fe_vq_fault(struct fe_vq *vq, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Put one head into the split ring's available ring and publish it, whatever it is. */
void fe_split_push(struct fe_vq *vq, uint16_t head);

/** A sum over bytes, to see changes. */
uint64_t fe_sum(uint64_t sum, const void *data, size_t len);

#endif /* FE_VQ_H */
