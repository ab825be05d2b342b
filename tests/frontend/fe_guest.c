/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fe_guest.h"

#define GUEST_PAGE	4096ull
#define GUEST_HIGH	(4ull << 30) /* where the second region is by default */
#define GUEST_L2_HEADER 18	     /* Ethernet and one VLAN tag */

void
fe_guest_defaults(struct fe_guest_conf *conf, const char *socket)
{
	*conf = (struct fe_guest_conf){.socket = socket,
		.pairs = 1,
		.ring_size = 256,
		.features = FE_GUEST_FEATURES,
		.protocol = FE_GUEST_PROTOCOL,
		.mtu = 1500,
		.need_reply = true,
		.poison = true,
		.watch = FE_WATCH_ALL};
}

static uint32_t
guest_tx_size(const struct fe_guest_conf *conf)
{
	return FE_NET_HDR_SIZE + GUEST_L2_HEADER + conf->mtu;
}

static uint32_t
guest_rx_size(const struct fe_guest_conf *conf)
{
	return conf->rx_buf_size != 0 ? conf->rx_buf_size : guest_tx_size(conf);
}

/* Guest memory for everything, with room to spare for what tests allocate. */
static uint64_t
guest_memory_size(const struct fe_guest_conf *conf, unsigned int n_queues)
{
	uint64_t slot = guest_tx_size(conf) + guest_rx_size(conf) +
		2 * FE_BUF_PIECES * (2 * FE_GUARD + FE_GUARD);
	uint64_t ring = (uint64_t)conf->ring_size * (32 + FE_VQ_INDIRECT_MAX * 16) + 4096;
	uint64_t size = n_queues * (ring + conf->ring_size * slot) + (4 << 20);

	return (size + GUEST_PAGE - 1) & ~(GUEST_PAGE - 1);
}

static int
guest_create_memory(struct fe_guest *g)
{
	uint64_t size = guest_memory_size(&g->conf, g->n_queues);
	/* The first one is too small for all, so that both are used. */
	const struct fe_region_conf two[] = {
		{.gpa = 0, .size = (size / 2) & ~(GUEST_PAGE - 1)},
		{.gpa = GUEST_HIGH, .size = size},
	};

	if (g->conf.regions != NULL)
		return fe_mem_init(&g->mem, g->conf.regions, g->conf.n_regions);
	return fe_mem_init(&g->mem, two, 2);
}

static int
guest_create_slots(struct fe_guest *g, struct fe_queue *q, bool rx)
{
	unsigned int n = rx ? g->conf.n_rx_bufs : g->conf.n_tx_bufs;
	int ret = 0;

	q->n_slots = n != 0 ? n : g->conf.ring_size;
	q->slots = calloc(q->n_slots, sizeof(*q->slots));
	if (q->slots == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < q->n_slots && ret == 0; i++)
		ret = fe_buf_init(&q->slots[i].buf, &g->mem,
			rx ? guest_rx_size(&g->conf) : guest_tx_size(&g->conf),
			rx ? &g->conf.rx_cut : &g->conf.tx_cut);
	return ret;
}

/* All slots are the guest's. */
static void
guest_free_slots(struct fe_queue *q)
{
	q->free = NULL;
	for (unsigned int i = q->n_slots; i-- > 0;) {
		q->slots[i].next = q->free;
		q->free = &q->slots[i];
	}
}

static int
guest_create_queue(struct fe_guest *g, unsigned int index)
{
	const struct fe_vq_conf conf = {
		.size = g->conf.ring_size, .features = g->conf.features, .watch = g->conf.watch};
	struct fe_queue *q = &g->queues[index];
	int ret;

	q->masked_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (q->masked_fd < 0)
		return -errno;
	ret = fe_vq_init(&q->vq, &g->mem, (uint16_t)index, &conf);
	if (ret < 0)
		return ret;
	ret = guest_create_slots(g, q, index % 2 == 0);
	guest_free_slots(q);
	return ret;
}

int
fe_guest_create(struct fe_guest *g, const struct fe_guest_conf *conf)
{
	int ret;

	memset(g, 0, sizeof(*g));
	g->conf = *conf;
	snprintf(g->socket, sizeof(g->socket), "%s", conf->socket);
	g->conf.socket = g->socket;
	fe_conn_init(&g->conn);
	if (conf->timeout_ms > 0)
		g->conn.timeout_ms = conf->timeout_ms;
	g->conn.need_reply = conf->need_reply;
	g->n_queues = 2 * (conf->pairs + conf->extra_pairs);
	g->frame = malloc(FE_PKT_MAX);
	g->queues = calloc(g->n_queues, sizeof(*g->queues));
	ret = g->frame == NULL || g->queues == NULL ? -ENOMEM : guest_create_memory(g);
	for (unsigned int i = 0; i < g->n_queues && g->queues != NULL; i++)
		g->queues[i].masked_fd = g->queues[i].vq.kickfd = g->queues[i].vq.callfd =
			g->queues[i].vq.errfd = -1;
	for (unsigned int i = 0; i < g->n_queues && ret == 0; i++)
		ret = guest_create_queue(g, i);
	if (ret == 0 && conf->listen)
		ret = fe_conn_listen(&g->conn, conf->socket);
	if (ret < 0)
		fe_guest_destroy(g);
	return ret;
}

