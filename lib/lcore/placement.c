/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include "conf/conf.h"
#include "lcore/placement.h"

static unsigned int
least_loaded(const unsigned int *load, unsigned int n_lcores)
{
	unsigned int i, best = 0;

	for (i = 1; i < n_lcores; i++)
		if (load[i] < load[best])
			best = i;
	return best;
}

static unsigned int
most_loaded(const unsigned int *load, unsigned int n_lcores)
{
	unsigned int i, worst = 0;

	for (i = 1; i < n_lcores; i++)
		if (load[i] > load[worst])
			worst = i;
	return worst;
}

/* A move pays only if it leaves the two lcores closer together than they were. */
static struct placement_lane *
find_move(struct placement_lane *lanes, unsigned int n_lanes, unsigned int from, unsigned int gap)
{
	struct placement_lane *best = NULL;
	unsigned int i;

	for (i = 0; i < n_lanes; i++) {
		if (lanes[i].lcore != (int)from || lanes[i].weight == 0 ||
			2 * lanes[i].weight > gap)
			continue;
		if (best == NULL || lanes[i].weight > best->weight)
			best = &lanes[i];
	}
	return best;
}

/* Moving costs a grace period: only when one lcore has more than twice what another has. */
static void
rebalance(struct placement_lane *lanes, unsigned int n_lanes, unsigned int *load,
	unsigned int n_lcores)
{
	unsigned int moves;

	for (moves = 0; moves < n_lanes; moves++) {
		unsigned int from = most_loaded(load, n_lcores);
		unsigned int to = least_loaded(load, n_lcores);
		struct placement_lane *lane;

		if (load[from] <= 2 * load[to])
			return;
		lane = find_move(lanes, n_lanes, from, load[from] - load[to]);
		if (lane == NULL)
			return;
		lane->lcore = (int)to;
		load[from] -= lane->weight;
		load[to] += lane->weight;
	}
}

void
placement_run(struct placement_lane *lanes, unsigned int n_lanes, unsigned int n_lcores)
{
	unsigned int load[CONF_MAX_LCORES] = {0};
	unsigned int i;

	for (i = 0; i < n_lanes; i++) {
		if (n_lcores == 0 || lanes[i].lcore >= (int)n_lcores)
			lanes[i].lcore = -1;
		if (lanes[i].lcore >= 0)
			load[lanes[i].lcore] += lanes[i].weight;
	}
	if (n_lcores == 0)
		return;
	for (i = 0; i < n_lanes; i++) {
		if (lanes[i].lcore >= 0)
			continue;
		lanes[i].lcore = (int)least_loaded(load, n_lcores);
		load[lanes[i].lcore] += lanes[i].weight;
	}
	rebalance(lanes, n_lanes, load, n_lcores);
}
