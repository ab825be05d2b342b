/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Starts and stops, lost connections, and queues switched on and off, all under traffic. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto.h"

static void
both_up(struct fe_guest g[2], unsigned int pairs)
{
	struct fe_guest_conf conf;

	proto_subject_conf(&conf, "b1");
	conf.pairs = pairs;
	conf.mtu = 1500;
	conf.poison = false;
	proto_subjects_up(g, &conf);
}

/*
 * A1, A4, A5: the sender stops and starts 200 times in full flight. What it gave to the
 * device arrives once; what the device did not take, it takes after the start.
 */
static void
test_sender_stops(void **state)
{
	unsigned int seed = 1;
	struct fe_guest g[2];
	struct flow f;

	(void)state;
	both_up(g, 1);
	flow_init(&f, &g[0], &g[1], 0);
	for (int i = 0; i < 200; i++) {
		int ret;

		for (int n = rand_r(&seed) % 5; n >= 0; n--)
			assert_true(flow_pump(&f, 1, UINT64_MAX) >= 0);
		assert_true(flow_send(&f, UINT64_MAX) >= 0);
		ret = fe_guest_stop(&g[0]);
		if (ret == 0)
			ret = fe_guest_start(&g[0]);
		if (ret != 0)
			fail_msg("round %d: %s", i, strerror(-ret));
	}
	assert_int_equal(flow_finish(&f, 1, f.sent + 100, 20000), 0);
	assert_true(flow_exact(&f));
	flow_fini(&f);
	proto_subjects_down(g);
}

/*
 * A1: the receiver stops and starts. What is under way to it may be dropped (and
 * is counted), but what it gets is in order and comes once; its buffers are
 * where it left them.
 */
static void
test_receiver_stops(void **state)
{
	unsigned int seed = 2;
	struct fe_guest g[2];
	struct flow f;

	(void)state;
	both_up(g, 1);
	flow_init(&f, &g[0], &g[1], 0);
	for (int i = 0; i < 200; i++) {
		int ret;

		for (int n = rand_r(&seed) % 5; n >= 0; n--)
			assert_true(flow_pump(&f, 1, UINT64_MAX) >= 0);
		assert_true(flow_send(&f, UINT64_MAX) >= 0);
		ret = fe_guest_stop(&g[1]);
		if (ret == 0)
			ret = fe_guest_start(&g[1]);
		if (ret != 0)
			fail_msg("round %d: %s", i, strerror(-ret));
	}
	assert_int_equal(flow_settle(&f, 1, 300), 0);
	assert_true(flow_clean(&f));
	assert_true(f.track.unique > 0);
	assert_int_equal(flow_exchange(&g[0], &g[1], 100), 0);
	flow_fini(&f);
	proto_subjects_down(g);
}

/* A7: both directions, one after the other quiet: exact both ways. */
static void
test_stops_are_exact(void **state)
{
	struct fe_guest g[2];
	struct flow f[2];

	(void)state;
	both_up(g, 1);
	flow_init(&f[0], &g[0], &g[1], 0);
	flow_init(&f[1], &g[1], &g[0], 0);
	for (int i = 0; i < 50; i++) {
		/* Towards the one that stops nothing is under way. */
		assert_int_equal(flow_finish(&f[1], 1, f[1].sent + 20, PROTO_WAIT_MS), 0);
		assert_true(flow_send(&f[0], UINT64_MAX) >= 0);
		assert_int_equal(fe_guest_stop(&g[0]), 0);
		assert_true(flow_receive(f, 2) >= 0);
		assert_int_equal(fe_guest_start(&g[0]), 0);
		assert_int_equal(flow_warm_up(&g[1], &g[0]), 0);
	}
	assert_int_equal(flow_finish(&f[0], 1, f[0].sent, PROTO_WAIT_MS), 0);
	assert_true(flow_exact(&f[0]) && flow_exact(&f[1]));
	flow_fini(&f[0]);
	flow_fini(&f[1]);
	proto_subjects_down(g);
}

