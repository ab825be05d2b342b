/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * virtq: what the poll routines share. Private to the room; data lcores only.
 */

#ifndef VIRTQ_DATA_H
#define VIRTQ_DATA_H

#include <string.h>
#include <unistd.h>

#include <rte_atomic.h>
#include <rte_memcpy.h>
#include <rte_prefetch.h>

#include "virtq/virtq.h"

/*
 * A legal chain is no longer than the ring (2.7.5.3.1), but drivers exceed that
 * with indirect tables.
 */
#define VIRTQ_MAX_CHAIN 1024

/*
 * Descriptors that one burst walks before it ends early. A lawful burst needs
 * some hundreds; a guest that offers many short ones pays with its own rate,
 * and does not hold up the other rings of the lcore.
 */
#define VIRTQ_BURST_STEPS 4096

/* Virtio-net header (5.1.6) with nothing offloaded: all zero but num_buffers. */
#define VIRTQ_HDR_NUM_BUFFERS_OFFSET 10

/*
 * Fetch a cache line to write to it. rte_prefetch0_write() asks for the line
 * to read on our baseline, and the guest's CPU, which had it last, is asked a
 * second time at the store. PREFETCHW does nothing on CPUs that lack it.
 */
static __rte_always_inline void
virtq_prefetch_write(const void *line)
{
#ifdef RTE_ARCH_X86_64
	__asm__ volatile("prefetchw %0" : : "m"(*(const uint8_t *)line));
#else
	rte_prefetch0_write(line);
#endif
}

/* A guest may put an indirect table at any address. */
typedef uint64_t virtq_unaligned_u64 __attribute__((aligned(1)));

/* One read of each field from guest memory; what is checked is what is used. */
static __rte_always_inline struct virtq_split_desc
virtq_read_desc(const struct virtq_split_desc *from)
{
	const volatile virtq_unaligned_u64 *words = (const volatile virtq_unaligned_u64 *)from;
	uint64_t raw[2] = {words[0], words[1]};
	struct virtq_split_desc desc;

	memcpy(&desc, raw, sizeof(desc));
	return desc;
}

static __rte_always_inline uint16_t
virtq_read_head(const struct virtq *vq, uint16_t position)
{
	return *(const volatile uint16_t *)&vq->avail->ring[position & vq->mask];
}

/*
 * A walk along one descriptor chain, direct or indirect.
 *
 * virtq_walk_begin() leaves the first buffer in `cur`; virtq_walk_next() goes
 * on. Both return 1 (there is a buffer), 0 (the chain has ended), or a
 * negative enum virtq_error.
 */
struct virtq_walk {
	const struct virtq *vq;
	const struct gmem_region *region;     /* translation cache */
	const struct virtq_split_desc *table; /* contiguous table, or NULL */
	uint64_t table_gpa;		      /* indirect table that crosses regions */
	uint32_t table_len;		      /* entries */
	uint32_t steps;
	bool indirect; /* inside an indirect table */
	struct virtq_split_desc cur;
};

static inline int
virtq_walk_fetch(struct virtq_walk *w, uint32_t index)
{
	if (likely(w->table != NULL)) {
		w->cur = virtq_read_desc(&w->table[index]);
		return 0;
	}
	return gmem_read(
		w->vq->mem, w->table_gpa + index * sizeof(w->cur), &w->cur, sizeof(w->cur));
}

/*
 * The current descriptor refers to an indirect table: go on with its first
 * entry. It may follow direct descriptors, and its write flag means nothing
 * (2.7.5.3.2), but nothing comes after it, and tables do not nest.
 */
static inline int
virtq_walk_enter_indirect(struct virtq_walk *w)
{
	uint32_t len = w->cur.len;
	uint32_t contiguous = len;

	if (!w->vq->indirect || w->indirect || (w->cur.flags & VIRTQ_DESC_F_NEXT) != 0 ||
		len == 0 || len % sizeof(struct virtq_split_desc) != 0)
		return -VIRTQ_ERR_INDIRECT;
	w->indirect = true;
	w->table_gpa = w->cur.addr;
	w->table_len = len / sizeof(struct virtq_split_desc);
	w->table = gmem_gpa_to_va(w->vq->mem, &w->region, w->table_gpa, &contiguous);
	if (w->table == NULL)
		return -VIRTQ_ERR_ADDRESS;
	if (contiguous < len)
		w->table = NULL;
	if (virtq_walk_fetch(w, 0) < 0)
		return -VIRTQ_ERR_ADDRESS;
	return (w->cur.flags & VIRTQ_DESC_F_INDIRECT) != 0 ? -VIRTQ_ERR_INDIRECT : 0;
}

