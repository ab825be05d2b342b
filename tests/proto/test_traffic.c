/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Packets between two guests, byte for byte, over all the shapes a ring can have. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "proto.h"

#define MRG	 FE_BIT(VIRTIO_NET_F_MRG_RXBUF)
#define EVENT	 FE_BIT(VIRTIO_RING_F_EVENT_IDX)
#define ORDER	 FE_BIT(VIRTIO_F_IN_ORDER)
#define INDIRECT FE_BIT(VIRTIO_RING_F_INDIRECT_DESC)

struct shape {
	const char *name;
	uint64_t without;
	bool indirect;
	uint16_t ring;
	unsigned int pairs;
	uint32_t rx_size;
	struct fe_buf_cut tx, rx;
	uint64_t packets;
};

static const struct shape shapes[] = {
	{"default", 0, false, 256, 1, 0, {0}, {0}, 600},
	{"bare", MRG | EVENT | ORDER | INDIRECT, false, 256, 1, 0, {0}, {0}, 600},
	{"event-idx only", MRG | ORDER | INDIRECT, false, 256, 1, 0, {0}, {0}, 600},
	{"in-order only", MRG | EVENT | INDIRECT, false, 256, 1, 0, {0}, {0}, 600},
	{"out of order", ORDER, false, 256, 1, 0, {0}, {0}, 600},
	{"header apart", 0, false, 256, 1, 0, {12, 0}, {12, 0}, 600},
	{"header apart, not mergeable", MRG, false, 256, 1, 0, {12, 0}, {12, 0}, 600},
	{"many segments", 0, false, 256, 1, 0, {100, 700}, {50, 900}, 400},
	{"many segments, not mergeable", MRG | ORDER, false, 256, 1, 0, {12, 700}, {64, 900}, 400},
	{"header cut", 0, false, 256, 1, 0, {7, 1500}, {5, 1500}, 400},
	{"header cut, not mergeable", MRG, false, 256, 1, 0, {1, 3000}, {11, 3000}, 400},
	{"indirect", 0, true, 256, 1, 0, {0}, {0}, 600},
	{"indirect, segments", 0, true, 64, 1, 0, {12, 600}, {12, 1000}, 400},
	{"indirect, not mergeable", MRG | ORDER, true, 64, 1, 0, {12, 600}, {12, 1000}, 400},
	{"small buffers", 0, false, 256, 1, 256, {0}, {0}, 400},
	{"tiny buffers", ORDER | EVENT, false, 1024, 1, 61, {0}, {0}, 300},
	{"small buffers, segments", 0, false, 256, 1, 600, {12, 800}, {12, 100}, 400},
	{"small buffers, indirect", 0, true, 256, 1, 300, {12, 800}, {12, 0}, 400},
	{"ring of 2", 0, false, 2, 1, 0, {0}, {0}, 200},
	{"ring of 2, bare", MRG | EVENT | ORDER | INDIRECT, false, 2, 1, 0, {0}, {0}, 200},
	{"ring of 1024", 0, false, 1024, 1, 2048, {0}, {0}, 3000},
	{"4 pairs", 0, false, 64, 4, 0, {0}, {0}, 300},
	{"4 pairs, bare", MRG | EVENT | ORDER | INDIRECT, false, 64, 4, 0, {0}, {0}, 300},
	{"3 pairs, indirect", EVENT, true, 64, 3, 0, {12, 2000}, {12, 2000}, 300},
};

static void
shape_conf(const struct shape *shape, struct fe_guest_conf *conf)
{
	proto_subject_conf(conf, "b1");
	conf->features &= ~shape->without;
	conf->indirect = shape->indirect;
	conf->ring_size = shape->ring;
	conf->pairs = shape->pairs;
	conf->rx_buf_size = shape->rx_size;
	conf->tx_cut = shape->tx;
	conf->rx_cut = shape->rx;
}

static void
test_shapes(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(shapes); i++) {
		struct fe_guest_conf conf;
		struct fe_guest g[2];
		int ret;

		shape_conf(&shapes[i], &conf);
		proto_subjects_up(g, &conf);
		ret = flow_exchange(&g[0], &g[1], shapes[i].packets);
		if (ret != 0) {
			fprintf(stderr, "shape \"%s\": %s\n", shapes[i].name, strerror(-ret));
			failed++;
		}
		proto_subjects_down(g);
	}
	assert_int_equal(failed, 0);
}

/* One guest of each shape against the plainest: what one negotiates is not the other's. */
static void
test_mixed_shapes(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(shapes); i++) {
		struct fe_guest_conf conf;
		struct fe_guest g[2];
		int ret;

		shape_conf(&shapes[i], &conf);
		assert_int_equal(fe_guest_create(&g[0], &conf), 0);
		assert_int_equal(proto_guest_up(&g[0]), 0);
		shape_conf(&shapes[1], &conf);
		conf.socket = daemon_path(&proto_daemon, "b2.sock");
		assert_int_equal(fe_guest_create(&g[1], &conf), 0);
		assert_int_equal(proto_guest_up(&g[1]), 0);
		ret = flow_exchange(&g[0], &g[1], shapes[i].packets / 2);
		if (ret != 0) {
			fprintf(stderr, "shape \"%s\": %s\n", shapes[i].name, strerror(-ret));
			failed++;
		}
		proto_subjects_down(g);
	}
	assert_int_equal(failed, 0);
}

