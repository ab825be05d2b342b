/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gmem/gmem.h"
#include "gmem/gmem_guard.h"

/* Does [a, a + a_len) meet [b, b + b_len)? Neither wraps. */
static bool
ranges_overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

static int
check_desc(const struct gmem_desc *desc, unsigned int i, struct base_error *err)
{
	uint64_t end;

	if (desc->size == 0)
		return base_error_set(err, EINVAL, "memory region %u is empty", i);
	if (__builtin_add_overflow(desc->gpa, desc->size, &end) ||
		__builtin_add_overflow(desc->uva, desc->size, &end) ||
		__builtin_add_overflow(desc->offset, desc->size, &end))
		return base_error_set(err, EINVAL,
			"memory region %u (size 0x%" PRIx64 ") wraps around the address space", i,
			desc->size);
	return 0;
}

static int
check_table(const struct gmem_desc *descs, unsigned int n, struct base_error *err)
{
	unsigned int i, j;
	int ret;

	if (n == 0 || n > GMEM_MAX_REGIONS)
		return base_error_set(
			err, EINVAL, "%u memory regions, expected 1 to %u", n, GMEM_MAX_REGIONS);
	for (i = 0; i < n; i++) {
		ret = check_desc(&descs[i], i, err);
		if (ret < 0)
			return ret;
		for (j = 0; j < i; j++)
			if (ranges_overlap(
				    descs[i].gpa, descs[i].size, descs[j].gpa, descs[j].size) ||
				ranges_overlap(
					descs[i].uva, descs[i].size, descs[j].uva, descs[j].size))
				return base_error_set(
					err, EINVAL, "memory regions %u and %u overlap", j, i);
	}
	return 0;
}

/*
 * Map one region. hugetlbfs wants offset and length in whole huge pages, and
 * says its page size in st_blksize. A file that ends before the region does
 * would kill us with SIGBUS at the first touch behind its end.
 */
static int
map_region(struct gmem *mem, const struct gmem_desc *desc, int fd, unsigned int i,
	struct base_error *err)
{
	struct gmem_region *region = &mem->regions[i];
	struct stat st;
	uint64_t page, start, end;
	void *map;
	int ret;

	if (fstat(fd, &st) < 0)
		return base_error_set(
			err, errno, "memory region %u: fstat: %s", i, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return base_error_set(
			err, EINVAL, "memory region %u: its descriptor is not of a file", i);
	if ((uint64_t)st.st_size < desc->offset + desc->size)
		return base_error_set(err, EINVAL,
			"memory region %u ends at 0x%" PRIx64 " of a file of 0x%" PRIx64 " bytes",
			i, desc->offset + desc->size, (uint64_t)st.st_size);

	page = RTE_MAX((uint64_t)st.st_blksize, (uint64_t)sysconf(_SC_PAGESIZE));
	if ((page & (page - 1)) != 0)
		page = (uint64_t)sysconf(_SC_PAGESIZE);
	start = RTE_ALIGN_FLOOR(desc->offset, page);
	end = RTE_ALIGN_CEIL(desc->offset + desc->size, page);

	map = mmap(NULL, end - start, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		(off_t)start);
	if (map == MAP_FAILED)
		return base_error_set(err, errno,
			"memory region %u: mmap of 0x%" PRIx64 " bytes: %s", i, end - start,
			strerror(errno));
	ret = gmem_guard_add(map, end - start, page, &mem->lost);
	if (ret < 0) {
		munmap(map, end - start);
		return base_error_set(
			err, -ret, "memory region %u: cannot be guarded: %s", i, strerror(-ret));
	}
	/* A guest's memory has no place in our core dumps. */
	(void)madvise(map, end - start, MADV_DONTDUMP);

	region->gpa = desc->gpa;
	region->size = desc->size;
	region->uva = desc->uva;
	region->va = (uint8_t *)map + (desc->offset - start);
	region->map = map;
	region->map_len = end - start;
	return 0;
}

static int
compare_gpa(const void *a, const void *b)
{
	const struct gmem_region *x = a;
	const struct gmem_region *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

struct gmem *
gmem_create(const struct gmem_desc *descs, const int *fds, unsigned int n, struct base_error *err)
{
	struct gmem *mem;
	unsigned int i;

	if (check_table(descs, n, err) < 0)
		return NULL;
	mem = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_CACHE_LINE_ROUNDUP(sizeof(*mem)));
	if (mem == NULL) {
		base_error_set(err, ENOMEM, "no memory for a memory table");
		return NULL;
	}
	memset(mem, 0, sizeof(*mem));
	for (i = 0; i < n; i++) {
		if (map_region(mem, &descs[i], fds[i], i, err) < 0) {
			gmem_destroy(mem);
			return NULL;
		}
		mem->n_regions++;
	}
	qsort(mem->regions, n, sizeof(mem->regions[0]), compare_gpa);
	return mem;
}

void
gmem_destroy(struct gmem *mem)
{
	uint32_t i;

	if (mem == NULL)
		return;
	for (i = 0; i < mem->n_regions; i++) {
		gmem_guard_del(mem->regions[i].map);
		munmap(mem->regions[i].map, mem->regions[i].map_len);
	}
	free(mem);
}

uint64_t
gmem_size(const struct gmem *mem)
{
	uint64_t size = 0;
	uint32_t i;

	for (i = 0; i < mem->n_regions; i++)
		size += mem->regions[i].size;
	return size;
}

static const struct gmem_region *
find_uva(const struct gmem *mem, uint64_t uva)
{
	uint32_t i;

	for (i = 0; i < mem->n_regions; i++)
		if (uva - mem->regions[i].uva < mem->regions[i].size)
			return &mem->regions[i];
	return NULL;
}

void *
gmem_uva_to_va(const struct gmem *mem, uint64_t uva, uint64_t len)
{
	const struct gmem_region *region = find_uva(mem, uva);

	if (region == NULL || region->size - (uva - region->uva) < len)
		return NULL;
	return region->va + (uva - region->uva);
}

uint64_t
gmem_uva_to_gpa(const struct gmem *mem, uint64_t uva)
{
	const struct gmem_region *region = find_uva(mem, uva);

	return region == NULL ? UINT64_MAX : region->gpa + (uva - region->uva);
}

int
gmem_read(const struct gmem *mem, uint64_t gpa, void *dst, uint32_t len)
{
	const struct gmem_region *cache = &mem->regions[0];
	uint8_t *to = dst;

	while (len > 0) {
		uint32_t chunk = len;
		const void *va = gmem_gpa_to_va(mem, &cache, gpa, &chunk);

		if (va == NULL)
			return -EFAULT;
		memcpy(to, va, chunk);
		to += chunk;
		gpa += chunk;
		len -= chunk;
	}
	return 0;
}
