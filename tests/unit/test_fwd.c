/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * Wires, lanes and paths. Ports are made by hand and their rings set to the
 * states that matter; no EAL, no socket, no lcore. Packets are pointers that
 * nobody follows.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fwd/fwd_data.h"

static struct gmem some_memory;
static const struct vhost_env no_env;

/* A vhost port with all its rings running. */
static struct port *
make_port(const char *name, uint16_t queues)
{
	struct port *port = calloc(1, sizeof(*port));
	uint16_t i;

	assert_non_null(port);
	conf_port_defaults(&port->conf, name);
	port->conf.queues = queues;
	port->n_queues = queues;
	port->state = PORT_RUNNING;
	port->vhost = vhost_dev_create(&no_env, &port->conf, port);
	port->vhost->mem = &some_memory;
	port->vhost->active = (struct vhost_conn *)port; /* connected */
	port->rxq = aligned_alloc(RTE_CACHE_LINE_SIZE, queues * sizeof(*port->rxq));
	port->txq = aligned_alloc(RTE_CACHE_LINE_SIZE, queues * sizeof(*port->txq));
	memset(port->rxq, 0, queues * sizeof(*port->rxq));
	memset(port->txq, 0, queues * sizeof(*port->txq));
	for (i = 0; i < queues; i++) {
		port->rxq[i].port = port;
		port->rxq[i].index = i;
		port->txq[i].port = port;
		port->txq[i].index = i;
	}
	for (i = 0; i < 2 * queues; i++) {
		port->vhost->rings[i].started = true;
		port->vhost->rings[i].enabled = true;
		port->vhost->rings[i].vq.mem = &some_memory;
	}
	TAILQ_INSERT_TAIL((struct port_list *)(uintptr_t)port_all(), port, next);
	return port;
}

static void
free_port(struct port *port)
{
	TAILQ_REMOVE((struct port_list *)(uintptr_t)port_all(), port, next);
	vhost_dev_destroy(port->vhost);
	free(port->rxq);
	free(port->txq);
	free(port);
}

static int
wire(const char *name, const char *a, const char *b)
{
	struct conf_wire conf = {0};
	struct base_error err;

	snprintf(conf.name, sizeof(conf.name), "%s", name);
	snprintf(conf.port[0], sizeof(conf.port[0]), "%s", a);
	snprintf(conf.port[1], sizeof(conf.port[1]), "%s", b);
	return fwd_wire_add(&conf, &err);
}

static void
set_queue(struct port *port, uint16_t queue, bool enabled)
{
	port->vhost->rings[2 * queue].enabled = enabled;
	port->vhost->rings[2 * queue + 1].enabled = enabled;
}

/* In which lane a path from this source to this destination stands. -1: none, -2: several. */
static int
lane_of(const struct fwd_plan *plan, const struct port_rxq *rxq, const struct port_txq *txq)
{
	int found = -1;
	unsigned int i, p;

	for (i = 0; i < plan->n_lanes; i++) {
		for (p = 0; p < plan->lanes[i].n_paths; p++) {
			const struct fwd_path *path = &plan->paths[plan->lanes[i].first + p];

			if (path->rxq == rxq && path->txq == txq)
				found = found == -1 ? (int)i : -2;
		}
	}
	return found;
}

static const struct fwd_path *
path_from(const struct fwd_plan *plan, const struct port_rxq *rxq)
{
	const struct fwd_path *found = NULL;
	unsigned int p;

	for (p = 0; p < plan->n_paths; p++) {
		if (plan->paths[p].rxq != rxq)
			continue;
		assert_null(found);
		found = &plan->paths[p];
	}
	return found;
}

