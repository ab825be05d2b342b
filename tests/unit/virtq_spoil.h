/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * Descriptors that are wrong more often than right, from a generator of their
 * own: a thread that spoils a ring must not share one with the test.
 */

#ifndef VIRTQ_SPOIL_H
#define VIRTQ_SPOIL_H

#include "virtq_model.h"

struct spoiler {
	uint64_t state;
};

static inline uint32_t
spoil_random(struct spoiler *s, uint32_t n)
{
	s->state = s->state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(s->state >> 33) % n;
}

static inline void
spoil_desc(struct spoiler *s, struct virtq_split_desc *desc, uint32_t entries)
{
	static const uint16_t flags[] = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 0xffff};

	if (spoil_random(s, 8) != 0)
		desc->addr = ARENA_GPA + spoil_random(s, ARENA_SIZE);
	else
		desc->addr = spoil_random(s, 2) ? s->state : ARENA_GPA + ARENA_SIZE - 20;
	desc->len = spoil_random(s, 50) == 0 ? (uint32_t)s->state
		: spoil_random(s, 4) == 0    ? spoil_random(s, 40)
					     : 16 * spoil_random(s, 100);
	desc->next = (uint16_t)spoil_random(s, entries + (spoil_random(s, 50) == 0));
	desc->flags = flags[spoil_random(s, RTE_DIM(flags))];
}

#endif /* VIRTQ_SPOIL_H */
