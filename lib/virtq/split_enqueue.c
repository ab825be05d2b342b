/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * Split ring, guest receive: mbufs to descriptors. Data.
 *
 * Phase one looks at as many buffers as there are packets and prefetches
 * them; a packet of one segment that fits the next simple buffer takes the
 * short way in phase two. Everything else is walked: chains, indirect tables,
 * several mbuf segments, several mergeable buffers.
 */

#include "virtq/virtq_data.h"

/* One buffer, as phase one saw it. */
struct rx_buf {
	uint8_t *va; /* NULL: walk the chain */
	uint32_t len;
	uint16_t head;
};

enum rx_result {
	RX_DELIVERED,
	RX_TOO_SMALL, /* the packet can never fit: dropped, nothing consumed */
	RX_NO_ROOM,   /* not now */
	RX_BROKEN,
};

/* Where the bytes come from: a position in a chain of mbufs. */
struct rx_source {
	const struct rte_mbuf *seg;
	uint32_t offset;
	uint32_t left; /* in the whole packet */
};

static __rte_always_inline void
write_header(uint8_t *hdr, uint8_t hdr_len, uint16_t num_buffers)
{
	memset(hdr, 0, VIRTQ_HDR_NUM_BUFFERS_OFFSET);
	if (hdr_len > VIRTQ_HDR_NUM_BUFFERS_OFFSET)
		memcpy(hdr + VIRTQ_HDR_NUM_BUFFERS_OFFSET, &num_buffers, sizeof(num_buffers));
}

/* Copy the next `len` bytes of the packet; len is at most what is left. Segments may be empty. */
static void
source_copy(struct rx_source *src, uint8_t *to, uint32_t len)
{
	while (len > 0) {
		uint32_t chunk = RTE_MIN(len, src->seg->data_len - src->offset);

		rte_memcpy(
			to, rte_pktmbuf_mtod_offset(src->seg, const uint8_t *, src->offset), chunk);
		to += chunk;
		len -= chunk;
		src->left -= chunk;
		src->offset += chunk;
		if (src->offset == src->seg->data_len && src->seg->next != NULL) {
			src->seg = src->seg->next;
			src->offset = 0;
		}
	}
}

/*
 * The net header can be cut by a buffer's or a region's end, and num_buffers
 * is known last: remember where its bytes are, write them at the end.
 */
struct rx_header {
	uint8_t *at[12];
	uint8_t have;
};

/* Fill one descriptor: header bytes that are still missing, then data. Adds what was written. */
static int
fill_desc(struct virtq_walk *w, struct rx_source *src, struct rx_header *hdr, uint32_t *written)
{
	uint64_t gpa = w->cur.addr;
	uint32_t left = w->cur.len;

	while (left > 0 && (src->left > 0 || hdr->have < w->vq->hdr_len)) {
		uint32_t chunk = left;
		uint8_t *to = gmem_gpa_to_va(w->vq->mem, &w->region, gpa, &chunk);
		uint32_t used = 0;

		if (to == NULL)
			return -VIRTQ_ERR_ADDRESS;
		while (hdr->have < w->vq->hdr_len && used < chunk)
			hdr->at[hdr->have++] = to + used++;
		if (chunk > used && src->left > 0) {
			uint32_t n = RTE_MIN(chunk - used, src->left);

			source_copy(src, to + used, n);
			used += n;
		}
		*written += used;
		gpa += used;
		left -= used;
	}
	return 0;
}

/* Fill one buffer, that is one chain. @return bytes written, or a negative enum virtq_error. */
static int64_t
fill_chain(struct virtq *vq, uint16_t head, struct rx_source *src, struct rx_header *hdr,
	uint32_t *steps)
{
	uint32_t written = 0;
	struct virtq_walk w;
	int more, ret;

	for (more = virtq_walk_begin(&w, vq, head); more > 0; more = virtq_walk_next(&w)) {
		++*steps;
		if ((w.cur.flags & VIRTQ_DESC_F_WRITE) == 0)
			return -VIRTQ_ERR_DIRECTION;
		ret = fill_desc(&w, src, hdr, &written);
		if (ret < 0)
			return ret;
		if (src->left == 0 && hdr->have == vq->hdr_len)
			return written;
	}
	if (more < 0)
		return more;
	/* The whole header is in the first buffer (5.1.6.3.1). */
	return hdr->have < vq->hdr_len ? -VIRTQ_ERR_HEADER : (int64_t)written;
}

/*
 * Deliver one packet by walking, over as many mergeable buffers as it needs
 * (5.1.6.3.2). Used entries are written as we go; they count only once they
 * are published, so a packet that does not fit leaves no trace but bytes in
 * buffers that are still ours.
 *
 * @param[in,out] offset buffers taken so far in this burst.
 * @param[in,out] steps descriptors walked so far in this burst.
 */
