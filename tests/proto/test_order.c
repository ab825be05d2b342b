/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Every legal order of messages, and what front-ends leave out or send again. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proto.h"

/* A step is taken for all rings before the next one. */
enum step {
	END,
	FEATURES,
	FEATURES_OK,
	MEMORY,
	NUM,
	BASE,
	ADDR,
	KICK,
	KICK_NOFD,
	CALL,
	CALL_NOFD,
	ERR,
	ERR_NOFD,
	ENABLE,
	DISABLE,
	DRIVER_OK,
	BARRIER,
};

#define MAX_STEPS 20

static const struct {
	const char *name;
	enum step steps[MAX_STEPS];
} orders[] = {
	{"qemu", {ENABLE, FEATURES, FEATURES_OK, MEMORY, NUM, BASE, ADDR, KICK, CALL, DRIVER_OK}},
	{"enable last",
		{DISABLE, FEATURES, FEATURES_OK, MEMORY, NUM, BASE, ADDR, KICK, CALL, DRIVER_OK,
			ENABLE}},
	{"enable before kick",
		{FEATURES, FEATURES_OK, MEMORY, NUM, BASE, ADDR, CALL, ENABLE, KICK, DRIVER_OK}},
	{"call before kick",
		{FEATURES, FEATURES_OK, MEMORY, NUM, BASE, ADDR, CALL, ERR, KICK, DRIVER_OK,
			ENABLE}},
	{"cloud-hypervisor",
		{DISABLE, FEATURES, MEMORY, NUM, ADDR, BASE, CALL, ERR, KICK, ENABLE, FEATURES_OK,
			DRIVER_OK}},
	{"dpdk virtio-user",
		{FEATURES, FEATURES_OK, CALL, MEMORY, NUM, BASE, ADDR, KICK, ENABLE, DRIVER_OK}},
	{"features late",
		{MEMORY, FEATURES, FEATURES_OK, NUM, BASE, ADDR, KICK, CALL, ENABLE, DRIVER_OK}},
	{"features twice",
		{FEATURES, MEMORY, FEATURES, FEATURES_OK, NUM, BASE, ADDR, KICK, CALL, ENABLE,
			DRIVER_OK}},
	{"call first",
		{CALL, ERR, FEATURES, FEATURES_OK, MEMORY, NUM, BASE, ADDR, KICK, ENABLE,
			DRIVER_OK}},
	{"status last",
		{FEATURES, MEMORY, NUM, BASE, ADDR, KICK, CALL, ENABLE, FEATURES_OK, DRIVER_OK}},
	{"kick without eventfd",
		{FEATURES, FEATURES_OK, MEMORY, NUM, BASE, ADDR, KICK_NOFD, CALL, ENABLE,
			DRIVER_OK}},
	{"no eventfds at all",
		{FEATURES, FEATURES_OK, MEMORY, NUM, BASE, ADDR, KICK_NOFD, CALL_NOFD, ERR_NOFD,
			ENABLE, DRIVER_OK}},
	{"everything twice",
		{ENABLE, ENABLE, FEATURES, FEATURES, FEATURES_OK, MEMORY, MEMORY, NUM, NUM, BASE,
			BASE, ADDR, ADDR, KICK, KICK, CALL, CALL, DRIVER_OK}},
	{"memory again after the rings",
		{FEATURES, FEATURES_OK, MEMORY, NUM, BASE, ADDR, MEMORY, KICK, CALL, ENABLE,
			DRIVER_OK}},
	{"barriers",
		{BARRIER, FEATURES, BARRIER, MEMORY, BARRIER, NUM, BARRIER, BASE, ADDR, BARRIER,
			KICK, BARRIER, CALL, ENABLE, BARRIER, FEATURES_OK, DRIVER_OK}},
};

static int
ring_step(struct fe_guest *g, enum step step, unsigned int i)
{
	struct fe_vq *vq = &g->queues[i].vq;
	struct fe_vring_addr addr;

	switch (step) {
	case NUM:
		return fe_set_vring_num(&g->conn, i, vq->conf.size);
	case BASE:
		return fe_set_vring_base(&g->conn, i, vq->ops->base(vq));
	case ADDR:
		vq->ops->address(vq, &addr);
		return fe_set_vring_addr(&g->conn, &addr);
	case KICK:
		return fe_set_vring_kick(&g->conn, i, vq->kickfd);
	case KICK_NOFD:
		return fe_set_vring_kick(&g->conn, i, -1);
	case CALL:
		return fe_set_vring_call(&g->conn, i, vq->callfd);
	case CALL_NOFD:
		return fe_set_vring_call(&g->conn, i, -1);
	case ERR:
		return fe_set_vring_err(&g->conn, i, vq->errfd);
	case ERR_NOFD:
		return fe_set_vring_err(&g->conn, i, -1);
	case ENABLE:
	case DISABLE:
		return fe_set_vring_enable(&g->conn, i, step == ENABLE);
	default:
		return -EINVAL;
	}
}