void
fe_guest_destroy(struct fe_guest *g)
{
	fe_conn_fini(&g->conn);
	for (unsigned int i = 0; i < g->n_queues && g->queues != NULL; i++) {
		struct fe_queue *q = &g->queues[i];

		fe_vq_fini(&q->vq);
		free(q->slots);
		if (q->masked_fd >= 0)
			close(q->masked_fd);
	}
	free(g->queues);
	free(g->frame);
	fe_mem_fini(&g->mem);
	memset(g, 0, sizeof(*g));
	fe_conn_init(&g->conn);
}

struct fe_queue *
fe_guest_rx(struct fe_guest *g, unsigned int pair)
{
	return &g->queues[2 * pair];
}

struct fe_queue *
fe_guest_tx(struct fe_guest *g, unsigned int pair)
{
	return &g->queues[2 * pair + 1];
}

static bool
guest_protocol_has(const struct fe_guest *g, unsigned int bit)
{
	return (g->protocol & FE_BIT(bit)) != 0;
}

static bool
guest_has(const struct fe_guest *g, unsigned int bit)
{
	return (g->features & FE_BIT(bit)) != 0;
}

/* What QEMU asks for each of its devices, one per pair. */
static int
guest_negotiate(struct fe_guest *g, unsigned int pair)
{
	uint64_t protocol = 0;
	int ret = fe_get_features(&g->conn, &g->offered);

	if (ret < 0)
		return ret;
	g->features = g->offered & g->conf.features;
	if (guest_has(g, FE_F_PROTOCOL_FEATURES)) {
		ret = fe_get_protocol_features(&g->conn, &protocol);
		g->protocol = protocol & g->conf.protocol;
		if (ret == 0)
			ret = fe_set_protocol_features(&g->conn, g->protocol);
		if (ret == 0 && guest_protocol_has(g, FE_PROTO_MQ))
			ret = fe_get_queue_num(&g->conn, &g->max_pairs);
	}
	if (ret == 0 && pair == 0)
		ret = fe_set_owner(&g->conn);
	if (ret == 0)
		ret = fe_get_features(&g->conn, &g->offered);
	return ret;
}

static int
guest_connect_ring(struct fe_guest *g, unsigned int index)
{
	int ret = fe_set_vring_call(&g->conn, index, g->queues[index].masked_fd);

	return ret < 0 ? ret : fe_set_vring_err(&g->conn, index, g->queues[index].vq.errfd);
}

int
fe_guest_connect(struct fe_guest *g)
{
	unsigned int pairs = g->n_queues / 2;
	int ret = g->conf.listen ? fe_conn_accept(&g->conn)
				 : fe_conn_connect(&g->conn, g->conf.socket);

	g->protocol = 0;
	for (unsigned int pair = 0; pair < pairs && ret == 0; pair++) {
		ret = guest_negotiate(g, pair);
		if (ret == 0)
			ret = guest_connect_ring(g, 2 * pair);
		if (ret == 0)
			ret = guest_connect_ring(g, 2 * pair + 1);
	}
	for (unsigned int pair = 0; pair < g->conf.pairs && ret == 0; pair++)
		ret = fe_guest_enable(g, pair, true);
	return ret;
}

void
fe_guest_disconnect(struct fe_guest *g)
{
	fe_conn_close(&g->conn);
	g->started = false;
}

int
fe_guest_enable(struct fe_guest *g, unsigned int pair, bool enable)
{
	int ret = 0;

	if (!guest_has(g, FE_F_PROTOCOL_FEATURES))
		return 0;
	for (unsigned int i = 2 * pair; i < 2 * pair + 2 && ret == 0; i++) {
		ret = fe_set_vring_enable(&g->conn, i, enable);
		g->queues[i].enabled = enable;
	}
	return ret;
}

int
fe_guest_send_memory(struct fe_guest *g)
{
	struct fe_mem_table table;
	int fds[FE_MEM_REGIONS];

	fe_mem_table(&g->mem, &table, fds);
	return fe_set_mem_table(&g->conn, &table, fds, table.n);
}

