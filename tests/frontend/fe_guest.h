/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * frontend: a guest with a virtio-net device behind a vhost-user connection.
 *
 * A *guest* is a connection, guest memory and queue pairs. It negotiates and
 * starts in the order of messages that QEMU uses. Its life:
 *
 *   fe_guest_create     memory and the settings; nothing is sent
 *   fe_guest_connect    the connection, negotiation, call and error eventfds
 *   fe_guest_start      features, memory, rings, status: packets flow
 *   fe_guest_stop       GET_VRING_BASE for each ring, as QEMU does
 *   fe_guest_start      continues where it stopped
 *   fe_guest_disconnect, fe_guest_connect, fe_guest_start: a back-end lost and found
 *   fe_guest_reset      a new driver: empty rings. Only when no back-end has them any more:
 *                       stopped, or after a new fe_guest_connect
 *
 * Queue 2n receives, queue 2n+1 transmits, for pair n. One thread at a time.
 */

#ifndef FE_GUEST_H
#define FE_GUEST_H

#include <linux/virtio_net.h>

#include "fe_buf.h"
#include "fe_msg.h"
#include "fe_pkt.h"

#define FE_PAIRS_MAX	16
#define FE_NET_HDR_SIZE 12u /* VERSION_1: always with num_buffers */

struct fe_guest_conf {
	const char *socket;
	bool listen; /**< the back-end connects to us */
	unsigned int pairs;
	unsigned int extra_pairs; /**< started, but never enabled: a guest that uses fewer */
	uint16_t ring_size;
	unsigned int n_rx_bufs; /**< per queue; 0: as many as fit */
	unsigned int n_tx_bufs;
	uint64_t features; /**< what the driver knows; negotiated: of these, what is offered */
	uint64_t protocol; /**< likewise */
	uint16_t mtu;
	uint32_t rx_buf_size; /**< 0: one frame of the MTU fits */
	struct fe_buf_cut rx_cut, tx_cut;
	bool indirect;	 /**< use indirect tables where negotiated */
	bool need_reply; /**< ask for acknowledgements where negotiated */
	bool poison;	 /**< check that nothing is written behind a received packet */
	unsigned int watch;
	const struct fe_region_conf *regions; /**< NULL: one at 0, one above 4 GiB */
	unsigned int n_regions;
	int timeout_ms; /**< 0: FE_DEFAULT_TIMEOUT */
};

struct fe_slot {
	struct fe_buf buf;
	struct fe_slot *next; /**< in the list of free ones */
};

struct fe_queue {
	struct fe_vq vq;
	struct fe_slot *slots;
	unsigned int n_slots;
	struct fe_slot *free;
	uint64_t packets; /**< sent, or received */
	bool enabled;	  /**< what the back-end has been told last */
	bool callfd_sent;
	int masked_fd; /**< the eventfd before the start */
};

struct fe_guest {
	struct fe_guest_conf conf; /**< socket points to the copy below */
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct fe_conn conn;
	struct fe_mem mem;
	struct fe_queue *queues;
	unsigned int n_queues;
	uint64_t offered; /**< by the back-end */
	uint64_t features;
	uint64_t protocol;
	uint64_t max_pairs; /**< the back-end's, from GET_QUEUE_NUM */
	bool started;
	uint8_t *frame; /**< scratch: FE_PKT_MAX */
};

/** All features of a split-ring virtio-net that ringferryd may offer. */
#define FE_GUEST_FEATURES \
	(FE_BIT(VIRTIO_F_VERSION_1) | FE_BIT(FE_F_PROTOCOL_FEATURES) | \
		FE_BIT(VIRTIO_NET_F_MRG_RXBUF) | FE_BIT(VIRTIO_RING_F_INDIRECT_DESC) | \
		FE_BIT(VIRTIO_RING_F_EVENT_IDX) | FE_BIT(VIRTIO_F_IN_ORDER) | \
		FE_BIT(VIRTIO_NET_F_MQ) | FE_BIT(VIRTIO_NET_F_MTU) | \
		FE_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE))