/* No queue in two lanes, or two lcores would write to it; and no receive queue in two paths. */
static void
check_exclusive(const struct fwd_plan *plan)
{
	unsigned int i, j, p, q;

	for (i = 0; i < plan->n_lanes; i++) {
		for (p = 0; p < plan->lanes[i].n_paths; p++) {
			const struct fwd_path *a = &plan->paths[plan->lanes[i].first + p];

			for (j = i + 1; j < plan->n_lanes; j++) {
				for (q = 0; q < plan->lanes[j].n_paths; q++) {
					const struct fwd_path *b =
						&plan->paths[plan->lanes[j].first + q];

					assert_true(a->rxq == NULL || a->rxq != b->rxq);
					assert_true(a->txq == NULL || a->txq != b->txq);
					assert_true(a->blame == NULL || a->blame != b->blame);
				}
			}
		}
	}
}

static void
test_wire_of_one_queue_is_one_lane(void **state)
{
	struct port *a = make_port("a", 1), *b = make_port("b", 1);
	struct fwd_plan plan;
	struct base_error err;

	(void)state;
	assert_int_equal(wire("w", "a", "b"), 0);
	assert_int_equal(fwd_plan_make(&plan), 0);
	assert_int_equal(plan.n_lanes, 1);
	assert_int_equal(plan.n_paths, 2);
	assert_int_equal(lane_of(&plan, &a->rxq[0], &b->txq[0]), 0);
	assert_int_equal(lane_of(&plan, &b->rxq[0], &a->txq[0]), 0);
	fwd_plan_free(&plan);
	assert_int_equal(fwd_wire_remove("w", &err), 0);
	free_port(a);
	free_port(b);
}

static void
test_queue_pairs_become_lanes(void **state)
{
	struct port *a = make_port("a", 4), *b = make_port("b", 4);
	struct fwd_plan plan;
	struct base_error err;
	uint16_t i;

	(void)state;
	assert_int_equal(wire("w", "a", "b"), 0);
	assert_int_equal(fwd_plan_make(&plan), 0);
	assert_int_equal(plan.n_lanes, 4);
	for (i = 0; i < 4; i++) {
		int lane = lane_of(&plan, &a->rxq[i], &b->txq[i]);

		assert_in_range(lane, 0, 3);
		assert_int_equal(lane_of(&plan, &b->rxq[i], &a->txq[i]), lane);
	}
	check_exclusive(&plan);
	fwd_plan_free(&plan);
	assert_int_equal(fwd_wire_remove("w", &err), 0);
	free_port(a);
	free_port(b);
}

static void
test_more_queues_on_one_side_fold(void **state)
{
	struct port *a = make_port("a", 4), *b = make_port("b", 1);
	struct fwd_plan plan;
	struct base_error err;
	uint16_t i;

	(void)state;
	assert_int_equal(wire("w", "a", "b"), 0);
	assert_int_equal(fwd_plan_make(&plan), 0);
	assert_int_equal(plan.n_lanes, 1);
	for (i = 0; i < 4; i++)
		assert_int_equal(lane_of(&plan, &a->rxq[i], &b->txq[0]), 0);
	assert_int_equal(lane_of(&plan, &b->rxq[0], &a->txq[0]), 0);
	fwd_plan_free(&plan);
	assert_int_equal(fwd_wire_remove("w", &err), 0);
	free_port(a);
	free_port(b);
}

static void
test_disabled_queues_get_nothing_and_are_discarded(void **state)
{
	struct port *a = make_port("a", 4), *b = make_port("b", 4);
	struct fwd_plan plan;
	struct base_error err;
	uint16_t i;

	(void)state;
	set_queue(b, 2, false);
	set_queue(b, 3, false);
	assert_int_equal(wire("w", "a", "b"), 0);
	assert_int_equal(fwd_plan_make(&plan), 0);
	for (i = 0; i < 4; i++)
		assert_ptr_equal(path_from(&plan, &a->rxq[i])->txq, &b->txq[i % 2]);
	for (i = 2; i < 4; i++) {
		assert_null(path_from(&plan, &b->rxq[i])->txq);
		assert_int_equal(path_from(&plan, &b->rxq[i])->reason, PORT_DROP_RING_DISABLED);
		assert_null(path_from(&plan, &b->rxq[i])->blame);
	}
	check_exclusive(&plan);
	fwd_plan_free(&plan);
	assert_int_equal(fwd_wire_remove("w", &err), 0);
	free_port(a);
	free_port(b);
}

