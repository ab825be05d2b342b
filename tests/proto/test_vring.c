/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Rings described wrongly: sizes, addresses, indices, features, status. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proto.h"

static bool
refused(enum outcome outcome)
{
	return outcome == NACKED || outcome == CLOSED;
}

static void
test_ring_sizes(void **state)
{
	static const uint32_t sizes[] = {0, 3, 100, 255, 257, 32767, 32769, 65535, 65536, 1u << 17,
		1u << 31, 0x10100, UINT32_MAX};
	struct fe_conn c;
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(sizes); i++) {
		const struct fe_vring_state num = {.index = 0, .num = sizes[i]};
		enum outcome outcome;

		proto_connect(&c);
		outcome = proto_try(&c, FE_SET_VRING_NUM, &num, sizeof(num), NULL, 0);
		if (!refused(outcome)) {
			fprintf(stderr, "size %u: %s\n", sizes[i], proto_outcome_name(outcome));
			failed++;
		}
		fe_conn_fini(&c);
	}
	assert_int_equal(failed, 0);
	assert_true(proto_subjects_work());
}

/* The largest ring there is. */
static void
test_ring_of_32768(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];

	(void)state;
	proto_subject_conf(&conf, "b1");
	conf.ring_size = 32768;
	conf.mtu = 500;
	conf.n_rx_bufs = 4096;
	conf.n_tx_bufs = 512;
	proto_subjects_up(g, &conf);
	assert_int_equal(flow_exchange(&g[0], &g[1], 40000), 0);
	proto_subjects_down(g);
}

static void
test_ring_indices(void **state)
{
	static const uint32_t indices[] = {2 * PROTO_PAIRS, 2 * PROTO_PAIRS + 1, 16, 127, 255};
	static const uint32_t more[] = {256, 65536, 1u << 31, UINT32_MAX};
	static const uint32_t requests[] = {
		FE_SET_VRING_NUM, FE_SET_VRING_BASE, FE_SET_VRING_ENABLE, FE_SET_VRING_ADDR};
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct fe_conn c;
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(indices) + PROTO_LEN(more); i++) {
		uint32_t index = i < PROTO_LEN(indices) ? indices[i] : more[i - PROTO_LEN(indices)];

		for (size_t r = 0; r < PROTO_LEN(requests); r++) {
			const struct fe_vring_addr addr = {.index = index, .flags = 64};
			bool is_addr = requests[r] == FE_SET_VRING_ADDR;
			enum outcome outcome;

			proto_connect(&c);
			outcome = proto_try(&c, requests[r], &addr,
				is_addr ? sizeof(addr) : sizeof(struct fe_vring_state), NULL, 0);
			if (!refused(outcome)) {
				fprintf(stderr, "%s of ring %u: %s\n", fe_request_name(requests[r]),
					index, proto_outcome_name(outcome));
				failed++;
			}
			fe_conn_fini(&c);
		}
	}
	for (size_t i = 0; i < PROTO_LEN(indices); i++) {
		for (uint32_t request = FE_SET_VRING_KICK; request <= FE_SET_VRING_ERR; request++) {
			uint64_t value = indices[i];
			enum outcome outcome;

			proto_connect(&c);
			outcome = proto_try(&c, request, &value, sizeof(value), &fd, 1);
			if (!refused(outcome)) {
				fprintf(stderr, "%s of ring %u: %s\n", fe_request_name(request),
					indices[i], proto_outcome_name(outcome));
				failed++;
			}
			fe_conn_fini(&c);
		}
	}
	close(fd);
	assert_int_equal(failed, 0);
	assert_true(proto_subjects_work());
}

/* An offset to one of the three ring addresses. */
struct address_case {
	const char *name;
	int64_t desc, avail, used;
	bool absolute; /* the values are the addresses */
};

#define FAR (1ll << 50)

static const struct address_case addresses[] = {
	{"descriptors out of range", FAR, 0, 0, false},
	{"available ring out of range", 0, FAR, 0, false},
	{"used ring out of range", 0, 0, FAR, false},
	{"all out of range", FAR, FAR, FAR, false},
	{"all 0", 0, 0, 0, true},
	{"all at the end of the address space", -16, -16, -16, true},
	{"descriptors misaligned", 8, 0, 0, false},
	{"available ring misaligned", 0, 1, 0, false},
	{"used ring misaligned", 0, 0, 2, false},
};

