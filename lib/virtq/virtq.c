/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * Set-up of rings, their state, and the notification. Control, but for
 * virtq_call(), which is the one system call that a data lcore makes.
 */

#include <errno.h>
#include <inttypes.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "virtq/virtq.h"
#include "virtq/virtq_data.h"

/* Alignment of the parts of a split ring (2.7). */
#define DESC_ALIGN  16
#define AVAIL_ALIGN 2
#define USED_ALIGN  4

static const struct {
	const char *name;
	const char *text;
} virtq_errors[VIRTQ_ERR_COUNT] = {
	[VIRTQ_OK] = {"none", "no error"},
	[VIRTQ_ERR_AVAIL_IDX] = {"avail_idx",
		"the available index is further ahead than the ring is long"},
	[VIRTQ_ERR_HEAD] = {"head", "a head index lies outside the descriptor table"},
	[VIRTQ_ERR_NEXT] = {"next", "a next index lies outside the descriptor table"},
	[VIRTQ_ERR_LOOP] = {"loop", "a descriptor chain does not end"},
	[VIRTQ_ERR_INDIRECT] = {"indirect",
		"an indirect table is nested, not negotiated, or of a wrong length"},
	[VIRTQ_ERR_ADDRESS] = {"address", "a buffer lies outside guest memory"},
	[VIRTQ_ERR_DIRECTION] = {"direction",
		"a buffer is read-only where the device writes, or the reverse"},
	[VIRTQ_ERR_HEADER] = {"header", "a chain is too short for the net header"},
	[VIRTQ_ERR_LENGTH] = {"length", "a descriptor has no bytes"},
	[VIRTQ_ERR_MEMORY] = {"memory", "the front-end has taken guest memory away"},
};

const char *
virtq_error_name(enum virtq_error error)
{
	return (unsigned int)error < VIRTQ_ERR_COUNT ? virtq_errors[error].name : "?";
}

const char *
virtq_error_text(enum virtq_error error)
{
	return (unsigned int)error < VIRTQ_ERR_COUNT ? virtq_errors[error].text : "?";
}

static bool
has_feature(uint64_t features, unsigned int bit)
{
	return (features & (1ull << bit)) != 0;
}

/* Translate the address of one part of a ring. */
static int
translate(const struct virtq_config *config, const char *what, uint64_t uva, uint64_t len,
	uint64_t align, void **va, struct base_error *err)
{
	*va = gmem_uva_to_va(config->mem, uva, len);
	if (*va == NULL)
		return base_error_set(err, EFAULT,
			"%s at 0x%" PRIx64 " (%" PRIu64 " bytes) is not inside one memory region",
			what, uva, len);
	if ((uintptr_t)*va % align != 0)
		return base_error_set(err, EINVAL,
			"%s at 0x%" PRIx64 " is not aligned to %" PRIu64 " bytes", what, uva,
			align);
	return 0;
}

int
virtq_setup(struct virtq *vq, const struct virtq_config *config, struct base_error *err)
{
	bool event_idx = has_feature(config->features, VIRTQ_F_EVENT_IDX);
	uint64_t size = config->size;
	uint64_t event_len = event_idx ? sizeof(uint16_t) : 0;
	void *desc, *avail, *used;
	int ret;

	virtq_teardown(vq);
	if (size == 0 || size > VIRTQ_MAX_SIZE || !rte_is_power_of_2(config->size))
		return base_error_set(err, EINVAL, "ring size %u, expected a power of two up to %u",
			config->size, VIRTQ_MAX_SIZE);
	if (config->mem == NULL)
		return base_error_set(err, EINVAL, "no memory table yet");

	ret = translate(config, "descriptor table", config->desc_uva,
		size * sizeof(struct virtq_split_desc), DESC_ALIGN, &desc, err);
	if (ret < 0)
		return ret;
	ret = translate(config, "available ring", config->avail_uva,
		sizeof(struct virtq_split_avail) + size * sizeof(uint16_t) + event_len, AVAIL_ALIGN,
		&avail, err);
	if (ret < 0)
		return ret;
	ret = translate(config, "used ring", config->used_uva,
		sizeof(struct virtq_split_used) + size * sizeof(struct virtq_split_used_elem) +
			event_len,
		USED_ALIGN, &used, err);
	if (ret < 0)
		return ret;

	vq->desc = desc;
	vq->avail = avail;
	vq->used = used;
	vq->mem = config->mem;
	vq->size = config->size;
	vq->mask = config->size - 1;
	vq->event_idx = event_idx;
	vq->indirect = has_feature(config->features, VIRTQ_F_INDIRECT_DESC);
	vq->writable = config->writable;
	vq->max_frame = config->max_frame;
	/* num_buffers is there in every header of a version 1 device (5.1.6). */
	vq->hdr_len = has_feature(config->features, VIRTQ_F_MRG_RXBUF) ||
			has_feature(config->features, VIRTQ_F_VERSION_1)
		? 12
		: 10;
	vq->dequeue = virtq_split_dequeue;
	vq->enqueue = has_feature(config->features, VIRTQ_F_MRG_RXBUF)
		? virtq_split_enqueue_mergeable
		: virtq_split_enqueue;
	vq->signalled_valid = false;
	vq->error = VIRTQ_OK;
	return 0;
}

void
virtq_teardown(struct virtq *vq)
{
	vq->desc = NULL;
	vq->avail = NULL;
	vq->used = NULL;
	vq->mem = NULL;
	vq->dequeue = NULL;
	vq->enqueue = NULL;
}

void
virtq_suppress_kicks(struct virtq *vq)
{
	/*
	 * With EVENT_IDX the flag is ignored (2.7.10): an avail_event just passed
	 * asks for one kick in 65536 buffers, which nobody has to answer.
	 */
	if (vq->event_idx)
		*(volatile uint16_t *)&vq->used->ring[vq->size] = (uint16_t)(vq->last_avail - 1);
	else
		*(volatile uint16_t *)&vq->used->flags = VIRTQ_USED_F_NO_NOTIFY;
}

void
virtq_export(const struct virtq *vq, struct virtq_state *state)
{
	state->last_avail = vq->last_avail;
	state->last_used = vq->last_used;
}

int
virtq_import(struct virtq *vq, const struct virtq_state *state)
{
	if (state->last_avail != state->last_used)
		return -EINVAL;
	vq->last_avail = state->last_avail;
	vq->last_used = state->last_used;
	vq->signalled_valid = false;
	return 0;
}

void
virtq_call(struct virtq *vq)
{
	/* EAGAIN: the counter is full, so the guest has a notification to find. */
	if (vq->call_fd < 0 || eventfd_write(vq->call_fd, 1) < 0)
		return;
	vq->stats.calls++;
}

uint16_t
virtq_guest_avail_idx(const struct virtq *vq)
{
	return vq->avail == NULL ? 0 : __atomic_load_n(&vq->avail->idx, __ATOMIC_RELAXED);
}

uint16_t
virtq_guest_used_idx(const struct virtq *vq)
{
	return vq->used == NULL ? 0 : __atomic_load_n(&vq->used->idx, __ATOMIC_RELAXED);
}
