/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* What is offered, and connections that come, go and say little. */

#include <stdio.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "proto.h"

/* Offered by a default port: what the split engine implements, and nothing else. */
static void
test_features(void **state)
{
	const uint64_t required = FE_GUEST_FEATURES;
	const uint64_t allowed = required | FE_BIT(FE_F_LOG_ALL);
	struct fe_conn c;
	uint64_t features;

	(void)state;
	fe_conn_init(&c);
	assert_int_equal(fe_conn_connect(&c, daemon_path(&proto_daemon, "b1.sock")), 0);
	assert_int_equal(fe_get_features(&c, &features), 0);
	assert_int_equal(required & ~features, 0);
	assert_int_equal(features & ~allowed, 0);
	fe_conn_fini(&c);
}

static void
test_protocol_features(void **state)
{
	const uint64_t required = FE_BIT(FE_PROTO_MQ) | FE_BIT(FE_PROTO_REPLY_ACK) |
		FE_BIT(FE_PROTO_NET_MTU) | FE_BIT(FE_PROTO_STATUS);
	const uint64_t allowed = required | FE_BIT(FE_PROTO_LOG_SHMFD) | FE_BIT(FE_PROTO_RARP) |
		FE_BIT(FE_PROTO_BACKEND_REQ) | FE_BIT(10);
	struct fe_conn c;
	uint64_t features, pairs;

	(void)state;
	proto_connect(&c);
	assert_int_equal(fe_get_protocol_features(&c, &features), 0);
	assert_int_equal(required & ~features, 0);
	assert_int_equal(features & ~allowed, 0);
	assert_int_equal(fe_get_queue_num(&c, &pairs), 0);
	assert_int_equal(pairs, PROTO_PAIRS);
	fe_conn_fini(&c);
}

/* QEMU asks once per queue pair; others ask in between. */
static void
test_repeated_questions(void **state)
{
	struct fe_conn c;
	uint64_t value, first = 0;

	(void)state;
	proto_connect(&c);
	c.need_reply = true;
	for (int i = 0; i < 50; i++) {
		assert_int_equal(fe_get_features(&c, &value), 0);
		if (i == 0)
			first = value;
		assert_int_equal(value, first);
		assert_int_equal(fe_get_protocol_features(&c, &value), 0);
		assert_int_equal(fe_set_protocol_features(&c, value & FE_GUEST_PROTOCOL), 0);
		assert_int_equal(fe_get_queue_num(&c, &value), 0);
		assert_int_equal(fe_set_owner(&c), 0);
	}
	fe_conn_fini(&c);
}

static void
test_silent_connections(void **state)
{
	struct fe_conn c;

	(void)state;
	for (int i = 0; i < 50; i++) {
		fe_conn_init(&c);
		assert_int_equal(fe_conn_connect(&c, daemon_path(&proto_daemon, "b1.sock")), 0);
		if (i % 2 == 1)
			assert_int_equal(fe_conn_barrier(&c), 0);
		fe_conn_fini(&c);
	}
	assert_true(proto_subjects_work());
}

/* Acknowledged and unacknowledged, with and without status: all the same to the packets. */
static void
test_front_ends(void **state)
{
	static const struct {
		uint64_t features, protocol; /* taken away */
		bool need_reply;
	} kinds[] = {
		{0, 0, true},
		{0, 0, false},
		{0, FE_BIT(FE_PROTO_STATUS), true},
		{0, FE_BIT(FE_PROTO_REPLY_ACK), true},
		{FE_BIT(VIRTIO_NET_F_MQ), FE_BIT(FE_PROTO_MQ), true},
		{FE_BIT(VIRTIO_NET_F_MTU), FE_BIT(FE_PROTO_NET_MTU), true},
		/* No protocol features at all: rings are enabled from the start. */
		{FE_BIT(FE_F_PROTOCOL_FEATURES), 0, false},
	};

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(kinds); i++) {
		struct fe_guest_conf conf;
		struct fe_guest g[2];
		int ret;

		proto_subject_conf(&conf, "b1");
		conf.features &= ~kinds[i].features;
		conf.protocol &= ~kinds[i].protocol;
		conf.need_reply = kinds[i].need_reply;
		proto_subjects_up(g, &conf);
		ret = flow_exchange(&g[0], &g[1], 200);
		if (ret != 0)
			fail_msg("kind %zu: %s", i, strerror(-ret));
		assert_int_equal(fe_guest_stop(&g[0]), 0);
		assert_int_equal(fe_guest_stop(&g[1]), 0);
		proto_subjects_down(g);
	}
}

/* A port is one guest's: whoever comes second does not disturb the first. */
static void
test_second_connection(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	struct fe_conn c;

	(void)state;
	proto_subject_conf(&conf, "b1");
	proto_subjects_up(g, &conf);
	fe_conn_init(&c);
	c.timeout_ms = 500;
	assert_int_equal(fe_conn_connect(&c, daemon_path(&proto_daemon, "b1.sock")), 0);
	if (fe_conn_barrier(&c) == 0) {
		uint64_t features;

		fe_get_features(&c, &features);
		fe_set_features(&c, features & FE_GUEST_FEATURES);
		fe_set_vring_num(&c, 0, 128);
		fe_conn_barrier(&c);
	}
	assert_int_equal(flow_exchange(&g[0], &g[1], 200), 0);
	fe_conn_fini(&c);
	assert_int_equal(flow_exchange(&g[0], &g[1], 200), 0);
	proto_subjects_down(g);
	assert_true(proto_subjects_work());
}

/* A guest may have gone to sleep before: each ring is notified once after a start. */
static void
test_start_notifies(void **state)
{
	struct fe_guest g;

	(void)state;
	proto_subject_up(&g, "b1");
	for (unsigned int i = 0; i < g.n_queues; i++)
		assert_int_equal(fe_event_wait(g.queues[i].vq.callfd, PROTO_WAIT_MS), 0);
	fe_guest_destroy(&g);
}

/* The daemon is the client: it comes when there is a front-end, and again when that comes again. */
static void
test_client_mode(void **state)
{
	static const char *const names[] = {"c1.sock", "c2.sock"};
	struct fe_guest_conf conf;
	struct fe_guest g[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		fe_guest_defaults(&conf, daemon_path(&proto_daemon, names[i]));
		conf.listen = true;
		assert_int_equal(fe_guest_create(&g[i], &conf), 0);
		assert_int_equal(fe_guest_up(&g[i]), 0);
	}
	assert_int_equal(flow_exchange(&g[0], &g[1], 200), 0);
	for (int i = 0; i < 2; i++) {
		fe_guest_disconnect(&g[i]);
		assert_int_equal(fe_guest_up(&g[i]), 0);
		assert_int_equal(flow_exchange(&g[0], &g[1], 200), 0);
	}
	proto_subjects_down(g);
}

static const struct CMUnitTest tests[] = {
	proto_test(test_features),
	proto_test(test_protocol_features),
	proto_test(test_repeated_questions),
	proto_test(test_silent_connections),
	proto_test(test_front_ends),
	proto_test(test_second_connection),
	proto_test(test_start_notifies),
	proto_test(test_client_mode),
};

const struct proto_group proto_handshake = {"handshake", tests, PROTO_LEN(tests)};
