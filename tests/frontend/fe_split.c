/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * The split ring, driver's side.
 *
 * With IN_ORDER the descriptors of a chain follow each other in the table,
 * wrapping at its end, and free ones are counted instead of linked.
 */

#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "fe_vq.h"

#define RING_ALIGN_DESC	 16
#define RING_ALIGN_AVAIL 2
#define RING_ALIGN_USED	 4

static bool
split_has(const struct fe_vq *vq, unsigned int bit)
{
	return (vq->conf.features & FE_BIT(bit)) != 0;
}

static size_t
split_avail_size(const struct fe_vq *vq)
{
	return sizeof(struct vring_avail) + (vq->conf.size + 1u) * sizeof(uint16_t);
}

static size_t
split_used_size(const struct fe_vq *vq)
{
	return sizeof(struct vring_used) + vq->conf.size * sizeof(struct vring_used_elem) +
		sizeof(uint16_t);
}

static size_t
split_desc_size(const struct fe_vq *vq)
{
	return vq->conf.size * sizeof(struct vring_desc);
}

static uint64_t
split_part(struct fe_vq *vq, size_t size, uint32_t align)
{
	return fe_mem_alloc_guarded(vq->mem, size, vq->conf.align > align ? vq->conf.align : align);
}

static int
split_create(struct fe_vq *vq)
{
	vq->desc_gpa = split_part(vq, split_desc_size(vq), RING_ALIGN_DESC);
	vq->avail_gpa = split_part(vq, split_avail_size(vq), RING_ALIGN_AVAIL);
	vq->used_gpa = split_part(vq, split_used_size(vq), RING_ALIGN_USED);
	if (vq->desc_gpa == 0 || vq->avail_gpa == 0 || vq->used_gpa == 0)
		return -ENOMEM;
	vq->desc = fe_mem_ptr(vq->mem, vq->desc_gpa, split_desc_size(vq));
	vq->avail = fe_mem_ptr(vq->mem, vq->avail_gpa, split_avail_size(vq));
	vq->used = fe_mem_ptr(vq->mem, vq->used_gpa, split_used_size(vq));
	if (!split_has(vq, VIRTIO_RING_F_INDIRECT_DESC))
		return 0;
	vq->indirect_gpa = fe_mem_alloc(
		vq->mem, split_desc_size(vq) * FE_VQ_INDIRECT_MAX, RING_ALIGN_DESC);
	return vq->indirect_gpa == 0 ? -ENOMEM : 0;
}

static uint16_t *
split_used_event(const struct fe_vq *vq)
{
	return &vq->avail->ring[vq->conf.size];
}

static uint16_t *
split_avail_event(const struct fe_vq *vq)
{
	return (uint16_t *)(void *)&vq->used->ring[vq->conf.size];
}

static void
split_notify(struct fe_vq *vq, bool on)
{
	if (split_has(vq, VIRTIO_RING_F_EVENT_IDX))
		__atomic_store_n(split_used_event(vq),
			(uint16_t)(on ? vq->last_used : vq->last_used - 1), __ATOMIC_RELAXED);
	else
		__atomic_store_n(
			&vq->avail->flags, on ? 0 : VRING_AVAIL_F_NO_INTERRUPT, __ATOMIC_RELAXED);
	/* The device's used index is looked at only after it can see the wish. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void
split_reset(struct fe_vq *vq, uint16_t base)
{
	uint16_t size = vq->conf.size;

	memset(vq->desc, 0, split_desc_size(vq));
	memset(vq->avail, 0, split_avail_size(vq));
	memset(vq->used, 0, split_used_size(vq));
	for (uint32_t i = 0; i < size; i++)
		vq->links[i] = (uint16_t)((i + 1) % size);
	vq->free_head = 0;
	vq->n_free = size;
	vq->next_avail = vq->published = vq->kicked = vq->last_used = base;
	vq->avail->idx = base;
	vq->used->idx = base;
	split_notify(vq, false);
}

static struct vring_desc *
split_table(const struct fe_vq *vq, uint16_t head)
{
	return fe_mem_ptr(vq->mem,
		vq->indirect_gpa + (uint64_t)head * FE_VQ_INDIRECT_MAX * sizeof(struct vring_desc),
		FE_VQ_INDIRECT_MAX * sizeof(struct vring_desc));
}

static void
split_fill(struct vring_desc *desc, const struct fe_sg *sg, bool write, bool more, uint16_t next)
{
	desc->addr = sg->gpa;
	desc->len = sg->len;
	desc->flags = (uint16_t)((write ? VRING_DESC_F_WRITE : 0) | (more ? VRING_DESC_F_NEXT : 0));
	desc->next = more ? next : 0;
}

/* @return the descriptor after the last one used. */
static uint16_t
split_add_direct(struct fe_vq *vq, const struct fe_sg *sg, unsigned int n_out, unsigned int n)
{
	uint16_t at = vq->free_head;

	for (unsigned int i = 0; i < n; i++) {
		split_fill(&vq->desc[at], &sg[i], i >= n_out, i + 1 < n, vq->links[at]);
		at = vq->links[at];
	}
	return at;
}

static uint16_t
split_add_indirect(struct fe_vq *vq, const struct fe_sg *sg, unsigned int n_out, unsigned int n)
{
	uint16_t head = vq->free_head;
	struct vring_desc *table = split_table(vq, head);

	for (unsigned int i = 0; i < n; i++)
		split_fill(&table[i], &sg[i], i >= n_out, i + 1 < n, (uint16_t)(i + 1));
	vq->desc[head].addr = vq->indirect_gpa +
		(uint64_t)head * FE_VQ_INDIRECT_MAX * sizeof(struct vring_desc);
	vq->desc[head].len = (uint32_t)(n * sizeof(struct vring_desc));
	vq->desc[head].flags = VRING_DESC_F_INDIRECT;
	vq->desc[head].next = 0;
	return vq->links[head];
}

static uint64_t
split_desc_sum(const struct fe_vq *vq, uint16_t head)
{
	const struct fe_chain *chain = &vq->chain[head];
	uint64_t sum = 0;
	uint16_t at = head;

	for (unsigned int i = 0; i < chain->n_desc; i++, at = vq->links[at])
		sum = fe_sum(sum, &vq->desc[at], sizeof(vq->desc[at]));
	if (chain->n_indirect > 0)
		sum = fe_sum(
			sum, split_table(vq, head), chain->n_indirect * sizeof(struct vring_desc));
	return sum;
}

static uint64_t
split_out_sum(const struct fe_vq *vq, const struct fe_chain *chain)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < chain->n_out; i++) {
		const void *p = fe_mem_ptr(vq->mem, chain->out[i].gpa, chain->out[i].len);

		/* A segment across two regions is not watched. */
		if (p != NULL)
			sum = fe_sum(sum, p, chain->out[i].len);
	}
	return sum;
}