static void
test_unusable_destination_is_blamed(void **state)
{
	struct port *a = make_port("a", 1), *b = make_port("b", 1);
	const struct fwd_path *path;
	struct fwd_plan plan;
	struct base_error err;

	(void)state;
	b->vhost->active = NULL;
	b->vhost->rings[0].started = false;
	b->vhost->rings[1].started = false;
	assert_int_equal(wire("w", "a", "b"), 0);
	assert_int_equal(fwd_plan_make(&plan), 0);
	path = path_from(&plan, &a->rxq[0]);
	assert_null(path->txq);
	assert_ptr_equal(path->blame, &b->txq[0]);
	assert_int_equal(path->reason, PORT_DROP_NO_DEVICE);
	fwd_plan_free(&plan);

	b->vhost->active = (struct vhost_conn *)b;
	assert_int_equal(fwd_plan_make(&plan), 0);
	assert_int_equal(path_from(&plan, &a->rxq[0])->reason, PORT_DROP_RING_STOPPED);
	assert_null(path_from(&plan, &b->rxq[0]));
	fwd_plan_free(&plan);
	assert_int_equal(fwd_wire_remove("w", &err), 0);
	free_port(a);
	free_port(b);
}

static void
test_unwired_guest_is_emptied(void **state)
{
	struct port *a = make_port("a", 2);
	struct fwd_plan plan;

	(void)state;
	assert_int_equal(fwd_plan_make(&plan), 0);
	assert_null(path_from(&plan, &a->rxq[0])->txq);
	assert_int_equal(path_from(&plan, &a->rxq[1])->reason, PORT_DROP_NO_WIRE);
	fwd_plan_free(&plan);
	free_port(a);
}

/* What was in hand when the source went away still goes out. */
static void
test_destination_without_source_is_flushed(void **state)
{
	struct port *a = make_port("a", 1), *b = make_port("b", 1);
	struct fwd_plan plan;
	struct base_error err;

	(void)state;
	a->vhost->active = NULL;
	a->vhost->rings[0].started = false;
	a->vhost->rings[1].started = false;
	assert_int_equal(wire("w", "a", "b"), 0);
	assert_int_equal(fwd_plan_make(&plan), 0);
	assert_true(lane_of(&plan, NULL, &b->txq[0]) >= 0);
	fwd_plan_free(&plan);
	assert_int_equal(fwd_wire_remove("w", &err), 0);
	free_port(a);
	free_port(b);
}

/* Every plan that random states give keeps queues apart and loses no source. */
static void
test_random_states(void **state)
{
	struct port *a = make_port("a", 8), *b = make_port("b", 3);
	struct port *both[2] = {a, b};
	struct fwd_plan plan;
	struct base_error err;
	unsigned int round, side;
	uint16_t i;

	(void)state;
	srand(7);
	assert_int_equal(wire("w", "a", "b"), 0);
	for (round = 0; round < 5000; round++) {
		for (side = 0; side < 2; side++) {
			for (i = 0; i < 2 * both[side]->n_queues; i++) {
				both[side]->vhost->rings[i].enabled = rand() % 2;
				both[side]->vhost->rings[i].started = rand() % 4 != 0;
			}
		}
		assert_int_equal(fwd_plan_make(&plan), 0);
		check_exclusive(&plan);
		for (side = 0; side < 2; side++)
			for (i = 0; i < both[side]->n_queues; i++)
				assert_int_equal(both[side]->vhost->rings[2 * i + 1].started,
					path_from(&plan, &both[side]->rxq[i]) != NULL);
		fwd_plan_free(&plan);
	}
	assert_int_equal(fwd_wire_remove("w", &err), 0);
	free_port(a);
	free_port(b);
}

