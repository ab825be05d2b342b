/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * port: where packets come from and go to.
 *
 * Concepts:
 *  - A *port* is a vhost-user device or an ethdev, by name. It has receive
 *    queues (packets into Ringferry: a guest's transmit rings, a NIC's receive
 *    queues) and transmit queues (packets out of it).
 *  - A transmit queue is open, held or closed. *Open*: its ring is runnable and
 *    enabled, or its link is up. *Held*: it will be open again in a moment;
 *    its sources are not polled until then. *Closed*: packets for it are
 *    dropped, and the reason says why.
 *  - A transmit queue keeps what its ring or NIC has no room for: those
 *    packets are *in hand*, and its sources are not polled meanwhile. On a wire
 *    that is back-pressure instead of loss.
 *  - *Counters*: a port has the directions in and out, and for each holds
 *        in:  packets = passed + dropped(by reason) + in hand
 *        out: packets = delivered + dropped(by reason) + in hand
 *    A packet that passes from one port's in is counted in another's out.
 *
 * Threads: ports belong to the management lcore. The part of a queue marked so
 * belongs to the one data lcore that polls it; which one changes only over a
 * grace period.
 */

#ifndef PORT_H
#define PORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/worker.h"
#include "conf/conf.h"
#include "vhost/vhost.h"
#include "virtq/virtq.h"

#define PORT_BURST	VIRTQ_BURST
#define PORT_MAX_QUEUES CONF_MAX_QUEUES

/** Why a packet was dropped. */
enum port_drop {
	/* in */
	PORT_DROP_RUNT,		 /**< shorter than an Ethernet header */
	PORT_DROP_OVERSIZE,	 /**< longer than the port's MTU allows */
	PORT_DROP_NO_WIRE,	 /**< the port is in no wire */
	PORT_DROP_RING_DISABLED, /**< in and out: the guest has disabled the ring */
	/* out */
	PORT_DROP_NO_DEVICE,	/**< no front-end is connected */
	PORT_DROP_RING_STOPPED, /**< connected, but the guest's driver is not running */
	PORT_DROP_LINK_DOWN,	/**< the NIC has no link */
	PORT_DROP_TOO_BIG,	/**< longer than the NIC's MTU allows */
	PORT_DROP_RX_TOO_SMALL, /**< the guest's buffers cannot hold it */
	PORT_DROP_TX_ERROR,	/**< the NIC did not take it for a second */
	PORT_DROP_PORT_REMOVED, /**< was in hand when the port was removed */
	PORT_DROP_COUNT,
};

/** See above. */
enum port_use {
	PORT_OPEN,
	PORT_HELD,
	PORT_CLOSED,
};

struct port;

/** Source of packets. */
struct port_rxq {
	/* Management: w while nobody polls; data: r. */
	uint16_t (*burst)(struct port_rxq *rxq, struct rte_mbuf **pkts, uint16_t n);
	struct virtq *vq;	  /* vhost */
	struct rte_mempool *pool; /* vhost */
	uint16_t eth_port;	  /* ethdev */
	uint16_t eth_queue;
	/* Management puts one frame here if it is NULL; data takes it. */
	struct rte_mbuf *inject;
	/* Data: w; management: r. */
	uint64_t packets; /* without what the virtqueue counts itself */
	uint64_t bytes;
	uint64_t passed;
	uint64_t dropped[PORT_DROP_COUNT];
	/* Management only. */
	struct port *port;
	uint16_t index;
	int owner; /* the lcore that polls it, or did last; -1: none yet */
} __rte_cache_aligned;

