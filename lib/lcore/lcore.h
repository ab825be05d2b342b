/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * lcore: the data lcores, and what they poll.
 *
 * Concepts:
 *  - A data lcore runs a *poll table*: an array of paths that never changes.
 *    The management lcore publishes another one by storing a pointer.
 *  - Once per round a lcore reports a quiescent state (rte_rcu_qsbr). A *grace
 *    period* is over when every lcore has done so since it began: then no
 *    lcore uses what was in the tables before.
 *  - Publishing is by difference: lcore_apply() makes the plan of what there
 *    is to do now, places its lanes, and publishes the tables. A queue that
 *    moves from one lcore to another is taken out first, and put back after a
 *    grace period: it is never polled by two.
 *
 * Everything here is the management lcore's. Each wait has a deadline; when it
 * passes, what was published stays published, and the work is taken up again
 * by a timer.
 */

#ifndef LCORE_H
#define LCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "conf/conf.h"
#include "fwd/fwd.h"

/** How long one call waits for the lcores. Longer waits are the caller's, by calling again. */
#define LCORE_SYNC_NS (50ull * 1000 * 1000)

struct lcore_table {
	unsigned int n_paths;
	struct fwd_path paths[];
};

struct lcore_info {
	unsigned int cpu;
	unsigned int n_paths;
	uint64_t rounds;
	uint64_t packets;
	uint64_t busy_cycles; /**< rounds that moved something */
	uint64_t idle_cycles; /**< rounds that did not, sleeps included */
	uint64_t yields;      /**< times the CPU was given away */
};

/**
 * Start the data lcores: EAL lcores 1 .. n, which main() has pinned to cpus[].
 *
 * @return 0 or -errno with a sentence.
 */
int lcore_start(struct base_loop *loop, const unsigned int *cpus, unsigned int n,
	enum conf_idle_policy policy, struct base_error *err);

/** Stop them and free everything. Waits for them for at most 5 s. @return 0 or -ETIMEDOUT. */
int lcore_stop(void);

/** Publish what there is to do now. @return 0; -ETIMEDOUT, -ENOMEM: a timer goes on with it. */
int lcore_apply(void);

/** lcore_apply(), then wait until nobody uses an older table. @return 0 or -ETIMEDOUT. */
int lcore_quiesce(void);

/** Run fn(arg) once every lcore has passed a quiescent state. */
void lcore_defer(void (*fn)(void *arg), void *arg);

unsigned int lcore_count(void);
/** @return 0; -EINVAL for an index that is not below lcore_count(). */
int lcore_info_get(unsigned int index, struct lcore_info *info);
/** The CPU of the lcore that polls a queue whose owner this is, -1: nobody. */
int lcore_cpu(int owner);
/** Tables published, and times that a wait for the lcores passed its deadline. */
uint64_t lcore_publications(void);
uint64_t lcore_timeouts(void);

#endif /* LCORE_H */
