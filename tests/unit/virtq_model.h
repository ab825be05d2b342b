/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * A driver-side model of a split ring, for the tests of lib/virtq.
 *
 * Concepts:
 *  - struct guest is guest memory: one region for rings, then, behind a hole,
 *    the *arena* for buffers and indirect tables: three regions that are
 *    adjacent for the guest and lie in three files, so that the device has
 *    them at unrelated addresses. The model itself has the arena in one piece.
 *  - The *shadow* is what the arena must look like. A test applies to it what
 *    the device may write and then compares all of it: any stray byte shows.
 *  - struct ring is one virtqueue with its driver: free descriptors, and the
 *    chains that the device owns, in the order in which they were offered.
 *
 * Everything here asserts by cmocka and belongs to the test's thread.
 */

#ifndef VIRTQ_MODEL_H
#define VIRTQ_MODEL_H

#include "unit.h"

#include <stdbool.h>

#include "virtq/virtq.h"

/* Pseudo-random numbers, from RF_TEST_SEED or a fixed seed; main() prints it. */
void random_init(void);
/* Evenly from low..high, both included. */
uint32_t random_in(uint32_t low, uint32_t high);
bool random_one_in(uint32_t n);
void random_bytes(uint8_t *to, uint32_t len);

#define RINGS_GPA      0x4000ull
#define RINGS_SIZE     (1ull << 20)
#define ARENA_REGIONS  3
#define ARENA_PART     (160ull * 1024)
#define ARENA_SIZE     (ARENA_REGIONS * ARENA_PART)
#define ARENA_GPA      0x100000000ull
#define BIG_GPA	       0x1000000000ull
#define GUEST_UVA(gpa) ((gpa) + 0x7f0000000000ull)

struct guest {
	struct gmem *mem; /* the device's view */
	int rings_fd;
	uint8_t *rings; /* the driver's */
	uint8_t *arena;
	uint8_t *shadow;
	uint32_t slot_size;
	uint32_t n_free_slots;
	uint32_t free_slots[ARENA_SIZE / 64];
};

/*
 * With one more region of big_size bytes at BIG_GPA, if that is not 0; the
 * driver does not map it.
 */
void guest_init(struct guest *g, uint64_t big_size);
void guest_fini(struct guest *g);
/* Take the memory of the rings away, as a front-end can by cutting its file short. */
void guest_cut_rings(struct guest *g);
/* Cut the arena into equal slots, all free, with new random contents. */
void guest_set_slots(struct guest *g, uint32_t slot_size);
uint8_t *guest_at(struct guest *g, uint64_t gpa);
/* The driver writes: arena and shadow. */
void guest_write(struct guest *g, uint64_t gpa, const void *from, uint32_t len);
/* No byte of the arena differs from what is expected. */
void guest_check(struct guest *g);

#define CHAIN_MAX_PIECES 24

struct piece {
	uint64_t gpa;
	uint32_t len;
};

enum chain_layout {
	CHAIN_DIRECT,
	CHAIN_INDIRECT,
	CHAIN_MIXED, /* direct descriptors, then an indirect one (2.7.5.3.2) */
};

struct chain {
	uint16_t head;
	uint16_t n_descs; /* of the ring */
	uint16_t descs[CHAIN_MAX_PIECES];
	uint16_t n_pieces;
	struct piece pieces[CHAIN_MAX_PIECES];
	uint32_t total;
	uint32_t slot;
	uint32_t table_slot; /* UINT32_MAX: no table */
	uint32_t frame_len;  /* transmit: behind the header */
	uint8_t *frame;	     /* transmit: its contents */
};

struct ring {
	struct guest *g;
	struct virtq vq;
	struct virtq_config config;
	uint16_t size;
	bool event_idx;
	struct virtq_split_desc *desc;
	struct virtq_split_avail *avail;
	struct virtq_split_used *used;
	uint64_t desc_gpa, avail_gpa, used_gpa;
	struct virtq_split_desc *desc_copy; /* the device must not change the table */
	uint16_t n_free;
	uint16_t *free_descs;
	struct chain *chains; /* by position & (size - 1) */
	uint16_t avail_idx;   /* driver's: next position to offer */
	uint16_t used_idx;    /* driver's: next position to take back */
	int call_fd;
};

/* Set up in g, indices starting at `start`. The device writes: writable. */
void ring_init(struct ring *r, struct guest *g, uint16_t size, uint64_t features, bool writable,
	uint32_t max_frame, uint16_t start);
void ring_fini(struct ring *r);
/* Set the device up anew in the same rings, as after a reconnect, going on from an index. */
void ring_restart(struct ring *r, uint16_t index);

/* Chains that the device owns. */
static inline uint16_t
ring_owned(const struct ring *r)
{
	return (uint16_t)(r->avail_idx - r->used_idx);
}

static inline struct chain *
ring_chain(struct ring *r, uint16_t position)
{
	return &r->chains[position & (r->size - 1)];
}

/*
 * Build a chain of `total` bytes in `n` pieces and put it in line for
 * ring_offer(). @return NULL if descriptors or slots do not suffice.
 */
struct chain *ring_add(struct ring *r, uint32_t total, uint16_t n, enum chain_layout layout);
/* Write to the buffers of a chain, from `offset` on: memory and shadow, or the shadow alone. */
void chain_write(struct guest *g, const struct chain *c, uint32_t offset, const uint8_t *from,
	uint32_t len, bool shadow_only);
/* Let the device know of what was added. */
void ring_offer(struct ring *r);

/* Ask for an interrupt at random, by the means that was negotiated. */
void ring_arm(struct ring *r);
/*
 * Notifications that the device must have sent for `n` buffers used, the first
 * since start: always.
 */
uint32_t ring_calls_due(const struct ring *r, uint16_t n, bool first);
/* Notifications sent since the last question. */
uint32_t ring_calls(struct ring *r);

/* Take back `n` used chains, whose entries have been looked at; frees descriptors and slots. */
void ring_take_back(struct ring *r, uint16_t n);
/* Drained, no error, tables untouched; and the used index stands where it should. */
void ring_check(struct ring *r, uint16_t used_idx);

#endif /* VIRTQ_MODEL_H */