/* One of several queue pairs' rings stopped one by one, the way QEMU does, with all busy. */
static void
test_stop_many_queues(void **state)
{
	struct fe_guest g[2];
	struct flow f[PROTO_PAIRS];

	(void)state;
	both_up(g, PROTO_PAIRS);
	for (unsigned int p = 0; p < PROTO_PAIRS; p++)
		flow_init(&f[p], &g[0], &g[1], p);
	for (int i = 0; i < 50; i++) {
		int ret;

		assert_true(flow_pump(f, PROTO_PAIRS, UINT64_MAX) >= 0);
		assert_true(flow_pump(f, PROTO_PAIRS, UINT64_MAX) >= 0);
		ret = fe_guest_stop(&g[0]);
		if (ret == 0)
			ret = fe_guest_start(&g[0]);
		if (ret != 0)
			fail_msg("round %d: %s", i, strerror(-ret));
	}
	for (unsigned int p = 0; p < PROTO_PAIRS; p++) {
		assert_int_equal(flow_finish(f, PROTO_PAIRS, f[p].sent, 20000), 0);
	}
	for (unsigned int p = 0; p < PROTO_PAIRS; p++) {
		assert_true(flow_exact(&f[p]));
		flow_fini(&f[p]);
	}
	proto_subjects_down(g);
}

/* The connection ends at any moment, half-way through a negotiation too, and comes back. */
static void
test_reconnect(void **state)
{
	unsigned int seed = 3;
	struct fe_guest g[2];
	struct flow f;

	(void)state;
	both_up(g, 1);
	flow_init(&f, &g[0], &g[1], 0);
	for (int i = 0; i < 50; i++) {
		int ret;

		for (int n = rand_r(&seed) % 4; n >= 0; n--)
			assert_true(flow_pump(&f, 1, UINT64_MAX) >= 0);
		assert_true(flow_send(&f, UINT64_MAX) >= 0);
		fe_guest_disconnect(&g[0]);
		if (i % 3 == 1) {
			/* Once more, without getting far. */
			assert_int_equal(fe_guest_connect(&g[0]), 0);
			fe_guest_disconnect(&g[0]);
		}
		ret = fe_guest_up(&g[0]);
		if (ret != 0)
			fail_msg("round %d: %s", i, strerror(-ret));
	}
	assert_int_equal(flow_finish(&f, 1, f.sent + 100, 20000), 0);
	assert_true(flow_exact(&f));
	flow_fini(&f);
	assert_int_equal(flow_exchange(&g[0], &g[1], 100), 0);
	proto_subjects_down(g);
}

/* Whoever comes right after the end of the one before gets the port. */
static void
test_quick_reconnect(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g;

	(void)state;
	assert_true(proto_subjects_work());
	proto_subject_conf(&conf, "b1");
	assert_int_equal(fe_guest_create(&g, &conf), 0);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(fe_guest_connect(&g), 0);
		if (i % 2 == 1)
			assert_int_equal(fe_guest_start(&g), 0);
		fe_guest_disconnect(&g);
	}
	fe_guest_destroy(&g);
}

/*
 * The same where the one before has left messages unread, and half of one: a
 * daemon that reads one message at a time sees the new connection before the
 * old one's end.
 */
static void
test_reconnect_after_unread(void **state)
{
	static const char part[] = {FE_SET_FEATURES, 0, 0, 0, FE_FLAG_VERSION};
	struct fe_conn c;
	int refused = 0;

	(void)state;
	assert_true(proto_subjects_work());
	for (int i = 0; i < 100; i++) {
		fe_conn_init(&c);
		assert_int_equal(fe_conn_connect(&c, daemon_path(&proto_daemon, "b1.sock")), 0);
		refused += fe_conn_barrier(&c) != 0;
		for (int m = 0; m < 3; m++)
			fe_conn_send(&c, FE_SET_OWNER, FE_FLAG_VERSION, NULL, 0, NULL, 0);
		fe_conn_send_raw(&c, part, sizeof(part), NULL, 0);
		fe_conn_fini(&c);
	}
	assert_int_equal(refused, 0);
}