/*
 * Look at the descriptor just read. An empty one is refused, as QEMU does: so
 * each step of a walk moves a byte at least, and the length of a frame bounds
 * what a guest can make us do for it.
 */
static inline int
virtq_walk_accept(struct virtq_walk *w)
{
	int ret;

	if ((w->cur.flags & VIRTQ_DESC_F_INDIRECT) != 0) {
		ret = virtq_walk_enter_indirect(w);
		if (ret < 0)
			return ret;
	}
	return w->cur.len == 0 ? -VIRTQ_ERR_LENGTH : 1;
}

static inline int
virtq_walk_begin(struct virtq_walk *w, const struct virtq *vq, uint16_t head)
{
	w->vq = vq;
	w->region = &vq->mem->regions[0];
	w->table = vq->desc;
	w->table_len = vq->size;
	w->steps = 1;
	w->indirect = false;
	if (head >= vq->size)
		return -VIRTQ_ERR_HEAD;
	w->cur = virtq_read_desc(&vq->desc[head]);
	return virtq_walk_accept(w);
}

static inline int
virtq_walk_next(struct virtq_walk *w)
{
	if ((w->cur.flags & VIRTQ_DESC_F_NEXT) == 0)
		return 0;
	if (w->cur.next >= w->table_len)
		return -VIRTQ_ERR_NEXT;
	if (++w->steps > RTE_MAX(w->vq->size, VIRTQ_MAX_CHAIN))
		return -VIRTQ_ERR_LOOP;
	if (virtq_walk_fetch(w, w->cur.next) < 0)
		return -VIRTQ_ERR_ADDRESS;
	return virtq_walk_accept(w);
}

/* Has the driver asked to hear of an index in (old, new]? (2.7.10) */
static inline bool
virtq_event_wanted(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
	return (uint16_t)(new_idx - event - 1) < (uint16_t)(new_idx - old_idx);
}

/*
 * Publish `n` used entries, already written behind last_used, and notify the
 * guest if it wants that (2.7.8.2, 2.7.10).
 */
static inline void
virtq_split_publish(struct virtq *vq, uint16_t n)
{
	uint16_t old_idx;
	bool wanted;

	vq->last_avail += n;
	vq->last_used += n;
	__atomic_store_n(&vq->used->idx, vq->last_used, __ATOMIC_RELEASE);
	/*
	 * The driver arms, then looks at used->idx; we store used->idx, then
	 * look at what it armed.
	 */
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);

	if (vq->event_idx) {
		uint16_t event = *(volatile uint16_t *)&vq->avail->ring[vq->size];

		old_idx = vq->signalled_used;
		wanted = !vq->signalled_valid || virtq_event_wanted(event, vq->last_used, old_idx);
		vq->signalled_used = vq->last_used;
		vq->signalled_valid = true;
	} else {
		wanted = (*(volatile uint16_t *)&vq->avail->flags & VIRTQ_AVAIL_F_NO_INTERRUPT) ==
			0;
	}
	if (wanted)
		virtq_call(vq);
	else
		vq->stats.calls_suppressed++;
}

static inline void
virtq_split_put_used(struct virtq *vq, uint16_t offset, uint16_t id, uint32_t len)
{
	struct virtq_split_used_elem *elem =
		&vq->used->ring[(uint16_t)(vq->last_used + offset) & vq->mask];

	elem->id = id;
	elem->len = len;
}

uint16_t virtq_split_dequeue(
	struct virtq *vq, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n);
uint16_t virtq_split_enqueue(struct virtq *vq, struct rte_mbuf **pkts, uint16_t n);
uint16_t virtq_split_enqueue_mergeable(struct virtq *vq, struct rte_mbuf **pkts, uint16_t n);

#endif /* VIRTQ_DATA_H */
