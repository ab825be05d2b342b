/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fe_mem.h"

int
fe_mem_add(struct fe_mem *mem, const struct fe_region_conf *conf)
{
	struct fe_region *r = &mem->region[mem->n];
	void *map;
	int ret;

	if (mem->n == FE_MEM_REGIONS)
		return -ENOSPC;
	r->fd = memfd_create("guest", MFD_CLOEXEC);
	if (r->fd < 0)
		return -errno;
	if (ftruncate(r->fd, (off_t)(conf->offset + conf->size)) < 0)
		goto fail;
	map = mmap(
		NULL, conf->size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, (off_t)conf->offset);
	if (map == MAP_FAILED)
		goto fail;
	r->conf = *conf;
	r->base = map;
	r->used = 0;
	if (r->conf.uva == 0)
		r->conf.uva = (uint64_t)(uintptr_t)map;
	mem->n++;
	return 0;
fail:
	ret = -errno;
	close(r->fd);
	return ret;
}

int
fe_mem_init(struct fe_mem *mem, const struct fe_region_conf *conf, unsigned int n)
{
	int ret = 0;

	memset(mem, 0, sizeof(*mem));
	for (unsigned int i = 0; i < n && ret == 0; i++)
		ret = fe_mem_add(mem, &conf[i]);
	if (ret < 0)
		fe_mem_fini(mem);
	return ret;
}

void
fe_mem_fini(struct fe_mem *mem)
{
	for (unsigned int i = 0; i < mem->n; i++) {
		munmap(mem->region[i].base, mem->region[i].conf.size);
		close(mem->region[i].fd);
	}
	mem->n = 0;
}

void
fe_mem_table(const struct fe_mem *mem, struct fe_mem_table *table, int *fds)
{
	memset(table, 0, sizeof(*table));
	table->n = mem->n;
	for (unsigned int i = 0; i < mem->n; i++) {
		const struct fe_region_conf *conf = &mem->region[i].conf;

		table->region[i] = (struct fe_mem_region){.gpa = conf->gpa,
			.size = conf->size,
			.uva = conf->uva,
			.offset = conf->offset};
		fds[i] = mem->region[i].fd;
	}
}

static const struct fe_region *
mem_find(const struct fe_mem *mem, uint64_t gpa)
{
	for (unsigned int i = 0; i < mem->n; i++) {
		const struct fe_region *r = &mem->region[i];

		if (gpa >= r->conf.gpa && gpa - r->conf.gpa < r->conf.size)
			return r;
	}
	return NULL;
}

void *
fe_mem_ptr(const struct fe_mem *mem, uint64_t gpa, uint64_t len)
{
	const struct fe_region *r = mem_find(mem, gpa);

	if (r == NULL || len > r->conf.size - (gpa - r->conf.gpa))
		return NULL;
	return r->base + (gpa - r->conf.gpa);
}

uint64_t
fe_mem_uva(const struct fe_mem *mem, uint64_t gpa)
{
	const struct fe_region *r = mem_find(mem, gpa);

	return r == NULL ? 0 : r->conf.uva + (gpa - r->conf.gpa);
}

/* The longest piece of a range that lies in one region. */
static uint8_t *
mem_piece(const struct fe_mem *mem, uint64_t gpa, size_t len, size_t *piece)
{
	const struct fe_region *r = mem_find(mem, gpa);
	uint64_t left;

	if (r == NULL)
		return NULL;
	left = r->conf.size - (gpa - r->conf.gpa);
	*piece = len < left ? len : left;
	return r->base + (gpa - r->conf.gpa);
}

int
fe_mem_write(const struct fe_mem *mem, uint64_t gpa, const void *data, size_t len)
{
	const uint8_t *from = data;
	size_t piece;

	for (; len > 0; gpa += piece, from += piece, len -= piece) {
		uint8_t *to = mem_piece(mem, gpa, len, &piece);

		if (to == NULL)
			return -EFAULT;
		memcpy(to, from, piece);
	}
	return 0;
}

int
fe_mem_read(const struct fe_mem *mem, uint64_t gpa, void *data, size_t len)
{
	uint8_t *to = data;
	size_t piece;

	for (; len > 0; gpa += piece, to += piece, len -= piece) {
		const uint8_t *from = mem_piece(mem, gpa, len, &piece);

		if (from == NULL)
			return -EFAULT;
		memcpy(to, from, piece);
	}
	return 0;
}

uint64_t
fe_mem_alloc_in(struct fe_mem *mem, unsigned int region, uint64_t size, uint64_t align)
{
	struct fe_region *r = &mem->region[region];
	uint64_t gpa = r->conf.gpa + r->used;

	/* Address 0 means "none" to the callers, and to more than one device. */
	if (gpa == 0)
		gpa = align;
	gpa = (gpa + align - 1) & ~(align - 1);
	if (region >= mem->n || gpa - r->conf.gpa > r->conf.size ||
		size > r->conf.size - (gpa - r->conf.gpa))
		return 0;
	r->used = gpa - r->conf.gpa + size;
	return gpa;
}

uint64_t
fe_mem_alloc(struct fe_mem *mem, uint64_t size, uint64_t align)
{
	uint64_t gpa = 0;

	for (unsigned int i = 0; i < mem->n && gpa == 0; i++)
		gpa = fe_mem_alloc_in(mem, i, size, align);
	return gpa;
}

uint64_t
fe_mem_alloc_guarded(struct fe_mem *mem, uint64_t size, uint64_t align)
{
	uint64_t pad = align > FE_GUARD ? align : FE_GUARD;
	uint64_t gpa = fe_mem_alloc(mem, pad + size + FE_GUARD, pad);

	if (gpa == 0)
		return 0;
	gpa += pad;
	fe_guard_fill(mem, gpa, size);
	return gpa;
}

void
fe_guard_fill(const struct fe_mem *mem, uint64_t gpa, uint64_t size)
{
	memset(fe_mem_ptr(mem, gpa - FE_GUARD, FE_GUARD), FE_GUARD_BYTE, FE_GUARD);
	memset(fe_mem_ptr(mem, gpa + size, FE_GUARD), FE_GUARD_BYTE, FE_GUARD);
}

bool
fe_mem_all(const struct fe_mem *mem, uint64_t gpa, uint64_t len, uint8_t byte)
{
	const uint8_t *p = fe_mem_ptr(mem, gpa, len);

	if (p == NULL)
		return false;
	return len == 0 || (p[0] == byte && memcmp(p, p + 1, len - 1) == 0);
}

bool
fe_guard_intact(const struct fe_mem *mem, uint64_t gpa, uint64_t size)
{
	return fe_mem_all(mem, gpa - FE_GUARD, FE_GUARD, FE_GUARD_BYTE) &&
		fe_mem_all(mem, gpa + size, FE_GUARD, FE_GUARD_BYTE);
}