static void
split_remember(struct fe_vq *vq, uint16_t head, const struct fe_sg *sg, unsigned int n_out,
	unsigned int n_in)
{
	struct fe_chain *chain = &vq->chain[head];

	chain->in_len = 0;
	for (unsigned int i = n_out; i < n_out + n_in; i++)
		chain->in_len += sg[i].len;
	chain->n_out = 0;
	if ((vq->conf.watch & FE_WATCH_OUT) != 0 && n_out <= FE_VQ_INDIRECT_MAX) {
		chain->n_out = (uint16_t)n_out;
		memcpy(chain->out, sg, n_out * sizeof(*sg));
		chain->out_sum = split_out_sum(vq, chain);
	}
	if ((vq->conf.watch & FE_WATCH_DESC) != 0)
		chain->desc_sum = split_desc_sum(vq, head);
}

static int
split_add(struct fe_vq *vq, const struct fe_sg *sg, unsigned int n_out, unsigned int n_in,
	void *cookie, unsigned int flags)
{
	unsigned int n = n_out + n_in;
	bool indirect = (flags & FE_ADD_INDIRECT) != 0 && vq->indirect_gpa != 0;
	uint16_t head = vq->free_head;
	struct fe_chain *chain = &vq->chain[head];

	if (n == 0 || (indirect && n > FE_VQ_INDIRECT_MAX))
		return -EINVAL;
	if (vq->n_free < (indirect ? 1 : n))
		return -ENOSPC;
	vq->free_head = indirect ? split_add_indirect(vq, sg, n_out, n)
				 : split_add_direct(vq, sg, n_out, n);
	chain->cookie = cookie;
	chain->n_desc = (uint16_t)(indirect ? 1 : n);
	chain->n_indirect = (uint16_t)(indirect ? n : 0);
	chain->outstanding = true;
	vq->n_free = (uint16_t)(vq->n_free - chain->n_desc);
	split_remember(vq, head, sg, n_out, n_in);

	vq->avail->ring[vq->next_avail % vq->conf.size] = head;
	vq->fifo[vq->next_avail % vq->conf.size] = head;
	vq->next_avail++;
	return 0;
}

static void
split_publish(struct fe_vq *vq)
{
	if (vq->avail->idx != vq->published)
		fe_vq_fault(
			vq, "available index changed from %u to %u", vq->published, vq->avail->idx);
	vq->published = vq->next_avail;
	__atomic_store_n(&vq->avail->idx, vq->published, __ATOMIC_RELEASE);
}

static bool
split_kick_wanted(struct fe_vq *vq)
{
	uint16_t old = vq->kicked;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	vq->kicked = vq->published;
	if (split_has(vq, VIRTIO_RING_F_EVENT_IDX))
		return vring_need_event(__atomic_load_n(split_avail_event(vq), __ATOMIC_RELAXED),
			       vq->published, old) != 0;
	return (__atomic_load_n(&vq->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY) == 0;
}

static bool
split_pending(const struct fe_vq *vq)
{
	return vq->batch_left > 0 ||
		__atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE) != vq->last_used;
}

