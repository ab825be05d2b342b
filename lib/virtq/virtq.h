/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * virtq: the virtqueue engine.
 *
 * Concepts:
 *  - A *virtqueue* is one ring of a guest, device side (virtio 1.x, 2.7). The
 *    guest's transmit ring is *dequeued* from into mbufs, its receive ring is
 *    *enqueued* to from mbufs.
 *  - A burst takes what is available, moves the bytes, and publishes the used
 *    ring before it returns. Between two bursts last_avail == last_used: the
 *    ring is drained, its exported state is complete, and nothing is in flight.
 *  - Guest memory is hostile. Every index, length, address and chain is read
 *    once into a local, checked, then used. What breaks the rules ends this
 *    ring's processing: `error` says why, and the ring does nothing more until
 *    it is set up again. Other rings do not notice.
 *  - The poll routine (layout x mergeable) is chosen when the ring is set up;
 *    nothing that is known per ring is tested per packet.
 *
 * Threads: one data lcore polls a ring; which one changes only over a grace
 * period. virtq_setup(), virtq_import() and the like belong to the management
 * lcore, while no lcore polls the ring. virtq_export() and reading the
 * counters are allowed at any time; while the ring is polled, the snapshot is
 * of one moment of a moving thing.
 */

#ifndef VIRTQ_H
#define VIRTQ_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "base/err.h"
#include "gmem/gmem.h"

#define VIRTQ_MAX_SIZE	32768 /* entries; virtio 1.x 2.7 */
#define VIRTQ_BURST	64    /* packets that one call takes at most */
#define VIRTQ_MIN_FRAME 14    /* an Ethernet header */

/* Feature bits (virtio 1.x 5.1.3, 6) that the engine implements. */
#define VIRTQ_F_MRG_RXBUF     15
#define VIRTQ_F_INDIRECT_DESC 28
#define VIRTQ_F_EVENT_IDX     29
#define VIRTQ_F_VERSION_1     32
#define VIRTQ_F_IN_ORDER      35

/* Split ring, as it lies in guest memory (virtio 1.x 2.7.5, 2.7.6, 2.7.8). */
struct virtq_split_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};
#define VIRTQ_DESC_F_NEXT     1
#define VIRTQ_DESC_F_WRITE    2
#define VIRTQ_DESC_F_INDIRECT 4

struct virtq_split_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[]; /* followed by used_event */
};
#define VIRTQ_AVAIL_F_NO_INTERRUPT 1

struct virtq_split_used_elem {
	uint32_t id;
	uint32_t len;
};

struct virtq_split_used {
	uint16_t flags;
	uint16_t idx;
	struct virtq_split_used_elem ring[]; /* followed by avail_event */
};
#define VIRTQ_USED_F_NO_NOTIFY 1

/** Why a ring has stopped. */
enum virtq_error {
	VIRTQ_OK,
	VIRTQ_ERR_AVAIL_IDX, /**< available index further ahead than the ring is long */
	VIRTQ_ERR_HEAD,	     /**< head index outside the descriptor table */
	VIRTQ_ERR_NEXT,	     /**< next index outside the descriptor table */
	VIRTQ_ERR_LOOP,	     /**< chain longer than any legal one */
	VIRTQ_ERR_INDIRECT,  /**< indirect table of a wrong length, nested, or not negotiated */
	VIRTQ_ERR_ADDRESS,   /**< buffer or table outside guest memory */
	VIRTQ_ERR_DIRECTION, /**< a read-only buffer to write to, or the reverse */
	VIRTQ_ERR_HEADER,    /**< chain too short for the net header */
	VIRTQ_ERR_LENGTH,    /**< a descriptor of no bytes */
	VIRTQ_ERR_MEMORY,    /**< the front-end has taken guest memory away */
	VIRTQ_ERR_COUNT,
};

/** The part of a ring's state that the guest's memory does not hold. */
struct virtq_state {
	uint16_t last_avail; /**< next available index, free running */
	uint16_t last_used;  /**< next used index, free running */
};

/** Counters. Data lcore: w; management: r. They live as long as the port does. */
struct virtq_stats {
	uint64_t packets;	   /**< moved: handed out as mbufs, or delivered to the guest */
	uint64_t bytes;		   /**< of these, without the net header */
	uint64_t bursts;	   /**< calls that moved something */
	uint64_t runt;		   /**< dropped on dequeue: shorter than an Ethernet header */
	uint64_t oversize;	   /**< dropped on dequeue: longer than the port's MTU allows */
	uint64_t rx_too_small;	   /**< dropped on enqueue: the guest's buffers cannot hold it */
	uint64_t no_mbuf;	   /**< bursts cut short for want of mbufs; nothing is lost by it */
	uint64_t calls;		   /**< notifications sent to the guest */
	uint64_t calls_suppressed; /**< notifications that the guest did not want */
};

