/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <string.h>

#include "fe_guest.h"

static void
io_give_back(struct fe_queue *q, struct fe_slot *slot)
{
	slot->next = q->free;
	q->free = slot;
}

int
fe_guest_reclaim(struct fe_guest *g, unsigned int pair)
{
	struct fe_queue *q = fe_guest_tx(g, pair);
	struct fe_used used;
	int n = 0;
	int ret;

	while ((ret = fe_vq_reap(&q->vq, &used)) == 1) {
		struct fe_slot *slot = used.cookie;

		/* Buffers that a test added by hand have no slot. */
		if (slot != NULL && !fe_buf_intact(&slot->buf, &g->mem))
			return fe_vq_fault(&q->vq, "bytes around a transmit buffer changed");
		if (slot != NULL)
			io_give_back(q, slot);
		n++;
	}
	return ret < 0 ? ret : n;
}

static int
io_add_frame(struct fe_guest *g, struct fe_queue *q, const void *frame, size_t len)
{
	const struct virtio_net_hdr_v1 hdr = {0};
	struct fe_slot *slot = q->free;
	struct fe_sg sg[FE_BUF_PIECES];
	unsigned int n;
	int ret;

	if (slot == NULL)
		return -ENOSPC;
	if (len + sizeof(hdr) > slot->buf.size)
		return -EMSGSIZE;
	n = fe_buf_write(&slot->buf, &g->mem, &hdr, sizeof(hdr), frame, len, sg);
	ret = fe_vq_add(&q->vq, sg, n, 0, slot, g->conf.indirect ? FE_ADD_INDIRECT : 0);
	if (ret == 0) {
		q->free = slot->next;
		q->packets++;
	}
	return ret;
}

int
fe_guest_queue(struct fe_guest *g, unsigned int pair, const void *frame, size_t len)
{
	struct fe_queue *q = fe_guest_tx(g, pair);
	int ret = io_add_frame(g, q, frame, len);

	if (ret != -ENOSPC)
		return ret;
	ret = fe_guest_reclaim(g, pair);
	if (ret < 0)
		return ret;
	ret = io_add_frame(g, q, frame, len);
	return ret == -ENOSPC ? -EAGAIN : ret;
}

void
fe_guest_flush(struct fe_guest *g, unsigned int pair)
{
	struct fe_vq *vq = &fe_guest_tx(g, pair)->vq;

	fe_vq_publish(vq);
	fe_vq_kick(vq, false);
}

int
fe_guest_send(struct fe_guest *g, unsigned int pair, const void *frame, size_t len)
{
	int ret = fe_guest_queue(g, pair, frame, len);

	if (ret == 0)
		fe_guest_flush(g, pair);
	return ret;
}

/* One used receive buffer: what the device wrote, and nothing else. */
static int
io_check_rx(struct fe_guest *g, struct fe_queue *q, const struct fe_slot *slot, uint32_t len)
{
	if (!fe_buf_intact(&slot->buf, &g->mem))
		return fe_vq_fault(&q->vq, "bytes around a receive buffer changed");
	if (g->conf.poison && !fe_buf_poisoned_from(&slot->buf, &g->mem, len))
		return fe_vq_fault(&q->vq, "written beyond the used length %u", len);
	return 0;
}

/* Give a receive buffer to the device again; published by the caller. */
static int
io_repost(struct fe_guest *g, struct fe_queue *q, struct fe_slot *slot)
{
	int ret;

	if (g->conf.poison)
		fe_buf_poison(&slot->buf, &g->mem);
	ret = fe_vq_add(&q->vq, slot->buf.piece, 0, slot->buf.n, slot,
		g->conf.indirect ? FE_ADD_INDIRECT : 0);
	if (ret < 0)
		io_give_back(q, slot);
	return ret;
}

struct io_packet {
	uint8_t *frame;
	size_t size, len;
};

/* Append one buffer's bytes from an offset, and repost it. */
static int
io_append(struct fe_guest *g, struct fe_queue *q, const struct fe_used *used, uint32_t offset,
	struct io_packet *pkt)
{
	struct fe_slot *slot = used->cookie;
	uint32_t n = used->len - offset;
	int ret = io_check_rx(g, q, slot, used->len);