/* Send all of a ring's messages. @return the first that is not accepted. */
static enum outcome
give_ring(struct fe_guest *g, unsigned int ring, const struct fe_vring_addr *addr)
{
	struct fe_vq *vq = &g->queues[ring].vq;
	int ret = fe_set_vring_num(&g->conn, ring, vq->conf.size);

	if (ret == 0)
		ret = fe_set_vring_base(&g->conn, ring, 0);
	if (ret == 0)
		ret = fe_set_vring_addr(&g->conn, addr);
	if (ret == 0)
		ret = fe_set_vring_kick(&g->conn, ring, vq->kickfd);
	if (ret == 0)
		ret = fe_set_vring_call(&g->conn, ring, vq->callfd);
	return proto_outcome(ret);
}

/* A guest whose first transmit ring is given wrongly, the rest rightly. */
static enum outcome
start_with_address(struct fe_guest *g, const struct fe_vring_addr *addr)
{
	int ret = fe_guest_prepare(g);
	enum outcome outcome;

	if (ret == 0)
		ret = fe_set_features(&g->conn, g->features);
	if (ret == 0)
		ret = fe_guest_add_status(g, FE_STATUS_FEATURES_OK);
	if (ret == 0)
		ret = fe_guest_send_memory(g);
	if (ret == 0)
		ret = fe_guest_start_ring(g, 0);
	assert_int_equal(ret, 0);
	outcome = give_ring(g, 1, addr);
	if (outcome != ACCEPTED)
		return outcome;
	return proto_outcome(fe_guest_add_status(g, FE_STATUS_DRIVER_OK));
}

/* What the guest puts into the real ring stays there, and the error eventfd says why. */
static int
check_not_run(struct fe_guest *g, const char *name)
{
	struct fe_vq *vq = &fe_guest_tx(g, 0)->vq;
	bool told;

	fe_guest_started(g);
	fe_pkt_build(g->frame, 100, 1, 0);
	assert_int_equal(fe_guest_send(g, 0, g->frame, 100), 0);
	told = fe_event_wait(vq->errfd, PROTO_ERR_MS) == 0;
	if (told && vq->used->idx == 0)
		return 0;
	fprintf(stderr, "%s: accepted, ring %s\n", name,
		vq->used->idx != 0 ? "run" : "not run, but no error told");
	return 1;
}

/* Refused; or accepted, and the ring is not run. */
static int
check_address(const struct address_case *ac)
{
	struct fe_vring_addr addr;
	struct fe_guest_conf conf;
	enum outcome outcome;
	struct fe_guest g;
	int failed = 0;

	proto_subject_conf(&conf, "b1");
	assert_int_equal(fe_guest_create(&g, &conf), 0);
	assert_int_equal(proto_guest_connect(&g), 0);
	g.queues[1].vq.ops->address(&g.queues[1].vq, &addr);
	addr.desc = (ac->absolute ? 0 : addr.desc) + (uint64_t)ac->desc;
	addr.avail = (ac->absolute ? 0 : addr.avail) + (uint64_t)ac->avail;
	addr.used = (ac->absolute ? 0 : addr.used) + (uint64_t)ac->used;
	outcome = start_with_address(&g, &addr);
	if (outcome == ACCEPTED) {
		failed = check_not_run(&g, ac->name);
	} else if (!refused(outcome)) {
		fprintf(stderr, "%s: %s\n", ac->name, proto_outcome_name(outcome));
		failed = 1;
	}
	fe_guest_destroy(&g);
	return failed;
}

static void
test_ring_addresses(void **state)
{
	struct fe_guest peer;
	int failed = 0;

	(void)state;
	proto_subject_up(&peer, "b2");
	for (size_t i = 0; i < PROTO_LEN(addresses); i++)
		failed += check_address(&addresses[i]);
	fe_guest_destroy(&peer);
	assert_int_equal(failed, 0);
	assert_true(proto_subjects_work());
}

