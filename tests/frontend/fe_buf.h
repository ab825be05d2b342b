/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * frontend: packet buffers in guest memory.
 *
 * A *buffer* is a list of pieces, each with guards around it. Written bytes
 * are spread over the pieces in order. The same buffer is used again and
 * again; its guards are checked each time it comes back.
 */

#ifndef FE_BUF_H
#define FE_BUF_H

#include "fe_vq.h"

#define FE_BUF_PIECES 20
#define FE_BUF_POISON 0x5a /* what an empty receive buffer is filled with */

struct fe_buf {
	struct fe_sg piece[FE_BUF_PIECES];
	unsigned int n;
	uint32_t size; /**< of all pieces */
};

/** How a buffer of a size is cut. Zeros: one piece. */
struct fe_buf_cut {
	uint32_t first; /**< size of the first piece (as the header's own); 0: as the others */
	uint32_t each;	/**< size of the others; 0: all the rest in one */
};

/** @return 0; -ENOMEM; -EINVAL if it takes too many pieces. */
int fe_buf_init(
	struct fe_buf *buf, struct fe_mem *mem, uint32_t size, const struct fe_buf_cut *cut);

/**
 * Write from the start.
 *
 * @param[out] sg  the pieces, the last one cut to what was written.
 * @return their number.
 */
unsigned int fe_buf_write(const struct fe_buf *buf, const struct fe_mem *mem, const void *head,
	size_t head_len, const void *data, size_t len, struct fe_sg *sg);

/** Copy out of the buffer from an offset. */
void fe_buf_read(const struct fe_buf *buf, const struct fe_mem *mem, uint32_t offset, void *data,
	size_t len);

/** Fill with the poison. */
void fe_buf_poison(const struct fe_buf *buf, const struct fe_mem *mem);

/** Is everything from an offset on still poison? */
bool fe_buf_poisoned_from(const struct fe_buf *buf, const struct fe_mem *mem, uint32_t offset);

/** Are the guards around all pieces as they were? */
bool fe_buf_intact(const struct fe_buf *buf, const struct fe_mem *mem);

#endif /* FE_BUF_H */
