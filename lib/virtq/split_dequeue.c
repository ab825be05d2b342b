/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * Split ring, guest transmit: descriptors to mbufs. Data.
 *
 * A burst has two phases, so that cache misses overlap: first all heads and
 * descriptors are read and their buffers prefetched, then the bytes are
 * copied. A packet in one direct descriptor takes the short way; anything else
 * is walked.
 */

#include "virtq/virtq_data.h"

/* What phase one found out about a packet. */
struct tx_buf {
	const uint8_t *data; /* behind the header; NULL: walk the chain */
	uint32_t len;
	uint16_t head;
};

/* Outcome of copying one chain. */
enum tx_result {
	TX_PACKET,
	TX_DROPPED, /* consumed and counted */
	TX_NO_MBUF, /* not consumed */
	TX_BROKEN,  /* the ring is in error */
};

/* The mbufs of a burst, and what it has done so far. */
struct tx_burst {
	struct rte_mempool *pool;
	struct rte_mbuf *fresh[VIRTQ_BURST]; /* one a packet */
	uint16_t n;			     /* of these, at hand */
	uint16_t consumed;		     /* of these, used: so many packets are done */
	uint32_t steps;			     /* descriptors walked */
};

/*
 * Make a raw mbuf a packet of no bytes. In the pool it has one reference, one
 * segment and no next; left as they are: what no flag makes valid, and the
 * second cache line.
 */
static __rte_always_inline void
reset_mbuf(struct rte_mbuf *pkt)
{
	pkt->data_off = RTE_PKTMBUF_HEADROOM;
	pkt->port = RTE_MBUF_PORT_INVALID;
	pkt->ol_flags = 0;
	pkt->packet_type = 0;
	pkt->pkt_len = 0;
	pkt->data_len = 0;
}

/* As many mbufs as there are packets, or as many as there are. */
static __rte_always_inline void
take_fresh(struct tx_burst *burst, uint16_t n)
{
	uint16_t i;

	while (n > 0 && unlikely(rte_mempool_get_bulk(burst->pool, (void **)burst->fresh, n) != 0))
		n /= 2;
	for (i = 0; i < n; i++)
		reset_mbuf(burst->fresh[i]);
	burst->n = n;
}

/*
 * One more mbuf for the packet at hand. When the pool is empty it comes from
 * the end of the burst, so that a packet never waits for what its own burst
 * holds.
 */
static struct rte_mbuf *
take_more(struct tx_burst *burst)
{
	struct rte_mbuf *more = rte_pktmbuf_alloc(burst->pool);

	if (more == NULL && burst->n > burst->consumed + 1)
		more = burst->fresh[--burst->n];
	return more;
}

/* Append bytes to a chain of mbufs, which grows as needed. */
static int
append_bytes(struct tx_burst *burst, struct rte_mbuf *pkt, struct rte_mbuf **last,
	const uint8_t *from, uint32_t len)
{
	while (len > 0) {
		uint32_t room = rte_pktmbuf_tailroom(*last);
		uint32_t chunk = RTE_MIN(room, len);

		if (room == 0) {
			struct rte_mbuf *more = take_more(burst);

			if (more == NULL)
				return -1;
			(*last)->next = more;
			*last = more;
			pkt->nb_segs++;
			continue;
		}
		rte_memcpy(
			rte_pktmbuf_mtod_offset(*last, uint8_t *, (*last)->data_len), from, chunk);
		(*last)->data_len += chunk;
		pkt->pkt_len += chunk;
		from += chunk;
		len -= chunk;
	}
	return 0;
}

/* Copy what the walk's current descriptor holds, less the header bytes still to skip. */
static enum tx_result
copy_desc(struct virtq_walk *w, struct tx_burst *burst, struct rte_mbuf *pkt,
	struct rte_mbuf **last, uint32_t *skip)
{
	uint64_t gpa = w->cur.addr;
	uint32_t left = w->cur.len;

	while (left > 0) {
		uint32_t chunk = left;
		const uint8_t *from = gmem_gpa_to_va(w->vq->mem, &w->region, gpa, &chunk);
		uint32_t head = RTE_MIN(*skip, chunk);

		if (from == NULL)
			return TX_BROKEN;
		/* pkt_len is at most max_frame; their sum with a chunk could wrap around. */
		if (chunk - head > w->vq->max_frame - pkt->pkt_len)
			return TX_DROPPED;
		if (append_bytes(burst, pkt, last, from + head, chunk - head) < 0)
			return TX_NO_MBUF;
		*skip -= head;
		gpa += chunk;
		left -= chunk;
	}
	return TX_PACKET;
}

static enum tx_result
copy_walked(struct virtq *vq, struct virtq_walk *w, struct tx_burst *burst, uint16_t head,
	struct rte_mbuf *pkt)
{
	struct rte_mbuf *last = pkt;
	uint32_t skip = vq->hdr_len;
	enum tx_result result;
	int more;