/* Each part in turn begins in the last page of a region and ends beyond it. */
static void
test_ring_across_region_end(void **state)
{
	static const struct fe_region_conf regions[] = {
		{.gpa = 0, .size = 4 << 20, .uva = 1ull << 40},
		/* Next in the guest, but not for us; and the other way round. */
		{.gpa = 4 << 20, .size = 2 << 20, .uva = 1ull << 41},
		{.gpa = 1ull << 32, .size = 2 << 20, .uva = (1ull << 40) + (4 << 20)},
	};
	struct fe_vring_addr right, wrong;
	struct fe_guest_conf conf;
	struct fe_guest g, peer;
	enum outcome outcome;
	int failed = 0;

	(void)state;
	proto_subject_up(&peer, "b2");
	for (int part = 0; part < 3; part++) {
		uint64_t end = regions[0].uva + regions[0].size;

		proto_subject_conf(&conf, "b1");
		conf.regions = regions;
		conf.n_regions = PROTO_LEN(regions);
		conf.mtu = 1500;
		assert_int_equal(fe_guest_create(&g, &conf), 0);
		g.queues[1].vq.ops->address(&g.queues[1].vq, &right);
		wrong = right;
		*(part == 0 ? &wrong.desc : part == 1 ? &wrong.avail : &wrong.used) = end - 64;
		assert_int_equal(proto_guest_connect(&g), 0);
		outcome = start_with_address(&g, &wrong);
		if (outcome == ACCEPTED) {
			failed += check_not_run(&g, "ring across the end of a region");
		} else if (!refused(outcome)) {
			fprintf(stderr, "part %d across the end: %s\n", part,
				proto_outcome_name(outcome));
			failed++;
		}
		fe_guest_destroy(&g);
	}
	fe_guest_destroy(&peer);
	assert_int_equal(failed, 0);
	assert_true(proto_subjects_work());
}

/* Rings first, memory later, or never: nothing is promised but that the daemon lives. */
static void
test_rings_before_memory(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g;
	int ret;

	(void)state;
	for (int with_memory = 0; with_memory < 2; with_memory++) {
		proto_subject_conf(&conf, "b1");
		assert_int_equal(fe_guest_create(&g, &conf), 0);
		assert_int_equal(proto_guest_connect(&g), 0);
		assert_int_equal(fe_guest_prepare(&g), 0);
		assert_int_equal(fe_set_features(&g.conn, g.features), 0);
		ret = fe_guest_start_ring(&g, 0);
		if (ret == 0)
			ret = fe_guest_start_ring(&g, 1);
		if (ret == 0)
			ret = fe_guest_add_status(&g, FE_STATUS_DRIVER_OK);
		if (ret == 0 && with_memory == 1)
			ret = fe_guest_send_memory(&g);
		assert_true(proto_outcome(ret) != SILENT && proto_outcome(ret) != STRANGE);
		fe_pkt_build(g.frame, 100, 1, 0);
		fe_guest_send(&g, 0, g.frame, 100);
		assert_true(proto_alive());
		fe_guest_destroy(&g);
	}
	assert_true(proto_subjects_work());
}

static void
test_base_of_no_ring(void **state)
{
	static const uint32_t rings[] = {
		0, 1, 2 * PROTO_PAIRS - 1, 2 * PROTO_PAIRS, 255, 256, UINT32_MAX};
	struct fe_conn c;
	uint32_t base;

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(rings); i++) {
		int ret;

		proto_connect(&c);
		ret = fe_get_vring_base(&c, rings[i], &base);
		if (ret != 0 && proto_outcome(ret) != CLOSED && proto_outcome(ret) != STRANGE)
			fail_msg("ring %u: %s", rings[i], strerror(-ret));
		if (ret == 0)
			assert_int_equal(base, 0);
		fe_conn_fini(&c);
	}
	assert_true(proto_subjects_work());
}

/* Stopped twice, and asked for what is not there, while another ring runs. */
static void
test_stop_twice(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	uint32_t base[2];

	(void)state;
	proto_subject_conf(&conf, "b1");
	proto_subjects_up(g, &conf);
	assert_int_equal(flow_exchange(&g[0], &g[1], 100), 0);
	for (uint32_t ring = 0; ring < 2; ring++) {
		assert_int_equal(fe_get_vring_base(&g[0].conn, ring, &base[0]), 0);
		assert_int_equal(fe_get_vring_base(&g[0].conn, ring, &base[1]), 0);
		assert_int_equal(base[0], g[0].queues[ring].vq.used->idx);
		assert_int_equal(base[1], base[0]);
	}
	assert_int_equal(fe_guest_start(&g[0]), 0);
	assert_int_equal(flow_exchange(&g[0], &g[1], 100), 0);
	proto_subjects_down(g);
}

