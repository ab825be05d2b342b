/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * frontend: test frames, and the account of them.
 *
 * A *frame* is Ethernet, IPv4 and UDP around a stream number, a sequence
 * number and bytes that follow from both: nothing in it can change unseen.
 * A *track* keeps the account of what of a stream arrived: lost, twice, late.
 *
 * Pure functions; a track belongs to one thread.
 */

#ifndef FE_PKT_H
#define FE_PKT_H

#include <stddef.h>
#include <stdint.h>

#define FE_PKT_MIN 60
#define FE_PKT_MAX 65535

struct fe_pkt {
	uint16_t stream;
	uint64_t seq;
};

/** Make a frame of exactly len bytes (FE_PKT_MIN..FE_PKT_MAX; no FCS). */
void fe_pkt_build(void *frame, size_t len, uint16_t stream, uint64_t seq);

/**
 * Check every byte of a frame.
 *
 * @param len  what came; it has to be what was built.
 * @return 0 and the numbers in out; -ENOMSG if it is none of ours; -EBADMSG if it is damaged.
 */
int fe_pkt_verify(const void *frame, size_t len, struct fe_pkt *out);

struct fe_track {
	uint64_t *seen; /**< a bit per sequence number */
	uint64_t n_words;
	uint64_t received; /**< good frames, duplicates included */
	uint64_t unique;
	uint64_t duplicated;
	uint64_t reordered; /**< arrived after a later one */
	uint64_t bad;
	uint64_t foreign; /**< not ours: announcements, discovery */
	uint64_t next;	  /**< the highest seen, plus 1 */
};

void fe_track_init(struct fe_track *track);
void fe_track_fini(struct fe_track *track);

/** Account for one sequence number. @return 0; -ENOMEM. */
int fe_track_seq(struct fe_track *track, uint64_t seq);

/** Verify a frame of a stream and account for it. @return as fe_pkt_verify(), or -ENOMEM. */
int fe_track_frame(struct fe_track *track, uint16_t stream, const void *frame, size_t len);

/** How many of the first n have not arrived. */
uint64_t fe_track_lost(const struct fe_track *track, uint64_t n);

#endif /* FE_PKT_H */