/** Destination of packets. */
struct port_txq {
	/* Management: w while nobody polls; data: r. */
	/** Takes the first packets and frees them in time. @return how many are done with. */
	uint16_t (*burst)(struct port_txq *txq, struct rte_mbuf **pkts, uint16_t n);
	struct virtq *vq; /* vhost */
	uint16_t eth_port;
	uint16_t eth_queue;
	uint32_t max_frame; /* bytes */
	/* Data: w; management: r. */
	uint16_t n_pending;
	uint64_t stuck_since; /* TSC; 0: not stuck */
	uint64_t offered;
	uint64_t packets; /* delivered, without what the virtqueue counts itself */
	uint64_t bytes;
	uint64_t dropped[PORT_DROP_COUNT];
	struct rte_mbuf *pending[PORT_BURST];
	/* Management only. */
	struct port *port;
	uint16_t index;
	int owner;
} __rte_cache_aligned;

/** What the rooms above provide. */
struct port_env {
	struct base_loop *loop;
	struct base_worker *worker;
	struct rte_mempool *pool;
	/** Publish what is usable now, wait until nothing else is polled. 0 or -ETIMEDOUT. */
	int (*quiesce)(void);
	/** Publish what is usable now. */
	void (*changed)(void);
	/** Run fn(arg) after a grace period. */
	void (*defer)(void (*fn)(void *arg), void *arg);
};

enum port_state {
	PORT_STARTING, /**< the helper thread is at it */
	PORT_RUNNING,
	PORT_REMOVING,
};

struct port {
	TAILQ_ENTRY(port) next;
	struct conf_port conf;
	enum port_state state;
	bool wired; /**< kept by fwd */
	bool link_up;
	uint16_t n_queues;
	struct vhost_dev *vhost; /**< NULL for an ethdev */
	uint16_t eth_port;	 /**< RTE_MAX_ETHPORTS if not (yet) there */
	struct port_rxq *rxq;	 /**< n_queues of each */
	struct port_txq *txq;
};

struct port_counters {
	struct {
		uint64_t packets;
		uint64_t bytes;
		uint64_t passed;
		uint64_t in_hand;
		uint64_t dropped[PORT_DROP_COUNT];
	} in;
	struct {
		uint64_t packets;
		uint64_t delivered;
		uint64_t bytes;
		uint64_t in_hand;
		uint64_t dropped[PORT_DROP_COUNT];
	} out;
};

TAILQ_HEAD(port_list, port);

/** Once, before any port; env stays the caller's and must live on. @return 0 or -errno. */
int port_init(const struct port_env *env, struct base_error *err);

/** All ports, in the order in which they were added. */
const struct port_list *port_all(void);
struct port *port_find(const char *name);

/** Called on the loop when adding or removing has ended; arg is the caller's. */
typedef void (*port_done_fn)(void *arg, int result, const struct base_error *err);

/**
 * Add a port from a checked configuration. It is listed at once, and running
 * when done is called with 0; on failure it is gone again.
 *
 * @return 0; -EEXIST, -ENOMEM with a sentence (then done is not called).
 */
int port_add(const struct conf_port *conf, port_done_fn done, void *arg, struct base_error *err);

/**
 * Remove a port: it leaves the poll tables first, and what it had in hand is
 * dropped as port_removed.
 *
 * @return 0; -EBUSY while it is wired, starting, or being removed; -ENOMEM.
 */
int port_remove(struct port *port, port_done_fn done, void *arg, struct base_error *err);

/** Rings in error, links gone up or down: to be called every so often. */
void port_check_all(void);

/** Is this receive queue to be polled? *reason is set when its packets are to be discarded. */
bool port_rxq_polled(const struct port_rxq *rxq, bool *discard, enum port_drop *reason);
/** Can packets go there? *reason is set if it is closed. */
enum port_use port_txq_use(const struct port_txq *txq, enum port_drop *reason);

/** Drop what a queue has in hand; nobody polls it. */
void port_txq_purge(struct port_txq *txq, enum port_drop reason);

void port_counters_get(const struct port *port, struct port_counters *counters);
const char *port_drop_name(enum port_drop reason);
const char *port_state_name(const struct port *port);

#endif /* PORT_H */