/* The guest that receives vanishes with packets under way; a new one gets what is sent to it. */
static void
test_receiver_vanishes(void **state)
{
	struct fe_guest g[2];
	struct flow f;

	(void)state;
	both_up(g, 1);
	for (int i = 0; i < 50; i++) {
		flow_init(&f, &g[0], &g[1], 0);
		for (int n = 0; n < 4; n++)
			assert_true(flow_send(&f, UINT64_MAX) >= 0);
		fe_guest_disconnect(&g[1]);
		assert_true(flow_send(&f, UINT64_MAX) >= 0);
		/* Connected means that the one before is gone, and leaves the rings alone. */
		assert_int_equal(fe_guest_connect(&g[1]), 0);
		fe_guest_reset(&g[1]);
		assert_int_equal(fe_guest_start(&g[1]), 0);
		assert_int_equal(flow_settle(&f, 1, 20), 0);
		assert_true(flow_clean(&f));
		flow_fini(&f);
	}
	assert_int_equal(flow_exchange(&g[0], &g[1], 100), 0);
	proto_subjects_down(g);
}

/* Both vanish and come back, with memory of other sizes at other places. */
static void
test_new_guests(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];

	(void)state;
	for (int i = 0; i < 30; i++) {
		proto_subject_conf(&conf, "b1");
		conf.ring_size = (uint16_t)(16 << (i % 5));
		conf.pairs = 1 + (unsigned int)i % PROTO_PAIRS;
		conf.mtu = (uint16_t)(500 + 100 * i);
		conf.indirect = i % 2 == 1;
		proto_subjects_up(g, &conf);
		assert_int_equal(flow_exchange(&g[0], &g[1], 50), 0);
		if (i % 3 == 0)
			assert_int_equal(fe_guest_stop(&g[0]), 0);
		proto_subjects_down(g);
	}
}

/* Pairs switched off and on while packets come: what comes is right, and in the end all does. */
static void
test_enable_disable(void **state)
{
	unsigned int seed = 5;
	struct fe_guest g[2];
	struct flow f[2 * PROTO_PAIRS];

	(void)state;
	both_up(g, PROTO_PAIRS);
	for (unsigned int p = 0; p < PROTO_PAIRS; p++) {
		flow_init(&f[2 * p], &g[0], &g[1], p);
		flow_init(&f[2 * p + 1], &g[1], &g[0], p);
	}
	for (int i = 0; i < 200; i++) {
		unsigned int pair = (unsigned int)rand_r(&seed) % PROTO_PAIRS;
		struct fe_guest *one = &g[rand_r(&seed) % 2];

		assert_int_equal(fe_guest_enable(one, pair, rand_r(&seed) % 2 == 0), 0);
		assert_true(flow_pump(f, 2 * PROTO_PAIRS, UINT64_MAX) >= 0);
	}
	for (unsigned int p = 0; p < PROTO_PAIRS; p++) {
		assert_int_equal(fe_guest_enable(&g[0], p, true), 0);
		assert_int_equal(fe_guest_enable(&g[1], p, true), 0);
	}
	assert_int_equal(flow_settle(f, 2 * PROTO_PAIRS, 300), 0);
	for (unsigned int p = 0; p < 2 * PROTO_PAIRS; p++) {
		assert_int_equal(f[p].track.bad + f[p].track.duplicated, 0);
		flow_fini(&f[p]);
	}
	assert_int_equal(flow_exchange(&g[0], &g[1], 200), 0);
	proto_subjects_down(g);
}

static const struct CMUnitTest tests[] = {
	proto_test(test_sender_stops),
	proto_test(test_receiver_stops),
	proto_test(test_stops_are_exact),
	proto_test(test_stop_many_queues),
	proto_test(test_reconnect),
	proto_test(test_quick_reconnect),
	proto_test(test_reconnect_after_unread),
	proto_test(test_receiver_vanishes),
	proto_test(test_new_guests),
	proto_test(test_enable_disable),
};

const struct proto_group proto_cycle = {"cycle", tests, PROTO_LEN(tests)};