/* Each frame size from 60 bytes to the MTU's once, both ways. */
static void
test_all_sizes(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];

	(void)state;
	proto_subject_conf(&conf, "b1");
	conf.rx_buf_size = 2048;
	proto_subjects_up(g, &conf);
	assert_int_equal(flow_exchange(&g[0], &g[1], PROTO_MTU + 14 - FE_PKT_MIN + 1), 0);
	proto_subjects_down(g);
}

/* The ring indices are 16 bits wide. */
static void
test_index_wrap(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	struct flow f[2];

	(void)state;
	proto_subject_conf(&conf, "b1");
	conf.mtu = 1500;
	conf.poison = false;
	conf.watch = 0;
	proto_subjects_up(g, &conf);
	flow_init(&f[0], &g[0], &g[1], 0);
	flow_init(&f[1], &g[1], &g[0], 0);
	f[0].size_max = f[1].size_max = 100;
	assert_int_equal(flow_finish(f, 2, 70000, 60000), 0);
	assert_true(flow_exact(&f[0]) && flow_exact(&f[1]));
	flow_fini(&f[0]);
	flow_fini(&f[1]);
	proto_subjects_down(g);
}

/* A guest that sleeps on its eventfd is woken for each packet, and for its own used buffers. */
static void
check_wake_up(uint64_t without)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];

	proto_subject_conf(&conf, "b1");
	conf.features &= ~without;
	proto_subjects_up(g, &conf);
	for (uint64_t seq = 0; seq < 300; seq++) {
		unsigned int from = seq % 2;
		struct fe_pkt pkt;

		fe_pkt_build(g[from].frame, 64, 900, seq);
		assert_int_equal(fe_guest_send(&g[from], 0, g[from].frame, 64), 0);
		assert_int_equal(fe_guest_wait_rx(&g[1 - from], 0, PROTO_WAIT_MS), 0);
		assert_int_equal(fe_guest_recv(&g[1 - from], 0, g[0].frame, FE_PKT_MAX, NULL), 64);
		assert_int_equal(fe_pkt_verify(g[0].frame, 64, &pkt), 0);
		assert_int_equal(pkt.seq, seq);
		assert_int_equal(fe_guest_drain_tx(&g[from], 0, PROTO_WAIT_MS), 0);
	}
	proto_subjects_down(g);
}

static void
test_wake_up(void **state)
{
	(void)state;
	check_wake_up(0);
	check_wake_up(EVENT);
	check_wake_up(EVENT | ORDER);
}

/* Not flow_pump(): it would sleep, and so ask for a notification. */
static void
send_polling(struct flow *f, uint64_t n)
{
	int64_t deadline = fe_now_ms() + PROTO_WAIT_MS;

	while (f->track.unique < n) {
		assert_true(flow_send(f, n) >= 0);
		assert_true(flow_receive(f, 1) >= 0);
		assert_true(fe_now_ms() < deadline);
	}
}

/* Who asks for no notification gets none, but the one after the start. */
static void
check_suppression(uint64_t without)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	struct flow f;
	uint64_t calls;

	proto_subject_conf(&conf, "b1");
	conf.features &= ~without;
	proto_subjects_up(g, &conf);
	flow_init(&f, &g[0], &g[1], 0);
	send_polling(&f, 20);
	fe_event_drain(fe_guest_rx(&g[1], 0)->vq.callfd);
	send_polling(&f, 500);
	calls = fe_event_drain(fe_guest_rx(&g[1], 0)->vq.callfd);
	assert_int_equal(calls, 0);
	flow_fini(&f);
	proto_subjects_down(g);
}

static void
test_suppression(void **state)
{
	(void)state;
	check_suppression(0);
	check_suppression(EVENT);
}

/* The daemon polls: it asks for no kicks either. */
static void
test_no_kicks_wanted(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		proto_subject_conf(&conf, "b1");
		if (i == 1)
			conf.features &= ~EVENT;
		proto_subjects_up(g, &conf);
		assert_int_equal(flow_exchange(&g[0], &g[1], 200), 0);
		fe_event_drain(fe_guest_tx(&g[0], 0)->vq.kickfd);
		assert_int_equal(flow_exchange(&g[0], &g[1], 200), 0);
		assert_int_equal(fe_event_drain(fe_guest_tx(&g[0], 0)->vq.kickfd), 0);
		proto_subjects_down(g);
	}
}

/* A full receiver holds the sender back: nothing is lost on a wire. */
static void
test_back_pressure(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	struct flow f;

	(void)state;
	proto_subject_conf(&conf, "b1");
	proto_subjects_up(g, &conf);
	flow_init(&f, &g[0], &g[1], 0);
	/* Nobody receives, until nothing more can be sent for a while. */
	for (int64_t moved = fe_now_ms(); fe_now_ms() - moved < 200;) {
		int ret = flow_send(&f, UINT64_MAX);

		assert_true(ret >= 0);
		if (ret > 0)
			moved = fe_now_ms();
	}
	assert_true(proto_alive());
	assert_int_equal(flow_finish(&f, 1, f.sent + 500, PROTO_WAIT_MS), 0);
	assert_true(flow_exact(&f));
	flow_fini(&f);
	proto_subjects_down(g);
}

static const struct CMUnitTest tests[] = {
	proto_test(test_shapes),
	proto_test(test_mixed_shapes),
	proto_test(test_all_sizes),
	proto_test(test_index_wrap),
	proto_test(test_wake_up),
	proto_test(test_suppression),
	proto_test(test_no_kicks_wanted),
	proto_test(test_back_pressure),
};

const struct proto_group proto_traffic = {"traffic", tests, PROTO_LEN(tests)};
