/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * gmem: guest memory, mapped by us.
 *
 * Concepts:
 *  - A *memory table* is one SET_MEM_TABLE: regions of guest-physical
 *    addresses (GPA), each backed by a file descriptor and known to the
 *    front-end under an address of its own (UVA). struct gmem is one such
 *    table, mapped; it never changes. A new table is a new struct gmem.
 *  - Buffers are named by GPA, rings by UVA. Both are translated to our
 *    addresses (VA), and only through the checked functions here.
 *  - The mapping lives until gmem_destroy(). The owner calls that only after a
 *    grace period in which every data lcore has let go, so that a late lcore
 *    never touches an unmapped page. The vhost library's own mapping plays no
 *    part, and is never made.
 *  - The front-end can take memory away from under a mapping, by cutting its
 *    file short. A touch then finds an empty page of ours, and the table is
 *    *lost*. The handler of SIGBUS that this needs is installed by
 *    gmem_create().
 *
 * The management lcore creates and destroys; data lcores translate.
 */

#ifndef GMEM_H
#define GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "base/err.h"

#define GMEM_MAX_REGIONS 8 /* what one SET_MEM_TABLE can carry */

/** A region as the front-end describes it. */
struct gmem_desc {
	uint64_t gpa;	 /**< guest-physical start */
	uint64_t size;	 /**< bytes */
	uint64_t uva;	 /**< front-end's address of the same */
	uint64_t offset; /**< where it begins in the file */
};

/** A region as mapped. Management: w before it is published; data: r. */
struct gmem_region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *va;
	uint64_t uva;
	void *map; /* management only: what to unmap */
	size_t map_len;
};

struct gmem {
	uint32_t n_regions;
	bool lost; /* see gmem_is_lost(); whatever thread touches: w; any: r */
	struct gmem_region regions[GMEM_MAX_REGIONS]; /* by GPA, ascending */
};

/**
 * Check and map a memory table. Regions must not be empty, wrap around, or
 * overlap in GPA or UVA, and must lie within their files.
 *
 * @param fds one per region; they stay the caller's, who may close them after.
 * @return the table; NULL with the reason in err.
 */
struct gmem *gmem_create(
	const struct gmem_desc *descs, const int *fds, unsigned int n, struct base_error *err);

/** Unmap and free; NULL is allowed. Only after every lcore has let go. */
void gmem_destroy(struct gmem *mem);

/** Was a page missing when it was touched? Then what is read there is worth nothing. Any thread. */
static inline bool
gmem_is_lost(const struct gmem *mem)
{
	return __atomic_load_n(&mem->lost, __ATOMIC_RELAXED);
}

/** Bytes in all regions. */
uint64_t gmem_size(const struct gmem *mem);

/** The region that holds this GPA, or NULL. */
static inline const struct gmem_region *
gmem_find(const struct gmem *mem, uint64_t gpa)
{
	uint32_t i;

	for (i = 0; i < mem->n_regions; i++)
		if (gpa - mem->regions[i].gpa < mem->regions[i].size)
			return &mem->regions[i];
	return NULL;
}

/**
 * Translate a GPA.
 *
 * @param[in,out] cache the region of the last translation, to start with
 *     &mem->regions[0]: one compare in the common case.
 * @param[in,out] len in: bytes wanted; out: bytes that are contiguous there,
 *     at most what was wanted.
 * @return our address; NULL if the GPA is in no region.
 */
static __rte_always_inline void *
gmem_gpa_to_va(
	const struct gmem *mem, const struct gmem_region **cache, uint64_t gpa, uint32_t *len)
{
	const struct gmem_region *region = *cache;
	uint64_t offset = gpa - region->gpa;

	if (unlikely(offset >= region->size)) {
		region = gmem_find(mem, gpa);
		if (region == NULL)
			return NULL;
		*cache = region;
		offset = gpa - region->gpa;
	}
	if (unlikely(region->size - offset < *len))
		*len = (uint32_t)(region->size - offset);
	return region->va + offset;
}

/**
 * Translate a ring's address in the front-end.
 *
 * @return our address of all len bytes, in one region; NULL if there is none.
 */
void *gmem_uva_to_va(const struct gmem *mem, uint64_t uva, uint64_t len);

/** The GPA of a ring's address in the front-end; UINT64_MAX if there is none. */
uint64_t gmem_uva_to_gpa(const struct gmem *mem, uint64_t uva);

/**
 * Copy from guest memory, across region borders.
 *
 * @return 0; -EFAULT if not all of it is guest memory.
 */
int gmem_read(const struct gmem *mem, uint64_t gpa, void *dst, uint32_t len);

#endif /* GMEM_H */
