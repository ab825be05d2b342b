/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * gmem: surviving guest memory that goes away. Private to the room.
 *
 * A mapped page can cease to exist: the front-end cuts its file short, or no
 * huge page is left for one that is touched for the first time. The CPU that
 * touches it gets SIGBUS, which would end the daemon and with it all guests.
 * Each mapping is entered here; the signal's handler puts an empty page of
 * our own where there is none, notes that the table is lost, and the touch is
 * repeated. The rings in that table stop at their next poll.
 *
 * The management lcore adds and removes; the handler runs on whatever thread
 * touches, and takes no lock.
 */

#ifndef GMEM_GUARD_H
#define GMEM_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Guard a mapping.
 *
 * @param page size of its pages; the mapping is aligned to it.
 * @param lost set to true when a page was missing; lives as long as the guard.
 * @return 0; -ENOSPC if too many are guarded; -errno if there can be no handler.
 */
int gmem_guard_add(void *map, size_t len, size_t page, bool *lost);

/** No longer; before it is unmapped. What is not guarded is ignored. */
void gmem_guard_del(const void *map);

#endif /* GMEM_GUARD_H */
