/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* What a data lcore does. Data. */

#include <sched.h>
#include <time.h>

#include <rte_cycles.h>

#include "fwd/fwd_data.h"
#include "lcore/lcore_priv.h"

/* Empty rounds before the yield policy gives the CPU away. */
#define YIELD_AFTER 64

/* With nothing to poll there is nothing to miss: look for a new table once a millisecond. */
#define EMPTY_SLEEP_NS (1000 * 1000)

static void
sleep_empty(void)
{
	const struct timespec ts = {.tv_nsec = EMPTY_SLEEP_NS};

	nanosleep(&ts, NULL);
}

/* Away from the CPU the lcore is offline for the grace periods: nobody waits for a sleeper. */
static void
rest(struct lcore *lc, bool empty)
{
	rte_rcu_qsbr_thread_offline(lc->rcu, lc->id);
	if (empty)
		sleep_empty();
	else
		sched_yield();
	rte_rcu_qsbr_thread_online(lc->rcu, lc->id);
	lc->yields++;
}

int
lcore_main(void *arg)
{
	struct lcore *lc = arg;
	uint64_t before = rte_rdtsc();
	unsigned int idle = 0;

	rte_rcu_qsbr_thread_online(lc->rcu, lc->id);
	while (!__atomic_load_n(&lc->stop, __ATOMIC_RELAXED)) {
		const struct lcore_table *table = __atomic_load_n(&lc->table, __ATOMIC_ACQUIRE);
		unsigned int n = table->n_paths;
		uint64_t moved = 0;
		uint64_t now;
		unsigned int i;

		for (i = 0; i < n; i++)
			moved += fwd_path_run(&table->paths[i]);
		rte_rcu_qsbr_quiescent(lc->rcu, lc->id);

		if (moved > 0) {
			idle = 0;
		} else if (n == 0 || (lc->policy == CONF_IDLE_YIELD && ++idle >= YIELD_AFTER)) {
			rest(lc, n == 0);
			idle = 0;
		}

		now = rte_rdtsc();
		lc->rounds++;
		lc->packets += moved;
		if (moved > 0)
			lc->busy_cycles += now - before;
		else
			lc->idle_cycles += now - before;
		before = now;
	}
	rte_rcu_qsbr_thread_offline(lc->rcu, lc->id);
	return 0;
}
