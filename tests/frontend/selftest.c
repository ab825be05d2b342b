/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* The front-end library against a model device: that it works, and that it notices. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fe_guest.h"
#include "model.h"

#define WAIT_MS	 10000
#define FAULT_MS 500 /* for what does not come */

static char dir[] = "/tmp/fe-selftest-XXXXXX";
static char path[64];

static int
group_setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/model.sock", dir);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

/* Send and receive n frames of growing sizes, a few in flight. */
static int
echo(struct fe_guest *g, unsigned int pair, uint64_t first, uint64_t n, int wait_ms,
	struct fe_track *track)
{
	uint64_t sent = 0, want = track->received + n;
	int ret;

	while (track->received < want) {
		for (; sent < n; sent++) {
			size_t len = FE_PKT_MIN +
				(size_t)(sent * 37) % (g->conf.mtu + 14u - FE_PKT_MIN);

			fe_pkt_build(g->frame, len, 3, first + sent);
			ret = fe_guest_queue(g, pair, g->frame, len);
			if (ret == -EAGAIN)
				break;
			if (ret < 0)
				return ret;
		}
		fe_guest_flush(g, pair);
		/* A full ring with everything received: its buffers are still to be given back. */
		ret = track->received + n == want + sent ? fe_guest_drain_tx(g, pair, wait_ms)
							 : fe_guest_wait_rx(g, pair, wait_ms);
		if (ret < 0)
			return ret;
		while ((ret = fe_guest_recv(g, pair, g->frame, FE_PKT_MAX, NULL)) > 0)
			fe_track_frame(track, 3, g->frame, (size_t)ret);
		if (ret < 0 || track->bad > 0)
			return ret < 0 ? ret : -EPROTO;
	}
	ret = fe_guest_drain_tx(g, pair, wait_ms);
	return ret < 0 ? ret : fe_guest_check(g);
}

static void
assert_echo(const struct fe_guest_conf *conf)
{
	struct model *m = model_create(path, FE_GUEST_FEATURES, MODEL_GOOD);
	struct fe_track track;
	struct fe_guest g;

	assert_non_null(m);
	assert_int_equal(fe_guest_create(&g, conf), 0);
	assert_int_equal(fe_guest_up(&g), 0);
	for (unsigned int pair = 0; pair < conf->pairs; pair++) {
		fe_track_init(&track);
		assert_int_equal(echo(&g, pair, 0, 1500, WAIT_MS, &track), 0);
		assert_int_equal(fe_guest_stop(&g), 0);
		assert_int_equal(fe_guest_start(&g), 0);
		assert_int_equal(echo(&g, pair, 1500, 500, WAIT_MS, &track), 0);
		assert_int_equal(fe_guest_reconnect(&g), 0);
		assert_int_equal(echo(&g, pair, 2000, 500, WAIT_MS, &track), 0);
		assert_int_equal(track.unique, 2500);
		assert_int_equal(track.bad + track.foreign + track.duplicated + track.reordered, 0);
		fe_track_fini(&track);
	}
	assert_int_equal(fe_guest_stop(&g), 0);
	fe_guest_destroy(&g);
	model_destroy(m);
}

static void
test_echo(void **state)
{
	static const uint64_t without[] = {0, FE_BIT(VIRTIO_F_IN_ORDER),
		FE_BIT(VIRTIO_RING_F_EVENT_IDX),
		FE_BIT(VIRTIO_F_IN_ORDER) | FE_BIT(VIRTIO_RING_F_EVENT_IDX) |
			FE_BIT(VIRTIO_NET_F_MRG_RXBUF),
		FE_BIT(FE_F_PROTOCOL_FEATURES)};
	struct fe_guest_conf conf;

	(void)state;
	for (unsigned int i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
		for (unsigned int shape = 0; shape < 3; shape++) {
			fe_guest_defaults(&conf, path);
			/* Without the protocol features rings are never enabled in the model. */
			if (without[i] == FE_BIT(FE_F_PROTOCOL_FEATURES))
				continue;
			conf.features &= ~without[i];
			conf.indirect = shape == 1;
			conf.pairs = 1 + shape;
			conf.ring_size = shape == 0 ? 256 : 64;
			if (shape == 2) {
				conf.tx_cut = (struct fe_buf_cut){.first = 12, .each = 400};
				conf.rx_cut = (struct fe_buf_cut){.each = 500};
			}
			if ((conf.features & FE_BIT(VIRTIO_NET_F_MRG_RXBUF)) != 0 && shape == 1)
				conf.rx_buf_size = 200;
			assert_echo(&conf);
		}
	}
}