static void
test_wrong_wires_are_refused(void **state)
{
	struct port *a = make_port("a", 1), *b = make_port("b", 1), *c = make_port("c", 1);
	struct base_error err;

	(void)state;
	assert_int_equal(wire("w", "a", "x"), -ENOENT);
	assert_int_equal(wire("w", "a", "a"), -EINVAL);
	assert_int_equal(wire("w", "a", "b"), 0);
	assert_int_equal(wire("w", "b", "c"), -EEXIST);
	assert_int_equal(wire("v", "b", "c"), -EBUSY);
	assert_ptr_equal(fwd_wire_of(a), fwd_wire_find("w"));
	assert_null(fwd_wire_of(c));
	assert_int_equal(fwd_wire_remove("v", &err), -ENOENT);
	assert_int_equal(fwd_wire_remove("w", &err), 0);
	assert_false(a->wired || b->wired);
	free_port(a);
	free_port(b);
	free_port(c);
}

/* Running a path: a source that numbers its packets, a destination with so much room. */
static uintptr_t next_number;
static uintptr_t delivered_last;
static uint64_t delivered_count;
static uint16_t source_has;
static uint16_t room;

static uint16_t
fake_rx(struct port_rxq *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	(void)rxq;
	n = RTE_MIN(n, source_has);
	for (i = 0; i < n; i++)
		pkts[i] = (struct rte_mbuf *)++next_number;
	source_has -= n;
	return n;
}

static uint16_t
fake_tx(struct port_txq *txq, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	(void)txq;
	n = RTE_MIN(n, room);
	for (i = 0; i < n; i++) {
		assert_int_equal((uintptr_t)pkts[i], delivered_last + 1);
		delivered_last = (uintptr_t)pkts[i];
		delivered_count++;
	}
	room -= n;
	return n;
}

static void
test_back_pressure_keeps_order_and_count(void **state)
{
	static struct port_rxq rxq = {.burst = fake_rx};
	static struct port_txq txq = {.burst = fake_tx};
	struct fwd_path path = {.rxq = &rxq, .txq = &txq};
	unsigned int round;

	(void)state;
	srand(3);
	for (round = 0; round < 100000; round++) {
		source_has = (uint16_t)(rand() % 100);
		room = (uint16_t)(rand() % 80);
		fwd_path_run(&path);
		assert_int_equal(rxq.passed, next_number);
		assert_int_equal(txq.offered, next_number);
		assert_int_equal(txq.offered, delivered_count + txq.n_pending);
		assert_in_range(txq.n_pending, 0, PORT_BURST);
	}
	assert_true(delivered_count > 100000);
	/* While something is in hand and nothing goes, the source is left alone. */
	source_has = 10;
	room = 0;
	fwd_path_run(&path);
	assert_int_equal(source_has, txq.n_pending == 10 ? 0 : source_has);
	source_has = 10;
	fwd_path_run(&path);
	assert_int_equal(source_has, 10);
	room = 1000;
	fwd_path_run(&path);
	assert_int_equal(txq.n_pending, 0);
	assert_int_equal(source_has, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire_of_one_queue_is_one_lane),
		cmocka_unit_test(test_queue_pairs_become_lanes),
		cmocka_unit_test(test_more_queues_on_one_side_fold),
		cmocka_unit_test(test_disabled_queues_get_nothing_and_are_discarded),
		cmocka_unit_test(test_unusable_destination_is_blamed),
		cmocka_unit_test(test_unwired_guest_is_emptied),
		cmocka_unit_test(test_destination_without_source_is_flushed),
		cmocka_unit_test(test_random_states),
		cmocka_unit_test(test_wrong_wires_are_refused),
		cmocka_unit_test(test_back_pressure_keeps_order_and_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