static int
take_step(struct fe_guest *g, enum step step)
{
	int ret = 0;

	switch (step) {
	case FEATURES:
		return fe_set_features(&g->conn, g->features);
	case FEATURES_OK:
		return fe_guest_add_status(
			g, FE_STATUS_ACKNOWLEDGE | FE_STATUS_DRIVER | FE_STATUS_FEATURES_OK);
	case MEMORY:
		return fe_guest_send_memory(g);
	case DRIVER_OK:
		return fe_guest_add_status(g, FE_STATUS_DRIVER_OK);
	case BARRIER:
		return fe_conn_barrier(&g->conn);
	default:
		for (unsigned int i = 0; i < g->n_queues && ret == 0; i++)
			ret = ring_step(g, step, i);
		return ret;
	}
}

static int
start_in_order(struct fe_guest *g, const enum step *steps)
{
	int ret = fe_guest_prepare(g);

	for (int i = 0; i < MAX_STEPS && steps[i] != END && ret == 0; i++) {
		ret = take_step(g, steps[i]);
		if (ret != 0)
			fprintf(stderr, "step %d: %s\n", i, strerror(-ret));
	}
	if (ret == 0)
		ret = fe_conn_barrier(&g->conn);
	if (ret == 0)
		fe_guest_started(g);
	return ret;
}

static void
check_orders(bool status, bool need_reply)
{
	struct fe_guest_conf conf;
	struct fe_guest peer, g;
	int failed = 0;

	proto_subject_up(&peer, "b2");
	for (size_t i = 0; i < PROTO_LEN(orders); i++) {
		int ret;

		proto_subject_conf(&conf, "b1");
		conf.need_reply = need_reply;
		if (!status)
			conf.protocol &= ~FE_BIT(FE_PROTO_STATUS);
		assert_int_equal(fe_guest_create(&g, &conf), 0);
		ret = proto_guest_connect(&g);
		if (ret == 0)
			ret = start_in_order(&g, orders[i].steps);
		if (ret == 0)
			ret = flow_exchange(&g, &peer, 200);
		if (ret == 0)
			ret = fe_guest_stop(&g);
		if (ret != 0) {
			fprintf(stderr, "order \"%s\": %s\n", orders[i].name, strerror(-ret));
			failed++;
		}
		fe_guest_destroy(&g);
	}
	fe_guest_destroy(&peer);
	assert_int_equal(failed, 0);
}

static void
test_orders(void **state)
{
	(void)state;
	check_orders(true, true);
}

static void
test_orders_without_status(void **state)
{
	(void)state;
	check_orders(false, true);
}

static void
test_orders_without_ack(void **state)
{
	(void)state;
	check_orders(true, false);
}

/* Rings that the guest does not use: started but disabled, or never heard of. */
static void
test_fewer_pairs(void **state)
{
	static const struct {
		unsigned int pairs, extra;
	} uses[] = {{1, 0}, {1, 3}, {2, 0}, {2, 2}, {3, 1}, {4, 0}};
	struct fe_guest_conf conf;
	struct fe_guest peer, g;

	(void)state;
	proto_subject_conf(&conf, "b2");
	conf.pairs = PROTO_PAIRS;
	assert_int_equal(fe_guest_create(&peer, &conf), 0);
	assert_int_equal(proto_guest_up(&peer), 0);
	for (size_t i = 0; i < PROTO_LEN(uses); i++) {
		struct flow f[PROTO_PAIRS + 1];
		unsigned int n = 0;

		proto_subject_conf(&conf, "b1");
		conf.pairs = uses[i].pairs;
		conf.extra_pairs = uses[i].extra;
		assert_int_equal(fe_guest_create(&g, &conf), 0);
		assert_int_equal(proto_guest_up(&g), 0);
		assert_int_equal(flow_warm_up(&peer, &g), 0);
		flow_init(&f[n++], &g, &peer, 0);
		/* Whichever pair the peer sends on, it has to come out at one that is used. */
		for (unsigned int pair = 0; pair < PROTO_PAIRS; pair++)
			flow_init(&f[n++], &peer, &g, pair);
		assert_int_equal(flow_finish(f, n, 200, PROTO_WAIT_MS), 0);
		while (n > 0) {
			assert_true(flow_exact(&f[--n]));
			flow_fini(&f[n]);
		}
		assert_int_equal(fe_guest_stop(&g), 0);
		fe_guest_destroy(&g);
	}
	fe_guest_destroy(&peer);
}

