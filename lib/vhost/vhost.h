/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * vhost: vhost-user devices on librte_vhost.
 *
 * Concepts:
 *  - A *device* (struct vhost_dev) belongs to a socket and lives as long as
 *    its port. A *connection* is one front-end on that socket; a device has
 *    at most one, and none while nobody is attached.
 *  - The library keeps the sockets, reads and frames messages, acknowledges.
 *    All that concerns memory and rings is ours: the library's hook hands the
 *    message to the management lcore as a request and waits for the answer.
 *    The library's own mapping and rings are never made, so nothing of them
 *    can be pulled away under a polling lcore.
 *  - A ring is *runnable* when it is started (kicked), its addresses are
 *    translated, its device has reached DRIVER_OK where status is negotiated,
 *    and it is not in error. Runnable rings are polled. A disabled ring is
 *    polled too, if it is a transmit ring: its packets are discarded, as the
 *    protocol wants it.
 *  - A device is *paused* while its memory or addresses are exchanged: its
 *    rings stand still, and packets for it are held, not dropped.
 *  - *Quiesce*: before the answer to a message that takes away memory,
 *    addresses or a ring, no lcore polls the rings concerned. The upper rooms
 *    do that (struct vhost_env); a lcore that is late makes the message wait.
 *
 * Ring numbers: 2n is the receive ring of pair n (we write packets to it),
 * 2n + 1 its transmit ring (virtio 1.x 5.1.2).
 *
 * Threads: everything here belongs to the management lcore, but the hooks
 * inside, which run on the library's threads and share nothing but requests.
 */

#ifndef VHOST_H
#define VHOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/worker.h"
#include "conf/conf.h"
#include "gmem/gmem.h"
#include "virtq/virtq.h"

#define VHOST_MAX_RINGS (2 * CONF_MAX_QUEUE_PAIRS)

struct vhost_dev;
struct vhost_conn;

/** What the rooms above provide. Called on the management lcore. */
struct vhost_env {
	struct base_loop *loop;
	struct base_worker *worker;
	/**
	 * Some rings of the device are no longer runnable: take them out of
	 * the poll tables and wait until no lcore polls them.
	 *
	 * @return 0; -ETIMEDOUT if a lcore is late. May be called again.
	 */
	int (*quiesce)(struct vhost_dev *dev);
	/** Rings have become runnable, enabled, or disabled: publish. */
	void (*changed)(struct vhost_dev *dev);
	/** Run fn once every lcore has passed a quiescent state. */
	void (*defer)(void (*fn)(void *arg), void *arg);
	/** Send this frame as if the guest had (SEND_RARP). Ownership stays with the caller. */
	void (*announce)(struct vhost_dev *dev, const uint8_t mac[6]);
};

struct vhost_ring {
	struct virtq vq; /* see virtq.h */
	/* Management only. */
	uint16_t index;
	uint16_t num;
	uint64_t desc_uva;
	uint64_t avail_uva;
	uint64_t used_uva;
	bool addr_set;
	bool started;
	bool enabled;
	bool error_told; /* the error has been logged and signalled */
	uint16_t base;	 /* where to start, from SET_VRING_BASE or the last stop */
	int kick_fd;
	int err_fd;
	uint64_t errors; /* times it stopped for an error */
};

struct vhost_dev_stats {
	uint64_t connections;
	uint64_t messages;
	uint64_t refused;    /* messages answered with a failure */
	uint64_t late;	     /* messages that had to wait for a lcore beyond the alarm */
	uint64_t mem_tables; /* memory tables mapped */
};

/* Management only, but for `path`, which is constant. */
struct vhost_dev {
	const struct vhost_env *env;
	struct conf_port conf;
	void *owner; /* the port */
	char path[CONF_SOCKET_MAX];
	unsigned int n_rings;
	struct vhost_ring rings[VHOST_MAX_RINGS];
	struct gmem *mem;
	uint64_t mem_files[GMEM_MAX_REGIONS][2]; /* st_dev, st_ino of each region as sent */
	uint32_t n_mem_descs;
	struct gmem_desc mem_descs[GMEM_MAX_REGIONS];
	uint64_t offered;
	uint64_t features;
	bool features_set;
	uint64_t protocol_features;
	uint8_t status;
	uint16_t mtu; /* what the front-end told, 0: nothing */
	bool paused;
	struct vhost_conn *active;
	bool registered; /* the socket is known to the library */
	bool removing;
	struct vhost_dev_stats stats;
	struct base_ratelimit log_limit;
};

/** Once, before any device. @return 0; -ENOTSUP for a DPDK whose messages we cannot read. */
int vhost_init(struct base_error *err);

/** A device for this port; nothing is started. @return NULL with errno set. */
struct vhost_dev *vhost_dev_create(
	const struct vhost_env *env, const struct conf_port *conf, void *owner);

typedef void (*vhost_done_fn)(void *arg, int result, const struct base_error *err);

/**
 * Open the socket: listen, or begin to connect. The work is done by the
 * helper thread; done is called on the loop.
 *
 * @return 0 or -ENOMEM (then done is not called).
 */
int vhost_dev_start(struct vhost_dev *dev, vhost_done_fn done, void *arg);

/** Free a device whose start has failed or was never tried. */
void vhost_dev_destroy(struct vhost_dev *dev);

/**
 * Close socket and connection, and destroy the device; done is called on the
 * loop just before it is freed. The rings are quiesced first.
 *
 * @return 0; -ENOMEM, -EALREADY.
 */
int vhost_dev_remove(struct vhost_dev *dev, vhost_done_fn done, void *arg);

/** Look for what broke the rules since the last call: rings are stopped, traps are sprung. */
void vhost_dev_check_rings(struct vhost_dev *dev);

bool vhost_dev_connected(const struct vhost_dev *dev);
bool vhost_ring_runnable(const struct vhost_dev *dev, const struct vhost_ring *ring);

/** Its library handle, -1 without a connection. */
int vhost_dev_vid(const struct vhost_dev *dev);

/** A feature bit's name, NULL if it has none. */
const char *vhost_feature_name(unsigned int bit);

#endif /* VHOST_H */