static void
test_features_not_offered(void **state)
{
	struct fe_conn c;
	uint64_t offered, protocol;
	int failed = 0;

	(void)state;
	proto_connect(&c);
	assert_int_equal(fe_get_features(&c, &offered), 0);
	assert_int_equal(fe_get_protocol_features(&c, &protocol), 0);
	fe_conn_fini(&c);
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t features = (offered & FE_GUEST_FEATURES) | FE_BIT(bit);
		uint64_t proto = (protocol & FE_GUEST_PROTOCOL) | FE_BIT(bit);

		if ((offered & FE_BIT(bit)) == 0) {
			proto_connect(&c);
			if (!refused(proto_try(
				    &c, FE_SET_FEATURES, &features, sizeof(features), NULL, 0))) {
				fprintf(stderr, "feature %u was not offered, but taken\n", bit);
				failed++;
			}
			fe_conn_fini(&c);
		}
		if ((protocol & FE_BIT(bit)) == 0) {
			proto_connect(&c);
			if (!refused(proto_try(&c, FE_SET_PROTOCOL_FEATURES, &proto, sizeof(proto),
				    NULL, 0))) {
				fprintf(stderr, "protocol feature %u was not offered, but taken\n",
					bit);
				failed++;
			}
			fe_conn_fini(&c);
		}
	}
	assert_int_equal(failed, 0);
	assert_true(proto_subjects_work());
}

/* Features may not change while the device runs; a refusal leaves it running. */
static void
test_features_changed_live(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	enum outcome outcome;
	uint64_t features;

	(void)state;
	proto_subject_conf(&conf, "b1");
	proto_subjects_up(g, &conf);
	features = g[0].features & ~FE_BIT(VIRTIO_NET_F_MRG_RXBUF);
	outcome = proto_try(&g[0].conn, FE_SET_FEATURES, &features, sizeof(features), NULL, 0);
	assert_true(refused(outcome));
	if (outcome == NACKED)
		assert_int_equal(flow_exchange(&g[0], &g[1], 100), 0);
	proto_subjects_down(g);
	assert_true(proto_subjects_work());
}

static void
test_status_values(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	uint64_t value;

	(void)state;
	for (uint64_t status = 0; status < 0x300; status += status < 0x100 ? 1 : 0x67) {
		proto_subject_conf(&conf, "b1");
		proto_subjects_up(g, &conf);
		if (proto_try(&g[0].conn, FE_SET_STATUS, &status, sizeof(status), NULL, 0) ==
			SILENT)
			fail_msg("status %#llx: silent", (unsigned long long)status);
		if (fe_get_status(&g[0].conn, &value) == 0)
			assert_int_equal(value & ~0xffull, 0);
		proto_subjects_down(g);
	}
	assert_true(proto_subjects_work());
}

/* A guest reset: status 0 without anything else, then a new driver on the same connection. */
static void
test_reset_by_status(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];

	(void)state;
	proto_subject_conf(&conf, "b1");
	proto_subjects_up(g, &conf);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(flow_exchange(&g[0], &g[1], 50), 0);
		assert_int_equal(fe_guest_stop(&g[0]), 0);
		fe_guest_reset(&g[0]);
		assert_int_equal(fe_guest_start(&g[0]), 0);
	}
	assert_int_equal(flow_exchange(&g[0], &g[1], 50), 0);
	proto_subjects_down(g);
}

static const struct CMUnitTest tests[] = {
	proto_test(test_ring_sizes),
	proto_test(test_ring_of_32768),
	proto_test(test_ring_indices),
	proto_test(test_ring_addresses),
	proto_test(test_ring_across_region_end),
	proto_test(test_rings_before_memory),
	proto_test(test_base_of_no_ring),
	proto_test(test_stop_twice),
	proto_test(test_features_not_offered),
	proto_test(test_features_changed_live),
	proto_test(test_status_values),
	proto_test(test_reset_by_status),
};

const struct proto_group proto_vring = {"vring", tests, PROTO_LEN(tests)};
