/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <string.h>

#include "fe_buf.h"

#define BUF_ALIGN 64

int
fe_buf_init(struct fe_buf *buf, struct fe_mem *mem, uint32_t size, const struct fe_buf_cut *cut)
{
	uint32_t left = size;
	uint32_t len;

	memset(buf, 0, sizeof(*buf));
	buf->size = size;
	while (left > 0) {
		if (buf->n == FE_BUF_PIECES)
			return -EINVAL;
		len = buf->n == 0 && cut->first != 0 ? cut->first : cut->each;
		if (len == 0 || len > left)
			len = left;
		buf->piece[buf->n].gpa = fe_mem_alloc_guarded(mem, len, BUF_ALIGN);
		buf->piece[buf->n].len = len;
		if (buf->piece[buf->n].gpa == 0)
			return -ENOMEM;
		buf->n++;
		left -= len;
	}
	return 0;
}

/* Walks over the pieces as one stretch of bytes. */
struct cursor {
	const struct fe_buf *buf;
	unsigned int piece;
	uint32_t offset; /* in the piece */
};

static uint64_t
cursor_next(struct cursor *at, size_t want, size_t *len)
{
	const struct fe_sg *piece;
	uint64_t gpa;

	while (at->offset == at->buf->piece[at->piece].len) {
		at->piece++;
		at->offset = 0;
	}
	piece = &at->buf->piece[at->piece];
	*len = want < piece->len - at->offset ? want : piece->len - at->offset;
	gpa = piece->gpa + at->offset;
	at->offset += (uint32_t)*len;
	return gpa;
}

static void
cursor_write(struct cursor *at, const struct fe_mem *mem, const void *data, size_t len)
{
	const uint8_t *from = data;
	size_t n;

	for (; len > 0; from += n, len -= n) {
		uint64_t gpa = cursor_next(at, len, &n);

		memcpy(fe_mem_ptr(mem, gpa, n), from, n);
	}
}

unsigned int
fe_buf_write(const struct fe_buf *buf, const struct fe_mem *mem, const void *head, size_t head_len,
	const void *data, size_t len, struct fe_sg *sg)
{
	struct cursor at = {.buf = buf};

	cursor_write(&at, mem, head, head_len);
	cursor_write(&at, mem, data, len);
	memcpy(sg, buf->piece, (at.piece + 1) * sizeof(*sg));
	sg[at.piece].len = at.offset;
	return at.piece + 1;
}

void
fe_buf_read(
	const struct fe_buf *buf, const struct fe_mem *mem, uint32_t offset, void *data, size_t len)
{
	struct cursor at = {.buf = buf};
	uint8_t *to = data;
	size_t n;

	while (offset > 0) {
		cursor_next(&at, offset, &n);
		offset -= (uint32_t)n;
	}
	for (; len > 0; to += n, len -= n) {
		uint64_t gpa = cursor_next(&at, len, &n);

		memcpy(to, fe_mem_ptr(mem, gpa, n), n);
	}
}

void
fe_buf_poison(const struct fe_buf *buf, const struct fe_mem *mem)
{
	for (unsigned int i = 0; i < buf->n; i++)
		memset(fe_mem_ptr(mem, buf->piece[i].gpa, buf->piece[i].len), FE_BUF_POISON,
			buf->piece[i].len);
}

bool
fe_buf_poisoned_from(const struct fe_buf *buf, const struct fe_mem *mem, uint32_t offset)
{
	for (unsigned int i = 0; i < buf->n; i++) {
		uint32_t len = buf->piece[i].len;

		if (offset >= len) {
			offset -= len;
			continue;
		}
		if (!fe_mem_all(mem, buf->piece[i].gpa + offset, len - offset, FE_BUF_POISON))
			return false;
		offset = 0;
	}
	return true;
}

bool
fe_buf_intact(const struct fe_buf *buf, const struct fe_mem *mem)
{
	for (unsigned int i = 0; i < buf->n; i++) {
		if (!fe_guard_intact(mem, buf->piece[i].gpa, buf->piece[i].len))
			return false;
	}
	return true;
}
