/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * frontend: guest memory.
 *
 * Concepts:
 *  - A *region* is a memfd (or a part of one), its guest-physical address and
 *    the "user address" that the memory table gives the back-end. The user
 *    address is only a key: it need not be where we have the region mapped.
 *  - The *allocator* hands out guest-physical ranges, each within one region.
 *    It never frees; a range that may cross regions is the caller's to choose.
 *  - A *guard* is a stretch of known bytes around something that the device
 *    writes to, so that a write outside of it is seen.
 *
 * One thread at a time, but the contents, which the device shares.
 */

#ifndef FE_MEM_H
#define FE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fe_proto.h"

#define FE_MEM_REGIONS 16 /* more than may be announced */
#define FE_GUARD       64 /* bytes on either side */
#define FE_GUARD_BYTE  0xc5

/** How a region is laid out. Zero in uva: where we have it mapped. */
struct fe_region_conf {
	uint64_t gpa;
	uint64_t size;
	uint64_t uva;
	uint64_t offset; /**< of the region in its file; page-aligned */
};

struct fe_region {
	struct fe_region_conf conf; /**< uva filled in */
	int fd;			    /**< of its own, closed by fe_mem_fini() */
	uint8_t *base;		    /**< where gpa is in our address space */
	uint64_t used;		    /**< handed out by the allocator, in bytes */
};

struct fe_mem {
	struct fe_region region[FE_MEM_REGIONS];
	unsigned int n;
};

/** Make the regions. @return 0 or -errno, and nothing is left behind. */
int fe_mem_init(struct fe_mem *mem, const struct fe_region_conf *conf, unsigned int n);

/** Add one region to what is there (memory hotplug). @return 0 or -errno. */
int fe_mem_add(struct fe_mem *mem, const struct fe_region_conf *conf);

void fe_mem_fini(struct fe_mem *mem);

/** The message for the table, and the descriptors that go with it (at least FE_MEM_REGIONS). */
void fe_mem_table(const struct fe_mem *mem, struct fe_mem_table *table, int *fds);

/** Our pointer to a range; NULL where it is not in one region. */
void *fe_mem_ptr(const struct fe_mem *mem, uint64_t gpa, uint64_t len);

/** The user address of a guest-physical one; 0 where there is none. */
uint64_t fe_mem_uva(const struct fe_mem *mem, uint64_t gpa);

/** Copy to or from a range that may cross regions. @return 0; -EFAULT. */
int fe_mem_write(const struct fe_mem *mem, uint64_t gpa, const void *data, size_t len);
int fe_mem_read(const struct fe_mem *mem, uint64_t gpa, void *data, size_t len);

/** A range of the first region that has room. @return its address; 0 for no room. */
uint64_t fe_mem_alloc(struct fe_mem *mem, uint64_t size, uint64_t align);

/** A range of one region. */
uint64_t fe_mem_alloc_in(struct fe_mem *mem, unsigned int region, uint64_t size, uint64_t align);

/** A range with guards on both sides, already filled. */
uint64_t fe_mem_alloc_guarded(struct fe_mem *mem, uint64_t size, uint64_t align);

/** Fill or check the guards around a range. */
void fe_guard_fill(const struct fe_mem *mem, uint64_t gpa, uint64_t size);
bool fe_guard_intact(const struct fe_mem *mem, uint64_t gpa, uint64_t size);

/** Are all bytes of a range this one? */
bool fe_mem_all(const struct fe_mem *mem, uint64_t gpa, uint64_t len, uint8_t byte);

#endif /* FE_MEM_H */
