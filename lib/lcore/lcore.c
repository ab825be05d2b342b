/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Start and stop of the data lcores, and what they have counted. Control. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "lcore/lcore_priv.h"

BASE_LOG_REGISTER(lcore);

#define STOP_NS (5ull * 1000 * 1000 * 1000)

static struct lcore *lcores;
static unsigned int n_lcores;
static struct rte_rcu_qsbr *rcu;

static int
create_rcu(unsigned int n)
{
	size_t size = rte_rcu_qsbr_get_memsize(n);
	unsigned int i;

	rcu = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_CACHE_LINE_ROUNDUP(size));
	if (rcu == NULL || rte_rcu_qsbr_init(rcu, n) != 0)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		if (rte_rcu_qsbr_thread_register(rcu, i) != 0)
			return -ENOMEM;
	return 0;
}

static int
launch(struct lcore *lc)
{
	int ret = rte_eal_remote_launch(lcore_main, lc, lc->eal_id);

	return ret < 0 ? ret : 0;
}

int
lcore_start(struct base_loop *loop, const unsigned int *cpus, unsigned int n,
	enum conf_idle_policy policy, struct base_error *err)
{
	size_t size = sizeof(*lcores) * RTE_MAX(n, 1u);
	unsigned int i;

	lcores = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
	if (lcores == NULL || create_rcu(RTE_MAX(n, 1u)) < 0 ||
		publish_init(loop, lcores, n, rcu) < 0)
		return base_error_set(err, ENOMEM, "no memory for %u data lcores", n);
	memset(lcores, 0, size);
	for (i = 0; i < n; i++) {
		lcores[i].table = calloc(1, sizeof(*lcores[i].table));
		if (lcores[i].table == NULL)
			return base_error_set(err, ENOMEM, "no memory for a poll table");
		lcores[i].policy = policy;
		lcores[i].rcu = rcu;
		lcores[i].id = i;
		lcores[i].cpu = cpus[i];
		lcores[i].eal_id = i + 1;
	}
	for (i = 0; i < n; i++) {
		int ret = launch(&lcores[i]);

		if (ret < 0)
			return base_error_set(err, -ret, "data lcore on CPU %u does not start: %s",
				cpus[i], strerror(-ret));
		n_lcores++;
	}
	return 0;
}

static bool
all_stopped(void)
{
	unsigned int i;

	for (i = 0; i < n_lcores; i++)
		if (rte_eal_get_lcore_state(lcores[i].eal_id) == RUNNING)
			return false;
	return true;
}

int
lcore_stop(void)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000};
	uint64_t deadline = base_now_ns() + STOP_NS;
	unsigned int i;

	for (i = 0; i < n_lcores; i++)
		__atomic_store_n(&lcores[i].stop, true, __ATOMIC_RELAXED);
	while (!all_stopped()) {
		if (base_now_ns() > deadline) {
			BASE_LOG(lcore, ERR, "a data lcore does not stop");
			return -ETIMEDOUT;
		}
		nanosleep(&pause, NULL);
	}
	publish_fini();
	free(lcores);
	free(rcu);
	lcores = NULL;
	rcu = NULL;
	n_lcores = 0;
	return 0;
}

unsigned int
lcore_count(void)
{
	return n_lcores;
}

int
lcore_cpu(int owner)
{
	return owner < 0 || owner >= (int)n_lcores ? -1 : (int)lcores[owner].cpu;
}

int
lcore_info_get(unsigned int index, struct lcore_info *info)
{
	const struct lcore *lc;

	if (index >= n_lcores)
		return -EINVAL;
	lc = &lcores[index];
	info->cpu = lc->cpu;
	info->n_paths = lc->table->n_paths;
	info->rounds = lc->rounds;
	info->packets = lc->packets;
	info->busy_cycles = lc->busy_cycles;
	info->idle_cycles = lc->idle_cycles;
	info->yields = lc->yields;
	return 0;
}