#define FE_GUEST_PROTOCOL \
	(FE_BIT(FE_PROTO_MQ) | FE_BIT(FE_PROTO_REPLY_ACK) | FE_BIT(FE_PROTO_NET_MTU) | \
		FE_BIT(FE_PROTO_STATUS) | FE_BIT(FE_PROTO_LOG_SHMFD) | FE_BIT(FE_PROTO_RARP))

/** Settings of an ordinary guest: one pair, rings of 256, everything negotiated and watched. */
void fe_guest_defaults(struct fe_guest_conf *conf, const char *socket);

/** @return 0 or -errno; nothing is left behind on failure. */
int fe_guest_create(struct fe_guest *g, const struct fe_guest_conf *conf);

void fe_guest_destroy(struct fe_guest *g);

/** Connect and negotiate (QEMU's order, once per pair). @return 0 or an error of fe_conn.h. */
int fe_guest_connect(struct fe_guest *g);

/** Close the connection, unannounced. The rings stay as they are. */
void fe_guest_disconnect(struct fe_guest *g);

/** Give the back-end features, memory and rings, and DRIVER_OK. Posts receive buffers. */
int fe_guest_start(struct fe_guest *g);

/**
 * Stop the rings, in order. A ring's base has to be what is used: nothing is in flight.
 *
 * @return 0; -EPROTO if a base is something else; an error of fe_conn.h.
 */
int fe_guest_stop(struct fe_guest *g);

/*
 * The parts of a start, for those who do it in another order.
 */

/** What the driver does in memory: rings ready, receive buffers posted. @return 0 or -errno. */
int fe_guest_prepare(struct fe_guest *g);

/** Set bits of the device status, where that is negotiated. */
int fe_guest_add_status(struct fe_guest *g, uint64_t bits);

/** Announce the memory as it is now. */
int fe_guest_send_memory(struct fe_guest *g);

/** All messages that give one ring to the back-end, in QEMU's order. */
int fe_guest_start_ring(struct fe_guest *g, unsigned int queue);

/** The device runs: kick what asks for it. */
void fe_guest_started(struct fe_guest *g);

/** connect, start. @return 0 or an error. */
int fe_guest_up(struct fe_guest *g);

/** A new driver in the guest: rings empty, indices 0. Not while started. */
void fe_guest_reset(struct fe_guest *g);

/** Forget the connection and the rings, and come up anew. */
int fe_guest_reconnect(struct fe_guest *g);

/** Send one message per ring of a pair. */
int fe_guest_enable(struct fe_guest *g, unsigned int pair, bool enable);

struct fe_queue *fe_guest_rx(struct fe_guest *g, unsigned int pair);
struct fe_queue *fe_guest_tx(struct fe_guest *g, unsigned int pair);

/**
 * Put a frame into a transmit ring, without publishing it.
 *
 * @return 0; -EAGAIN without room; -EPROTO if the device broke the rules.
 */
int fe_guest_queue(struct fe_guest *g, unsigned int pair, const void *frame, size_t len);

/** Publish and kick what was queued. */
void fe_guest_flush(struct fe_guest *g, unsigned int pair);

/** Queue one frame and flush. */
int fe_guest_send(struct fe_guest *g, unsigned int pair, const void *frame, size_t len);

/** Take used transmit buffers back. @return how many; -EPROTO. */
int fe_guest_reclaim(struct fe_guest *g, unsigned int pair);

/**
 * Take one received frame, and give the buffers to the device again.
 *
 * @param[out] hdr  may be NULL.
 * @return its length; 0 for none; -EPROTO; -EMSGSIZE if frame is too small.
 */
int fe_guest_recv(struct fe_guest *g, unsigned int pair, void *frame, size_t size,
	struct virtio_net_hdr_v1 *hdr);

/** Wait on the call eventfd until something was received. @return 0; -ETIMEDOUT. */
int fe_guest_wait_rx(struct fe_guest *g, unsigned int pair, int timeout_ms);

/** Wait until all that was sent is used. @return 0; -ETIMEDOUT; -EPROTO. */
int fe_guest_drain_tx(struct fe_guest *g, unsigned int pair, int timeout_ms);

/** Check all that the device must not have touched. @return 0; -EPROTO. */
int fe_guest_check(struct fe_guest *g);

#endif /* FE_GUEST_H */