static const struct {
	enum model_fault fault;
	uint64_t without;
	int expected; /* of starting, echoing or stopping, whichever fails first */
} faults[] = {
	{MODEL_GOOD, 0, 0},
	{MODEL_USED_ID, 0, -EPROTO},
	{MODEL_USED_ID, FE_BIT(VIRTIO_F_IN_ORDER), -EPROTO},
	{MODEL_USED_RANGE, 0, -EPROTO},
	{MODEL_USED_LEN, 0, -EPROTO},
	{MODEL_USED_JUMP, 0, -EPROTO},
	{MODEL_REVERSE, FE_BIT(VIRTIO_F_IN_ORDER), 0},
	{MODEL_OVERRUN, 0, -EPROTO},
	{MODEL_UNDERRUN, 0, -EPROTO},
	{MODEL_BEYOND_USED, 0, -EPROTO},
	{MODEL_CHANGE_DESC, 0, -EPROTO},
	{MODEL_CHANGE_OUT, 0, -EPROTO},
	{MODEL_CHANGE_AVAIL, 0, -EPROTO},
	{MODEL_RING_GUARD, 0, -EPROTO},
	{MODEL_NUM_BUFFERS, 0, -EPROTO},
	{MODEL_NUM_BUFFERS, FE_BIT(VIRTIO_NET_F_MRG_RXBUF), -EPROTO},
	{MODEL_NO_CALL, 0, -ETIMEDOUT},
	{MODEL_NO_CALL, FE_BIT(VIRTIO_RING_F_EVENT_IDX), -ETIMEDOUT},
	{MODEL_BASE, 0, -EPROTO},
	{MODEL_NACK, 0, -EREMOTEIO},
	{MODEL_MUTE, 0, -ETIMEDOUT},
	{MODEL_HANG_UP, 0, -ECONNRESET},
};

static int
run_with_fault(struct fe_guest *g)
{
	struct fe_track track;
	int ret = fe_guest_up(g);

	fe_track_init(&track);
	if (ret == 0)
		ret = echo(g, 0, 0, 16, FAULT_MS, &track);
	if (ret == 0)
		ret = fe_guest_stop(g);
	fe_track_fini(&track);
	return ret;
}

static void
test_faults(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct model *m = model_create(path, FE_GUEST_FEATURES, faults[i].fault);
		struct fe_guest_conf conf;
		struct fe_guest g;
		int ret;

		assert_non_null(m);
		fe_guest_defaults(&conf, path);
		conf.timeout_ms = FAULT_MS;
		conf.features &= ~faults[i].without;
		assert_int_equal(fe_guest_create(&g, &conf), 0);
		ret = run_with_fault(&g);
		if (ret != faults[i].expected)
			fail_msg("fault %u, without %#llx: got %d, expected %d", faults[i].fault,
				(unsigned long long)faults[i].without, ret, faults[i].expected);
		fe_guest_destroy(&g);
		model_destroy(m);
	}
}

/* What the packets themselves tell. */
static void
check_account(enum model_fault fault, uint64_t lost, uint64_t duplicated, uint64_t bad)
{
	struct model *m = model_create(path, FE_GUEST_FEATURES, fault);
	struct fe_guest_conf conf;
	struct fe_track track;
	struct fe_guest g;

	assert_non_null(m);
	fe_track_init(&track);
	fe_guest_defaults(&conf, path);
	assert_int_equal(fe_guest_create(&g, &conf), 0);
	assert_int_equal(fe_guest_up(&g), 0);
	for (uint64_t seq = 0; seq < 70; seq++) {
		int ret;

		fe_pkt_build(g.frame, 100, 1, seq);
		assert_int_equal(fe_guest_send(&g, 0, g.frame, 100), 0);
		assert_int_equal(fe_guest_drain_tx(&g, 0, WAIT_MS), 0);
		while ((ret = fe_guest_recv(&g, 0, g.frame, FE_PKT_MAX, NULL)) > 0)
			fe_track_frame(&track, 1, g.frame, (size_t)ret);
		assert_int_equal(ret, 0);
	}
	assert_int_equal(fe_track_lost(&track, 70), lost + bad);
	assert_int_equal(track.duplicated, duplicated);
	assert_int_equal(track.bad, bad);
	fe_track_fini(&track);
	fe_guest_destroy(&g);
	model_destroy(m);
}

