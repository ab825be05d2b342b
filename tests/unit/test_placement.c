/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Placement of lanes: a pure function, so every property is checked over random inputs too. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lcore/placement.h"

#define MAX_LANES 64

static void
test_no_lcores_places_nothing(void **state)
{
	struct placement_lane lanes[] = {{2, -1}, {2, 0}};

	(void)state;
	placement_run(lanes, 2, 0);
	assert_int_equal(lanes[0].lcore, -1);
	assert_int_equal(lanes[1].lcore, -1);
}

static void
test_new_lanes_spread(void **state)
{
	struct placement_lane lanes[] = {{2, -1}, {2, -1}, {2, -1}, {2, -1}};
	unsigned int i, load[2] = {0};

	(void)state;
	placement_run(lanes, 4, 2);
	for (i = 0; i < 4; i++)
		load[lanes[i].lcore] += lanes[i].weight;
	assert_int_equal(load[0], 4);
	assert_int_equal(load[1], 4);
}

static void
test_lanes_stay(void **state)
{
	struct placement_lane lanes[] = {{2, 1}, {2, 0}, {2, 1}, {2, -1}};

	(void)state;
	placement_run(lanes, 4, 2);
	assert_int_equal(lanes[0].lcore, 1);
	assert_int_equal(lanes[1].lcore, 0);
	assert_int_equal(lanes[2].lcore, 1);
	assert_int_equal(lanes[3].lcore, 0);
}

static void
test_lane_of_a_lost_lcore_is_placed_anew(void **state)
{
	struct placement_lane lanes[] = {{2, 0}, {2, 5}};

	(void)state;
	placement_run(lanes, 2, 2);
	assert_int_equal(lanes[0].lcore, 0);
	assert_int_equal(lanes[1].lcore, 1);
}

static void
test_very_unequal_lcores_are_evened_out(void **state)
{
	struct placement_lane lanes[] = {{2, 0}, {2, 0}, {2, 0}, {2, 0}};
	unsigned int i, load[2] = {0};

	(void)state;
	placement_run(lanes, 4, 2);
	for (i = 0; i < 4; i++)
		load[lanes[i].lcore] += lanes[i].weight;
	assert_int_equal(load[0], 4);
	assert_int_equal(load[1], 4);
}

static void
test_one_heavy_lane_does_not_wander(void **state)
{
	struct placement_lane lanes[] = {{16, 0}, {1, 1}};

	(void)state;
	placement_run(lanes, 2, 2);
	assert_int_equal(lanes[0].lcore, 0);
	assert_int_equal(lanes[1].lcore, 1);
}

/* Placed, within range, the same for the same input, and a fixed point of itself. */
static void
test_random_inputs(void **state)
{
	struct placement_lane lanes[MAX_LANES], again[MAX_LANES];
	unsigned int round, i, n, cores;

	(void)state;
	srand(20261121);
	for (round = 0; round < 20000; round++) {
		n = (unsigned int)rand() % MAX_LANES;
		cores = 1 + (unsigned int)rand() % 8;
		for (i = 0; i < n; i++) {
			lanes[i].weight = (unsigned int)rand() % 17;
			lanes[i].lcore = rand() % 10 - 1;
		}
		placement_run(lanes, n, cores);
		for (i = 0; i < n; i++) {
			assert_in_range(lanes[i].lcore, 0, cores - 1);
			again[i] = lanes[i];
		}
		placement_run(again, n, cores);
		for (i = 0; i < n; i++)
			assert_int_equal(again[i].lcore, lanes[i].lcore);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_lcores_places_nothing),
		cmocka_unit_test(test_new_lanes_spread),
		cmocka_unit_test(test_lanes_stay),
		cmocka_unit_test(test_lane_of_a_lost_lcore_is_placed_anew),
		cmocka_unit_test(test_very_unequal_lcores_are_evened_out),
		cmocka_unit_test(test_one_heavy_lane_does_not_wander),
		cmocka_unit_test(test_random_inputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
