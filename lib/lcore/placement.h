/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * lcore: which lane runs where. A pure function: no EAL, no state.
 *
 * A lane stays where it is, so that adding a port disturbs no other; a new
 * one goes to the lcore with the least to do, in paths. When the lcores have
 * become very unequal, lanes move from the fullest to the emptiest.
 */

#ifndef LCORE_PLACEMENT_H
#define LCORE_PLACEMENT_H

struct placement_lane {
	unsigned int weight; /**< paths */
	int lcore;	     /**< in: where it runs, -1: nowhere; out: where it shall run */
};

/**
 * Place all lanes on lcores 0 .. n_lcores - 1. Lanes on a lcore that is not
 * among these are placed anew. Without lcores nothing is placed (-1).
 */
void placement_run(struct placement_lane *lanes, unsigned int n_lanes, unsigned int n_lcores);

#endif /* LCORE_PLACEMENT_H */