/* Give the descriptors of a chain back. */
static void
split_free(struct fe_vq *vq, uint16_t head)
{
	struct fe_chain *chain = &vq->chain[head];
	uint16_t last = head;

	chain->outstanding = false;
	vq->n_free = (uint16_t)(vq->n_free + chain->n_desc);
	if (split_has(vq, VIRTIO_F_IN_ORDER))
		return;
	for (unsigned int i = 1; i < chain->n_desc; i++)
		last = vq->links[last];
	/* With nothing free, the list's head is of no meaning and the link is not followed. */
	vq->links[last] = vq->free_head;
	vq->free_head = head;
}

static int
split_take(struct fe_vq *vq, uint16_t head, uint32_t len, struct fe_used *used)
{
	struct fe_chain *chain = &vq->chain[head];

	if (len > chain->in_len)
		return fe_vq_fault(vq, "used length %u of buffer %u with room for %u", len, head,
			chain->in_len);
	if ((vq->conf.watch & FE_WATCH_DESC) != 0 && split_desc_sum(vq, head) != chain->desc_sum)
		return fe_vq_fault(vq, "descriptors of buffer %u changed", head);
	if (split_out_sum(vq, chain) != chain->out_sum && chain->n_out > 0)
		return fe_vq_fault(vq, "readable bytes of buffer %u changed", head);
	*used = (struct fe_used){.cookie = chain->cookie, .len = len, .head = head};
	split_free(vq, head);
	vq->last_used++;
	return 1;
}

/*
 * In order, one used entry may stand for a batch: it names the last buffer,
 * and those before it count as fully used. @return how many it stands for; 0
 * if the buffer is not among the next ones.
 */
static uint16_t
split_batch(const struct fe_vq *vq, uint16_t head, uint16_t ready)
{
	for (uint32_t n = 0; n < ready; n++) {
		if (vq->fifo[(uint16_t)(vq->last_used + n) % vq->conf.size] == head)
			return (uint16_t)(n + 1);
	}
	return 0;
}

static int
split_reap_batch(struct fe_vq *vq, struct fe_used *used)
{
	uint16_t head = vq->fifo[vq->last_used % vq->conf.size];

	vq->batch_left--;
	return split_take(
		vq, head, vq->batch_left == 0 ? vq->batch_last.len : vq->chain[head].in_len, used);
}

static int
split_reap(struct fe_vq *vq, struct fe_used *used)
{
	struct vring_used_elem elem;
	uint16_t ready;

	if (vq->batch_left > 0)
		return split_reap_batch(vq, used);
	ready = (uint16_t)(__atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE) - vq->last_used);
	if (ready == 0)
		return 0;
	if (ready > (uint16_t)(vq->published - vq->last_used))
		return fe_vq_fault(vq, "used index %u, with buffers %u to %u outstanding",
			(uint16_t)(vq->last_used + ready), vq->last_used, vq->published);
	elem = vq->used->ring[vq->last_used % vq->conf.size];
	if (elem.id >= vq->conf.size || !vq->chain[elem.id].outstanding)
		return fe_vq_fault(vq, "used id %u is not outstanding", elem.id);
	if (!split_has(vq, VIRTIO_F_IN_ORDER))
		return split_take(vq, (uint16_t)elem.id, elem.len, used);
	vq->batch_left = split_batch(vq, (uint16_t)elem.id, ready);
	if (vq->batch_left == 0)
		return fe_vq_fault(vq, "used id %u is out of order", elem.id);
	vq->batch_last.len = elem.len;
	return split_reap_batch(vq, used);
}

static void
split_address(const struct fe_vq *vq, struct fe_vring_addr *addr)
{
	*addr = (struct fe_vring_addr){.index = vq->index,
		.desc = fe_mem_uva(vq->mem, vq->desc_gpa),
		.avail = fe_mem_uva(vq->mem, vq->avail_gpa),
		.used = fe_mem_uva(vq->mem, vq->used_gpa),
		.log = vq->used_gpa};
}

/* What a front-end that has lost its back-end goes by. */
static uint32_t
split_base(const struct fe_vq *vq)
{
	return __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);
}

static bool
split_intact(const struct fe_vq *vq)
{
	return fe_guard_intact(vq->mem, vq->desc_gpa, split_desc_size(vq)) &&
		fe_guard_intact(vq->mem, vq->avail_gpa, split_avail_size(vq)) &&
		fe_guard_intact(vq->mem, vq->used_gpa, split_used_size(vq)) &&
		vq->avail->idx == vq->published;
}

void
fe_split_push(struct fe_vq *vq, uint16_t head)
{
	vq->avail->ring[vq->next_avail % vq->conf.size] = head;
	vq->next_avail++;
	split_publish(vq);
}

const struct fe_vq_ops fe_split_ops = {
	.create = split_create,
	.reset = split_reset,
	.add = split_add,
	.publish = split_publish,
	.kick_wanted = split_kick_wanted,
	.pending = split_pending,
	.reap = split_reap,
	.notify = split_notify,
	.address = split_address,
	.base = split_base,
	.intact = split_intact,
};
