/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * seq: sequence-numbered test frames, and the books on them.
 *
 * Concepts:
 *  - A *frame* has the private ethertype 0x88b5, a stream number, a sequence
 *    number that starts at 0 in each stream, and a payload that follows from
 *    the sequence number, so that damage is seen too. Frames of the kernel's
 *    pktgen (UDP, its own magic and sequence number) are understood as well.
 *  - A *book* remembers which numbers of one stream have arrived, exactly: one
 *    bit each. Lost, duplicated and overtaken frames follow from it.
 *
 * Shared by the host's rf-stream and the guest's agent. Not thread-safe: the
 * caller locks.
 */

#ifndef RF_SEQ_H
#define RF_SEQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SEQ_ETHERTYPE 0x88b5
#define SEQ_MAGIC     0x52665331u /* "RfS1" */
#define SEQ_FRAME_MIN 60
#define SEQ_FRAME_MAX 65535
#define SEQ_STREAMS   8
#define SEQ_LIMIT     (UINT64_C(1) << 28) /* sequence numbers one book can hold */

/** What a receiver listens for. */
enum seq_kind {
	SEQ_KIND_STREAM, /**< our own frames */
	SEQ_KIND_PKTGEN, /**< the kernel's pktgen */
};

struct seq_book {
	uint64_t unique;     /**< different sequence numbers seen */
	uint64_t duplicates; /**< frames whose number had been seen before */
	uint64_t reordered;  /**< frames that came after a higher number */
	uint64_t next;	     /**< highest number seen + 1; 0: none yet */
	uint64_t bytes;	     /**< of all frames, without FCS */
	uint64_t first_ns;   /**< monotonic time of the first frame */
	uint64_t last_ns;    /**< ... of the last one */
	uint64_t gap_ns;     /**< longest time between two frames */
	uint64_t capacity;   /**< numbers that seen[] has room for */
	uint64_t *seen;	     /**< bitmap, owned */
};

struct seq_books {
	struct seq_book stream[SEQ_STREAMS];
	uint64_t corrupt; /**< frames with our ethertype or magic that are not as they were sent */
	uint64_t foreign; /**< frames of another kind */
	uint64_t beyond;  /**< frames whose number no book can hold */
};

/** Write a whole frame of size bytes, SEQ_FRAME_MIN..SEQ_FRAME_MAX, into buf. */
void seq_frame_write(uint8_t *buf, size_t size, const uint8_t dst[6], const uint8_t src[6],
	unsigned int stream, uint64_t number);

/**
 * Book a frame that came in at now_ns (monotonic).
 *
 * @return 0; -ENOMEM if the book could not grow (the frame counts as beyond).
 */
int seq_books_frame(struct seq_books *books, enum seq_kind kind, const uint8_t *buf, size_t size,
	uint64_t now_ns);

/** Different frames of all streams together. */
uint64_t seq_books_unique(const struct seq_books *books);

/** Free what the books own and make them empty. */
void seq_books_reset(struct seq_books *books);

/**
 * Print the members of a JSON object (without braces): the sums, and an entry
 * per stream. A stream's numbers below the highest seen that never came are
 * "missing", the longest run of them is "longest_run".
 */
void seq_books_print(const struct seq_books *books, FILE *out);

#endif /* RF_SEQ_H */