static enum rx_result
deliver_walking(struct virtq *vq, const struct rte_mbuf *pkt, bool mergeable, uint16_t room,
	uint16_t *offset, uint32_t *steps)
{
	struct rx_source src = {.seg = pkt, .left = pkt->pkt_len};
	struct rx_header hdr = {.have = 0};
	uint8_t header[12] = {0};
	uint16_t taken = 0;
	uint8_t i;

	do {
		uint16_t position = (uint16_t)(*offset + taken);
		uint16_t head;
		int64_t written;

		if (position >= room)
			/* All buffers of the ring together do not suffice: they never will. */
			return room == vq->size && *offset == 0 ? RX_TOO_SMALL : RX_NO_ROOM;
		head = virtq_read_head(vq, (uint16_t)(vq->last_avail + position));
		written = fill_chain(vq, head, &src, &hdr, steps);
		if (written < 0) {
			vq->error = (uint8_t)-written;
			return RX_BROKEN;
		}
		if (src.left > 0 && !mergeable)
			return RX_TOO_SMALL;
		virtq_split_put_used(vq, position, head, (uint32_t)written);
		taken++;
	} while (src.left > 0);

	write_header(header, vq->hdr_len, taken);
	for (i = 0; i < vq->hdr_len; i++)
		*hdr.at[i] = header[i];
	*offset += taken;
	return RX_DELIVERED;
}

/* Phase one: heads, descriptors, translation, prefetch. @return how many buffers were looked at. */
static __rte_always_inline uint16_t
look_at_all(struct virtq *vq, struct rx_buf *bufs, uint16_t n)
{
	const struct gmem_region *region = &vq->mem->regions[0];
	uint16_t i;

	for (i = 0; i < n; i++) {
		bufs[i].head = virtq_read_head(vq, (uint16_t)(vq->last_avail + i));
		bufs[i].va = NULL;
		/* The walk finds and reports a bad head when its turn comes. */
		if (likely(bufs[i].head < vq->size))
			rte_prefetch0(&vq->desc[bufs[i].head]);
	}
	for (i = 0; i < n; i++) {
		struct virtq_split_desc desc;
		uint32_t len;

		if (unlikely(bufs[i].head >= vq->size))
			continue;
		desc = virtq_read_desc(&vq->desc[bufs[i].head]);
		if (unlikely(desc.flags != VIRTQ_DESC_F_WRITE))
			continue;
		len = desc.len;
		bufs[i].va = gmem_gpa_to_va(vq->mem, &region, desc.addr, &len);
		bufs[i].len = len;
		if (likely(bufs[i].va != NULL))
			virtq_prefetch_write(bufs[i].va);
	}
	return n;
}

static __rte_always_inline uint16_t
enqueue(struct virtq *vq, struct rte_mbuf **pkts, uint16_t n, bool mergeable)
{
	struct rx_buf bufs[VIRTQ_BURST];
	uint16_t room = virtq_room(vq);
	uint16_t looked, done, taken = 0;
	uint64_t bytes = 0, delivered = 0;
	uint32_t steps = 0;

	if (room == 0)
		return 0;
	n = RTE_MIN(n, (uint16_t)VIRTQ_BURST);
	looked = look_at_all(vq, bufs, RTE_MIN(n, room));

	for (done = 0; done < n && likely(steps < VIRTQ_BURST_STEPS); done++) {
		const struct rte_mbuf *pkt = pkts[done];
		enum rx_result result;

		if (likely(taken < looked && bufs[taken].va != NULL && pkt->nb_segs == 1 &&
			    pkt->data_len + (uint32_t)vq->hdr_len <= bufs[taken].len)) {
			struct rx_buf *buf = &bufs[taken];

			write_header(buf->va, vq->hdr_len, 1);
			rte_memcpy(buf->va + vq->hdr_len, rte_pktmbuf_mtod(pkt, const uint8_t *),
				pkt->data_len);
			virtq_split_put_used(vq, taken, buf->head, pkt->data_len + vq->hdr_len);
			taken++;
			result = RX_DELIVERED;
		} else {
			result = deliver_walking(vq, pkt, mergeable, room, &taken, &steps);
		}
		if (unlikely(result == RX_TOO_SMALL)) {
			vq->stats.rx_too_small++;
			continue;
		}
		if (unlikely(result != RX_DELIVERED))
			break;
		bytes += pkt->pkt_len;
		delivered++;
	}
	if (likely(taken > 0)) {
		virtq_split_publish(vq, taken);
		vq->stats.packets += delivered;
		vq->stats.bytes += bytes;
		vq->stats.bursts++;
	}
	return done;
}

uint16_t
virtq_split_enqueue(struct virtq *vq, struct rte_mbuf **pkts, uint16_t n)
{
	return enqueue(vq, pkts, n, false);
}

uint16_t
virtq_split_enqueue_mergeable(struct virtq *vq, struct rte_mbuf **pkts, uint16_t n)
{
	return enqueue(vq, pkts, n, true);
}