static void
test_account(void **state)
{
	(void)state;
	check_account(MODEL_GOOD, 0, 0, 0);
	check_account(MODEL_LOSE, 10, 0, 0);
	check_account(MODEL_TWICE, 0, 10, 0);
	check_account(MODEL_DAMAGE, 0, 0, 70);
}

static void
test_track_order(void **state)
{
	static const uint64_t seqs[] = {0, 1, 4, 2, 3, 4, 200};
	struct fe_track track;

	(void)state;
	fe_track_init(&track);
	for (unsigned int i = 0; i < sizeof(seqs) / sizeof(seqs[0]); i++)
		assert_int_equal(fe_track_seq(&track, seqs[i]), 0);
	assert_int_equal(track.unique, 6);
	assert_int_equal(track.duplicated, 1);
	assert_int_equal(track.reordered, 2);
	assert_int_equal(fe_track_lost(&track, 201), 195);
	fe_track_fini(&track);
}

/* Each byte of a frame matters. */
static void
test_packet(void **state)
{
	static const size_t sizes[] = {60, 61, 67, 68, 1514, 9014};
	uint8_t frame[9014];
	struct fe_pkt pkt;

	(void)state;
	for (unsigned int s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		fe_pkt_build(frame, sizes[s], 7, 1234567890123ull);
		assert_int_equal(fe_pkt_verify(frame, sizes[s], &pkt), 0);
		assert_int_equal(pkt.stream, 7);
		assert_true(pkt.seq == 1234567890123ull);
		for (size_t i = 0; i < sizes[s]; i += i < 80 ? 1 : 97) {
			frame[i] ^= 0x10;
			assert_int_not_equal(fe_pkt_verify(frame, sizes[s], &pkt), 0);
			frame[i] ^= 0x10;
		}
		assert_int_not_equal(fe_pkt_verify(frame, sizes[s] - 1, &pkt), 0);
	}
}

static void
test_memory(void **state)
{
	static const struct fe_region_conf conf[] = {
		{.gpa = 0x10000, .size = 0x10000, .uva = 0x7000000000, .offset = 0x3000},
		{.gpa = 0x20000, .size = 0x1000, .uva = 0x1000},
		{.gpa = 1ull << 32, .size = 0x4000},
	};
	char text[] = "across two regions";
	char back[sizeof(text)];
	struct fe_mem mem;
	uint64_t gpa;

	(void)state;
	assert_int_equal(fe_mem_init(&mem, conf, 3), 0);
	assert_int_equal(fe_mem_uva(&mem, 0x1ffff), 0x700000ffff);
	assert_int_equal(fe_mem_uva(&mem, 0x20010), 0x1010);
	assert_int_equal(fe_mem_uva(&mem, 0x21000), 0);
	assert_null(fe_mem_ptr(&mem, 0x1fff8, 16));
	assert_null(fe_mem_ptr(&mem, 0xffff, 1));
	assert_int_equal(fe_mem_write(&mem, 0x1fff8, text, sizeof(text)), 0);
	assert_int_equal(fe_mem_read(&mem, 0x1fff8, back, sizeof(back)), 0);
	assert_string_equal(text, back);
	assert_int_equal(fe_mem_write(&mem, 0x20fff, text, 2), -EFAULT);
	gpa = fe_mem_alloc_guarded(&mem, 100, 4096);
	assert_int_equal(gpa % 4096, 0);
	assert_true(fe_guard_intact(&mem, gpa, 100));
	((uint8_t *)fe_mem_ptr(&mem, gpa, 101))[100] = 1;
	assert_false(fe_guard_intact(&mem, gpa, 100));
	assert_int_equal(fe_mem_alloc_in(&mem, 1, 0x1001, 1), 0);
	assert_int_equal(fe_mem_alloc_in(&mem, 1, 0x1000, 16), 0x20000);
	assert_int_equal(fe_mem_alloc_in(&mem, 1, 1, 1), 0);
	fe_mem_fini(&mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_packet),
		cmocka_unit_test(test_track_order),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