	for (more = virtq_walk_begin(w, vq, head); more > 0; more = virtq_walk_next(w)) {
		if (unlikely((w->cur.flags & VIRTQ_DESC_F_WRITE) != 0)) {
			more = -VIRTQ_ERR_DIRECTION;
			break;
		}
		result = copy_desc(w, burst, pkt, &last, &skip);
		if (result == TX_BROKEN)
			vq->error = VIRTQ_ERR_ADDRESS;
		if (result == TX_DROPPED)
			vq->stats.oversize++;
		if (result != TX_PACKET)
			return result;
	}
	if (more < 0 || skip > 0) {
		vq->error = more < 0 ? (uint8_t)-more : VIRTQ_ERR_HEADER;
		return TX_BROKEN;
	}
	if (pkt->pkt_len < VIRTQ_MIN_FRAME) {
		vq->stats.runt++;
		return TX_DROPPED;
	}
	return TX_PACKET;
}

static __rte_noinline enum tx_result
copy_chain(struct virtq *vq, struct tx_burst *burst, uint16_t head, struct rte_mbuf *pkt)
{
	struct virtq_walk w;
	enum tx_result result = copy_walked(vq, &w, burst, head, pkt);

	burst->steps += w.steps;
	return result;
}

/* Phase one for one packet: is it in one direct, contiguous, read-only descriptor? */
static __rte_always_inline void
look_at(struct virtq *vq, const struct gmem_region **region, struct tx_buf *buf)
{
	struct virtq_split_desc desc = virtq_read_desc(&vq->desc[buf->head]);
	uint32_t len = desc.len;
	const uint8_t *va;

	buf->data = NULL;
	if (unlikely(desc.flags != 0 || len < (uint32_t)vq->hdr_len + VIRTQ_MIN_FRAME))
		return;
	va = gmem_gpa_to_va(vq->mem, region, desc.addr, &len);
	if (unlikely(va == NULL || len != desc.len))
		return;
	/* The header is not read; with headroom the data begin in the next cache line. */
	rte_prefetch0(va + vq->hdr_len);
	buf->data = va + vq->hdr_len;
	buf->len = len - vq->hdr_len;
}

static __rte_always_inline uint16_t
look_at_all(struct virtq *vq, struct tx_buf *bufs, uint16_t n)
{
	const struct gmem_region *region = &vq->mem->regions[0];
	uint16_t i;

	for (i = 0; i < n; i++) {
		bufs[i].head = virtq_read_head(vq, (uint16_t)(vq->last_avail + i));
		if (unlikely(bufs[i].head >= vq->size)) {
			vq->error = VIRTQ_ERR_HEAD;
			n = i;
			break;
		}
		rte_prefetch0(&vq->desc[bufs[i].head]);
	}
	for (i = 0; i < n; i++)
		look_at(vq, &region, &bufs[i]);
	return n;
}

static __rte_always_inline enum tx_result
copy_packet(
	struct virtq *vq, struct tx_burst *burst, const struct tx_buf *buf, struct rte_mbuf *pkt)
{
	if (unlikely(buf->data == NULL || buf->len > rte_pktmbuf_tailroom(pkt) ||
		    buf->len > vq->max_frame))
		return copy_chain(vq, burst, buf->head, pkt);
	rte_memcpy(rte_pktmbuf_mtod(pkt, uint8_t *), buf->data, buf->len);
	pkt->pkt_len = buf->len;
	pkt->data_len = (uint16_t)buf->len;
	return TX_PACKET;
}

uint16_t
virtq_split_dequeue(struct virtq *vq, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n)
{
	struct tx_buf bufs[VIRTQ_BURST];
	struct tx_burst burst;
	enum tx_result result = TX_PACKET;
	uint16_t room = virtq_room(vq);
	uint16_t got = 0;
	uint64_t bytes = 0;

	n = RTE_MIN(RTE_MIN(n, room), (uint16_t)VIRTQ_BURST);
	if (n == 0)
		return 0;
	n = look_at_all(vq, bufs, n);
	burst.pool = pool;
	burst.consumed = 0;
	burst.steps = 0;
	take_fresh(&burst, n);

	while (burst.consumed < burst.n && likely(burst.steps < VIRTQ_BURST_STEPS)) {
		const struct tx_buf *buf = &bufs[burst.consumed];
		struct rte_mbuf *pkt = burst.fresh[burst.consumed];

		result = copy_packet(vq, &burst, buf, pkt);
		if (unlikely(result > TX_DROPPED))
			break;
		virtq_split_put_used(vq, burst.consumed++, buf->head, 0);
		if (unlikely(result == TX_DROPPED)) {
			rte_pktmbuf_free(pkt);
			continue;
		}
		bytes += pkt->pkt_len;
		pkts[got++] = pkt;
	}
	if (unlikely(burst.consumed < burst.n))
		rte_pktmbuf_free_bulk(&burst.fresh[burst.consumed], burst.n - burst.consumed);
	vq->stats.no_mbuf += burst.n < n || result == TX_NO_MBUF;
	if (unlikely(burst.consumed == 0))
		return 0;

	virtq_split_publish(vq, burst.consumed);
	vq->stats.packets += got;
	vq->stats.bytes += bytes;
	vq->stats.bursts++;
	return got;
}