struct virtq;

/**
 * Take up to n packets off the ring. Fewer come where fewer are there, where
 * mbufs run out (nothing is lost by that), and where chains are long.
 *
 * @return how many mbufs were stored; they are the caller's.
 */
typedef uint16_t (*virtq_dequeue_fn)(
	struct virtq *vq, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n);
/**
 * Put up to n packets on the ring.
 *
 * @return how many of the first are done with, delivered or dropped and
 *     counted; the mbufs stay the caller's. Fewer than n: not all of them now,
 *     mostly for want of room.
 */
typedef uint16_t (*virtq_enqueue_fn)(struct virtq *vq, struct rte_mbuf **pkts, uint16_t n);

struct virtq {
	/* Management: w while no lcore polls; data: r. */
	virtq_dequeue_fn dequeue;
	virtq_enqueue_fn enqueue;
	struct virtq_split_desc *desc;
	struct virtq_split_avail *avail;
	struct virtq_split_used *used;
	const struct gmem *mem;
	uint16_t size;
	uint16_t mask;
	uint8_t hdr_len; /* 10 or 12, virtio 1.x 5.1.6 */
	bool event_idx;
	bool indirect;
	bool writable; /* receive ring: the device writes */
	uint32_t max_frame;
	int call_fd; /* -1: none; owned by who set it */

	/* Data: rw; management: rw while no lcore polls, else r. */
	uint16_t last_avail __rte_cache_aligned;
	uint16_t last_used;
	uint16_t signalled_used; /* last_used when the guest was last notified */
	bool signalled_valid;
	uint8_t error; /* enum virtq_error */
	struct virtq_stats stats;
} __rte_cache_aligned;

struct virtq_config {
	uint16_t size;
	uint64_t desc_uva;
	uint64_t avail_uva;
	uint64_t used_uva;
	uint64_t features;  /**< negotiated */
	bool writable;	    /**< the guest's receive ring */
	uint32_t max_frame; /**< longest frame taken from the guest, bytes */
	const struct gmem *mem;
};

/**
 * Check a ring's geometry, translate its addresses, choose its poll routine,
 * clear its error. Indices and counters stay.
 *
 * @return 0; -EINVAL or -EFAULT with the reason, and the ring unusable.
 */
int virtq_setup(struct virtq *vq, const struct virtq_config *config, struct base_error *err);

/** Forget addresses and memory; indices and counters stay. */
void virtq_teardown(struct virtq *vq);

static inline bool
virtq_is_set_up(const struct virtq *vq)
{
	return vq->mem != NULL;
}

/** Tell the driver that kicks are not needed, since the ring is polled. After virtq_setup(). */
void virtq_suppress_kicks(struct virtq *vq);

/** The state of the ring. */
void virtq_export(const struct virtq *vq, struct virtq_state *state);

/**
 * Continue from a state. The ring must be drained in it (last_avail == last_used).
 *
 * @return 0; -EINVAL otherwise.
 */
int virtq_import(struct virtq *vq, const struct virtq_state *state);

/** Send the guest a notification, wanted or not. Management lcore, or whoever owns call_fd. */
void virtq_call(struct virtq *vq);

/** The driver's and the device's index as they stand in guest memory (0 if not set up). */
uint16_t virtq_guest_avail_idx(const struct virtq *vq);
uint16_t virtq_guest_used_idx(const struct virtq *vq);

/** Its name in counters, and a sentence. */
const char *virtq_error_name(enum virtq_error error);
const char *virtq_error_text(enum virtq_error error);

/**
 * How many buffers the driver has made available. Data lcore. A receive ring
 * with mergeable buffers may need several for one packet.
 *
 * @return 0 too when the index is nonsense, and the ring is in error then.
 */
static inline uint16_t
virtq_room(struct virtq *vq)
{
	uint16_t room;

	if (unlikely(vq->error != VIRTQ_OK))
		return 0;
	if (unlikely(gmem_is_lost(vq->mem))) {
		vq->error = VIRTQ_ERR_MEMORY;
		return 0;
	}
	room = (uint16_t)(__atomic_load_n(&vq->avail->idx, __ATOMIC_ACQUIRE) - vq->last_avail);
	if (unlikely(room > vq->size)) {
		vq->error = VIRTQ_ERR_AVAIL_IDX;
		return 0;
	}
	return room;
}

#endif /* VIRTQ_H */