/* What may be sent to a device that runs, each under traffic. */
static int
live_message(struct fe_guest *g, unsigned int round)
{
	unsigned int ring = round % 2;
	struct fe_vq *vq = &g->queues[ring].vq;
	uint64_t value;
	int ret;

	switch (round / 2 % 9) {
	case 0:
		return fe_set_vring_call(&g->conn, ring, g->queues[ring].masked_fd);
	case 1:
		return fe_set_vring_call(&g->conn, ring, vq->callfd);
	case 2:
		return fe_set_vring_kick(&g->conn, ring, vq->kickfd);
	case 3:
		return ring_step(g, ADDR, ring);
	case 4:
		return fe_guest_send_memory(g);
	case 5:
		return fe_set_features(&g->conn, g->features);
	case 6:
		return fe_set_vring_err(&g->conn, ring, vq->errfd);
	case 7:
		return ring_step(g, ENABLE, ring);
	default:
		ret = fe_get_status(&g->conn, &value);
		return ret < 0 ? ret : fe_set_status(&g->conn, value);
	}
}

static void
test_live_messages(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	struct flow f[2];

	(void)state;
	proto_subject_conf(&conf, "b1");
	proto_subjects_up(g, &conf);
	flow_init(&f[0], &g[0], &g[1], 0);
	flow_init(&f[1], &g[1], &g[0], 0);
	for (unsigned int round = 0; round < 360; round++) {
		int ret = live_message(&g[0], round);

		if (ret < 0)
			fail_msg("round %u: %s", round, strerror(-ret));
		assert_true(flow_pump(f, 2, UINT64_MAX) >= 0);
	}
	/* The eventfds in force at the end are the guest's own again. */
	for (unsigned int ring = 0; ring < 2; ring++)
		assert_int_equal(
			fe_set_vring_call(&g[0].conn, ring, g[0].queues[ring].vq.callfd), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(flow_finish(f, 2, f[0].sent > f[1].sent ? f[0].sent : f[1].sent,
					 PROTO_WAIT_MS),
			0);
		assert_true(flow_exact(&f[i]));
	}
	flow_fini(&f[0]);
	flow_fini(&f[1]);
	proto_subjects_down(g);
}

/* A new call eventfd in the middle: the guest is told on it, once, unasked. */
static void
test_new_call_is_notified(void **state)
{
	struct fe_guest g;
	int fd;

	(void)state;
	proto_subject_up(&g, "b1");
	for (unsigned int i = 0; i < 2; i++) {
		fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(fe_set_vring_call(&g.conn, i, fd), 0);
		assert_int_equal(fe_event_wait(fd, PROTO_WAIT_MS), 0);
		close(fd);
	}
	fe_guest_destroy(&g);
}

/* Firmware starts one ring only, later the guest's driver both. */
static void
test_one_ring(void **state)
{
	struct fe_guest peer, g;
	struct fe_guest_conf conf;
	struct flow f;

	(void)state;
	proto_subject_up(&peer, "b2");
	proto_subject_conf(&conf, "b1");
	conf.protocol &= ~FE_BIT(FE_PROTO_STATUS);
	assert_int_equal(fe_guest_create(&g, &conf), 0);
	assert_int_equal(proto_guest_connect(&g), 0);
	assert_int_equal(fe_guest_prepare(&g), 0);
	assert_int_equal(fe_set_features(&g.conn, g.features), 0);
	assert_int_equal(fe_guest_send_memory(&g), 0);
	assert_int_equal(fe_guest_start_ring(&g, 1), 0);
	fe_guest_started(&g);
	flow_init(&f, &g, &peer, 0);
	assert_int_equal(flow_finish(&f, 1, 100, PROTO_WAIT_MS), 0);
	assert_true(flow_exact(&f));
	flow_fini(&f);
	assert_int_equal(fe_guest_start_ring(&g, 0), 0);
	assert_int_equal(flow_exchange(&g, &peer, 100), 0);
	fe_guest_destroy(&g);
	fe_guest_destroy(&peer);
}

static const struct CMUnitTest tests[] = {
	proto_test(test_orders),
	proto_test(test_orders_without_status),
	proto_test(test_orders_without_ack),
	proto_test(test_fewer_pairs),
	proto_test(test_live_messages),
	proto_test(test_new_call_is_notified),
	proto_test(test_one_ring),
};

const struct proto_group proto_order = {"order", tests, PROTO_LEN(tests)};