	if (ret < 0)
		return ret;
	if (n > pkt->size - pkt->len)
		return -EMSGSIZE;
	fe_buf_read(&slot->buf, &g->mem, offset, pkt->frame + pkt->len, n);
	pkt->len += n;
	return io_repost(g, q, slot);
}

static int
io_check_header(struct fe_guest *g, struct fe_queue *q, const struct virtio_net_hdr_v1 *hdr)
{
	bool mergeable = (g->features & FE_BIT(VIRTIO_NET_F_MRG_RXBUF)) != 0;

	if (hdr->num_buffers == 0 || (!mergeable && hdr->num_buffers != 1))
		return fe_vq_fault(&q->vq, "header says %u buffers, %s", hdr->num_buffers,
			mergeable ? "mergeable" : "not mergeable");
	if (hdr->flags != 0 || hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return fe_vq_fault(&q->vq, "header flags %#x, gso type %#x, neither negotiated",
			hdr->flags, hdr->gso_type);
	return 0;
}

static int
io_recv_packet(struct fe_guest *g, struct fe_queue *q, struct fe_used *used,
	struct virtio_net_hdr_v1 *hdr, struct io_packet *pkt)
{
	struct fe_slot *slot = used->cookie;
	int ret;

	if (used->len < FE_NET_HDR_SIZE)
		return fe_vq_fault(&q->vq, "%u bytes received: less than a header", used->len);
	fe_buf_read(&slot->buf, &g->mem, 0, hdr, sizeof(*hdr));
	ret = io_check_header(g, q, hdr);
	if (ret == 0)
		ret = io_append(g, q, used, FE_NET_HDR_SIZE, pkt);
	for (unsigned int i = 1; i < hdr->num_buffers && ret == 0; i++) {
		ret = fe_vq_reap(&q->vq, used);
		if (ret == 0)
			return fe_vq_fault(&q->vq, "buffer %u of a packet of %u is not there", i,
				hdr->num_buffers);
		if (ret == 1)
			ret = io_append(g, q, used, 0, pkt);
	}
	return ret;
}

int
fe_guest_recv(struct fe_guest *g, unsigned int pair, void *frame, size_t size,
	struct virtio_net_hdr_v1 *hdr)
{
	struct io_packet pkt = {.frame = frame, .size = size};
	struct fe_queue *q = fe_guest_rx(g, pair);
	struct virtio_net_hdr_v1 own;
	struct fe_used used;
	int ret = fe_vq_reap(&q->vq, &used);

	if (ret <= 0)
		return ret;
	ret = io_recv_packet(g, q, &used, &own, &pkt);
	if (ret < 0)
		return ret;
	fe_vq_publish(&q->vq);
	fe_vq_kick(&q->vq, false);
	if (hdr != NULL)
		*hdr = own;
	q->packets++;
	return (int)pkt.len;
}

int
fe_guest_wait_rx(struct fe_guest *g, unsigned int pair, int timeout_ms)
{
	return fe_vq_wait(&fe_guest_rx(g, pair)->vq, timeout_ms);
}

int
fe_guest_drain_tx(struct fe_guest *g, unsigned int pair, int timeout_ms)
{
	struct fe_vq *vq = &fe_guest_tx(g, pair)->vq;
	int64_t deadline = fe_now_ms() + timeout_ms;
	int ret;

	for (;;) {
		ret = fe_guest_reclaim(g, pair);
		if (ret < 0)
			return ret;
		if (vq->last_used == vq->next_avail)
			return 0;
		ret = fe_vq_wait(vq, (int)(deadline - fe_now_ms()));
		if (ret < 0)
			return ret;
	}
}

int
fe_guest_check(struct fe_guest *g)
{
	int ret = 0;

	for (unsigned int i = 0; i < g->n_queues && ret == 0; i++) {
		struct fe_queue *q = &g->queues[i];

		ret = fe_vq_check(&q->vq);
		for (unsigned int s = 0; s < q->n_slots && ret == 0; s++) {
			if (!fe_buf_intact(&q->slots[s].buf, &g->mem))
				ret = fe_vq_fault(&q->vq, "bytes around buffer %u changed", s);
		}
	}
	return ret;
}