int
fe_guest_start_ring(struct fe_guest *g, unsigned int queue)
{
	struct fe_vq *vq = &g->queues[queue].vq;
	struct fe_vring_addr addr;
	int ret = fe_set_vring_num(&g->conn, queue, vq->conf.size);

	if (ret == 0)
		ret = fe_set_vring_base(&g->conn, queue, vq->ops->base(vq));
	vq->ops->address(vq, &addr);
	if (ret == 0)
		ret = fe_set_vring_addr(&g->conn, &addr);
	if (ret == 0)
		ret = fe_set_vring_kick(&g->conn, queue, vq->kickfd);
	if (ret == 0)
		ret = fe_set_vring_call(&g->conn, queue, vq->callfd);
	return ret;
}

int
fe_guest_add_status(struct fe_guest *g, uint64_t bits)
{
	uint64_t status;
	int ret;

	if (!guest_protocol_has(g, FE_PROTO_STATUS))
		return 0;
	ret = fe_get_status(&g->conn, &status);
	return ret < 0 ? ret : fe_set_status(&g->conn, status | bits);
}

static int
guest_post_rx(struct fe_queue *q, const struct fe_guest *g)
{
	unsigned int flags = g->conf.indirect ? FE_ADD_INDIRECT : 0;
	int ret = 0;

	while (q->free != NULL) {
		struct fe_slot *slot = q->free;

		if (g->conf.poison)
			fe_buf_poison(&slot->buf, &g->mem);
		ret = fe_vq_add(&q->vq, slot->buf.piece, 0, slot->buf.n, slot, flags);
		if (ret < 0)
			break;
		q->free = slot->next;
	}
	fe_vq_publish(&q->vq);
	return ret == -ENOSPC ? 0 : ret;
}

int
fe_guest_prepare(struct fe_guest *g)
{
	int ret = 0;

	for (unsigned int i = 0; i < g->n_queues && ret == 0; i++) {
		struct fe_queue *q = &g->queues[i];

		q->vq.conf.features = g->features;
		q->vq.ops->notify(&q->vq, false);
		if (i % 2 == 0)
			ret = guest_post_rx(q, g);
	}
	return ret;
}

static int
guest_start_pair(struct fe_guest *g, unsigned int pair)
{
	int ret = fe_guest_enable(g, pair, pair < g->conf.pairs);

	if (ret == 0)
		ret = fe_set_features(&g->conn, g->features);
	if (ret == 0)
		ret = fe_guest_add_status(g, FE_STATUS_FEATURES_OK);
	if (ret == 0 && pair == 0)
		ret = fe_guest_send_memory(g);
	if (ret == 0)
		ret = fe_guest_start_ring(g, 2 * pair);
	return ret < 0 ? ret : fe_guest_start_ring(g, 2 * pair + 1);
}

int
fe_guest_start(struct fe_guest *g)
{
	int ret = fe_guest_prepare(g);

	if (ret == 0 && guest_has(g, VIRTIO_NET_F_MTU) && guest_protocol_has(g, FE_PROTO_NET_MTU))
		ret = fe_net_set_mtu(&g->conn, g->conf.mtu);
	for (unsigned int pair = 0; pair < g->n_queues / 2 && ret == 0; pair++)
		ret = guest_start_pair(g, pair);
	if (ret == 0)
		ret = fe_guest_add_status(
			g, FE_STATUS_ACKNOWLEDGE | FE_STATUS_DRIVER | FE_STATUS_DRIVER_OK);
	/* Where nothing was acknowledged, all of it may still be under way. */
	if (ret == 0)
		ret = fe_conn_barrier(&g->conn);
	if (ret == 0)
		fe_guest_started(g);
	return ret;
}

void
fe_guest_started(struct fe_guest *g)
{
	for (unsigned int i = 0; i < g->n_queues; i++)
		fe_vq_kick(&g->queues[i].vq, false);
	g->started = true;
}

int
fe_guest_stop(struct fe_guest *g)
{
	uint32_t base;
	int ret = 0;

	for (unsigned int i = 0; i < g->n_queues && ret == 0; i++) {
		struct fe_vq *vq = &g->queues[i].vq;

		ret = fe_get_vring_base(&g->conn, i, &base);
		if (ret == 0 && base != vq->ops->base(vq))
			ret = fe_vq_fault(
				vq, "stopped at %u, with %u used", base, vq->ops->base(vq));
	}
	if (ret == 0 && guest_protocol_has(g, FE_PROTO_STATUS))
		ret = fe_set_status(&g->conn, 0);
	g->started = false;
	return ret;
}

int
fe_guest_up(struct fe_guest *g)
{
	int ret = fe_guest_connect(g);

	return ret < 0 ? ret : fe_guest_start(g);
}

void
fe_guest_reset(struct fe_guest *g)
{
	for (unsigned int i = 0; i < g->n_queues; i++) {
		fe_vq_reset(&g->queues[i].vq, 0);
		guest_free_slots(&g->queues[i]);
	}
}

int
fe_guest_reconnect(struct fe_guest *g)
{
	fe_guest_disconnect(g);
	return fe_guest_up(g);
}
