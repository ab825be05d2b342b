/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * Data lcores, and how busy they are: a timer keeps the numbers of a second
 * ago, so that each client sees the same load whenever it asks.
 */

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>

#include "lcore/lcore.h"
#include "mgmt/view.h"

#define SAMPLE_NS (1000ull * 1000 * 1000)

static struct {
	struct base_timer *timer;
	unsigned int n;
	struct lcore_info last[CONF_MAX_LCORES];
	int load[CONF_MAX_LCORES]; /* in tenths of a per cent, -1: not known yet */
	bool primed;
} samples;

/* In tenths of a per cent; -1 if the lcore did not run at all. */
static int
load_between(const struct lcore_info *a, const struct lcore_info *b)
{
	uint64_t busy = b->busy_cycles - a->busy_cycles;
	uint64_t all = busy + b->idle_cycles - a->idle_cycles;

	return all == 0 ? -1 : (int)(busy * 1000 / all);
}

static void
sample(void *arg __rte_unused)
{
	struct lcore_info info;
	unsigned int i;

	for (i = 0; i < RTE_MIN(lcore_count(), (unsigned int)CONF_MAX_LCORES); i++) {
		if (lcore_info_get(i, &info) < 0)
			break;
		samples.load[i] = samples.primed ? load_between(&samples.last[i], &info) : -1;
		samples.last[i] = info;
	}
	samples.primed = true;
}

int
view_lcore_start(struct base_loop *loop)
{
	memset(&samples, 0, sizeof(samples));
	sample(NULL);
	samples.timer = base_timer_add(loop, SAMPLE_NS, SAMPLE_NS, sample, NULL);
	return samples.timer == NULL ? -ENOMEM : 0;
}

void
view_lcore_stop(void)
{
	base_timer_del(samples.timer);
	samples.timer = NULL;
}

static json_t *
view_lcore(unsigned int index, const struct lcore_info *info)
{
	json_t *object = json_object();
	int load = index < CONF_MAX_LCORES ? samples.load[index] : -1;

	view_set_u64(object, "cpu", info->cpu);
	view_set_u64(object, "paths", info->n_paths);
	json_object_set_new(object, "load", load < 0 ? json_null() : json_real(load / 10.0));
	view_set_u64(object, "packets", info->packets);
	view_set_u64(object, "rounds", info->rounds);
	view_set_u64(object, "busy_cycles", info->busy_cycles);
	view_set_u64(object, "idle_cycles", info->idle_cycles);
	view_set_u64(object, "yields", info->yields);
	view_set_u64(object, "tsc_hz", rte_get_tsc_hz());
	return object;
}

json_t *
view_lcores(void)
{
	json_t *list = json_array();
	struct lcore_info info;
	unsigned int i;

	for (i = 0; lcore_info_get(i, &info) == 0; i++)
		json_array_append_new(list, view_lcore(i, &info));
	return list;
}
