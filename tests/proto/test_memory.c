/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Memory tables: odd ones that are right, wrong ones, and changes under traffic. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "proto.h"

#define MB  (1ull << 20)
#define TOP (1ull << 63)

/* What stands for a region's file. */
enum file {
	GOOD,  /* as large as it has to be */
	SHORT, /* one page */
	EMPTY,
	READ_ONLY,
	EVENTFD,
	PIPE,
	MISSING, /* no descriptor */
};

struct table_case {
	const char *name;
	bool may_pass; /* odd, but not wrong enough to insist */
	uint32_t n;    /* as announced */
	uint32_t given;
	struct fe_mem_region region[9];
	enum file file[9];
	unsigned int surplus_fds;
};

static const struct table_case cases[] = {
	{"no regions", true, 0, 0, {{0}}, {0}, 0},
	{"9 regions", false, 9, 9,
		{{0 * MB, MB, 10 * MB, 0}, {1 * MB, MB, 11 * MB, 0}, {2 * MB, MB, 12 * MB, 0},
			{3 * MB, MB, 13 * MB, 0}, {4 * MB, MB, 14 * MB, 0},
			{5 * MB, MB, 15 * MB, 0}, {6 * MB, MB, 16 * MB, 0},
			{7 * MB, MB, 17 * MB, 0}, {8 * MB, MB, 18 * MB, 0}},
		{0}, 0},
	{"more announced than given", false, 8, 1, {{0, MB, MB, 0}}, {0}, 0},
	{"announced 2^31", false, 0x80000000, 1, {{0, MB, MB, 0}}, {0}, 0},
	{"more given than announced", false, 1, 2, {{0, MB, MB, 0}, {MB, MB, 2 * MB, 0}}, {0}, 0},
	{"a descriptor short", false, 2, 2, {{0, MB, MB, 0}, {MB, MB, 2 * MB, 0}}, {GOOD, MISSING},
		0},
	{"no descriptors", false, 1, 1, {{0, MB, MB, 0}}, {MISSING}, 0},
	{"a descriptor too many", false, 1, 1, {{0, MB, MB, 0}}, {GOOD}, 1},
	{"7 descriptors too many", false, 1, 1, {{0, MB, MB, 0}}, {GOOD}, 7},
	{"the same twice", false, 2, 2, {{0, MB, MB, 0}, {0, MB, MB, 0}}, {0}, 0},
	{"guest addresses overlap", false, 2, 2, {{0, MB, MB, 0}, {MB - 4096, MB, 8 * MB, 0}}, {0},
		0},
	{"one within the other", false, 2, 2, {{0, 4 * MB, MB, 0}, {MB, MB, 8 * MB, 0}}, {0}, 0},
	{"user addresses overlap", false, 2, 2, {{0, MB, MB, 0}, {MB, MB, 2 * MB - 4096, 0}}, {0},
		0},
	{"guest address wraps", false, 1, 1, {{-4096ull, 2 * 4096, MB, 0}}, {0}, 0},
	{"guest address wraps, 1 byte", false, 1, 1, {{-4096ull, 4097, MB, 0}}, {0}, 0},
	{"user address wraps", false, 1, 1, {{0, 2 * 4096, -4096ull, 0}}, {0}, 0},
	{"size 0", false, 1, 1, {{0, 0, MB, 0}}, {0}, 0},
	{"size 0 beside a good one", false, 2, 2, {{0, MB, MB, 0}, {MB, 0, 2 * MB, 0}}, {0}, 0},
	{"size 2^64 - 1", false, 1, 1, {{0, UINT64_MAX, MB, 0}}, {SHORT}, 0},
	{"size 2^63", false, 1, 1, {{0, TOP, MB, 0}}, {SHORT}, 0},
	{"offset beyond the file", false, 1, 1, {{0, MB, MB, 64 * MB}}, {SHORT}, 0},
	{"offset and size wrap", false, 1, 1, {{0, 2 * 4096, MB, -4096ull}}, {SHORT}, 0},
	{"offset 2^63", false, 1, 1, {{0, MB, MB, TOP}}, {SHORT}, 0},
	{"file shorter than the region", false, 1, 1, {{0, MB, MB, 0}}, {SHORT}, 0},
	{"file shorter by its offset", false, 1, 1, {{0, 4096, MB, 4096}}, {SHORT}, 0},
	{"empty file", false, 1, 1, {{0, MB, MB, 0}}, {EMPTY}, 0},
	{"not page-aligned", true, 1, 1, {{0x123, MB, MB + 5, 0}}, {0}, 0},
	{"offset not page-aligned", true, 1, 1, {{0, MB, MB, 1}}, {0}, 0},
	{"read-only file", false, 1, 1, {{0, MB, MB, 0}}, {READ_ONLY}, 0},
	{"eventfd", false, 1, 1, {{0, MB, MB, 0}}, {EVENTFD}, 0},
	{"pipe", false, 1, 1, {{0, MB, MB, 0}}, {PIPE}, 0},
	{"one good, one bad", false, 2, 2, {{0, MB, MB, 0}, {MB, MB, 2 * MB, 0}}, {GOOD, EVENTFD},
		0},
};

static int
make_memfd(uint64_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static int
make_read_only(uint64_t size)
{
	char name[32];
	int fd = make_memfd(size), ro;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	ro = open(name, O_RDONLY | O_CLOEXEC);
	close(fd);
	return ro;
}

static int
make_file(enum file file, const struct fe_mem_region *region)
{
	int pair[2];

	switch (file) {
	case GOOD:
		return make_memfd(region->size + region->offset);
	case SHORT:
		return make_memfd(4096);
	case EMPTY:
		return make_memfd(0);
	case READ_ONLY:
		return make_read_only(region->size + region->offset);
	case EVENTFD:
		return eventfd(0, EFD_CLOEXEC);
	case PIPE:
		assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
		close(pair[0]);
		return pair[1];
	default:
		return -1;
	}
}

static enum outcome
send_table(struct fe_conn *c, const struct table_case *tc)
{
	struct fe_mem_table table = {.n = tc->n};
	unsigned int n = 0;
	int fds[32];
	enum outcome outcome;

	for (unsigned int i = 0; i < tc->given; i++) {
		table.region[i] = tc->region[i];
		fds[n] = make_file(tc->file[i], &tc->region[i]);
		n += fds[n] >= 0;
	}
	for (unsigned int i = 0; i < tc->surplus_fds; i++)
		fds[n++] = make_memfd(MB);
	outcome = proto_try(c, FE_SET_MEM_TABLE, &table,
		(uint32_t)(offsetof(struct fe_mem_table, region) +
			tc->given * sizeof(table.region[0])),
		fds, n);
	while (n > 0)
		close(fds[--n]);
	return outcome;
}

static int
expect_table(const struct table_case *tc, const char *when, enum outcome outcome)
{
	if (outcome == NACKED || outcome == CLOSED || (tc->may_pass && outcome == ACCEPTED))
		return 0;
	fprintf(stderr, "table \"%s\", %s: %s\n", tc->name, when, proto_outcome_name(outcome));
	return 1;
}

static void
test_wrong_tables(void **state)
{
	struct fe_conn c;
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(cases); i++) {
		proto_connect(&c);
		failed += expect_table(&cases[i], "first", send_table(&c, &cases[i]));
		fe_conn_fini(&c);
	}
	assert_int_equal(failed, 0);
	assert_true(proto_subjects_work());
}

/* The same to a device that runs; if the connection is kept, so is what it had. */
static void
test_wrong_tables_live(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(cases); i++) {
		enum outcome outcome;

		proto_subject_conf(&conf, "b1");
		proto_subjects_up(g, &conf);
		assert_int_equal(flow_exchange(&g[0], &g[1], 20), 0);
		outcome = send_table(&g[0].conn, &cases[i]);
		failed += expect_table(&cases[i], "live", outcome);
		if (outcome == NACKED &&
			(fe_guest_send_memory(&g[0]) != 0 ||
				flow_exchange(&g[0], &g[1], 20) != 0)) {
			fprintf(stderr, "table \"%s\": the device is of no more use\n",
				cases[i].name);
			failed++;
		}
		proto_subjects_down(g);
	}
	assert_int_equal(failed, 0);
	assert_true(proto_alive());
}

/* 8 regions: next to each other in the guest only, apart, with keys that are no addresses. */
static void
test_many_regions(void **state)
{
	static const struct fe_region_conf regions[] = {
		{.gpa = 0x0, .size = 0x1000, .uva = 0x10000, .offset = 0},
		{.gpa = 0x1000, .size = 0x3000, .uva = 0x7fffffff0000, .offset = 0x5000},
		{.gpa = 0x4000, .size = 3 * MB, .uva = 0x20000, .offset = 0x1000},
		{.gpa = 0x4000 + 3 * MB, .size = MB, .uva = 0x100000000, .offset = 0},
		{.gpa = 64 * MB, .size = 0x1000, .uva = 0x200000000, .offset = 0},
		{.gpa = 0xfffff000, .size = 0x1000, .uva = 0x300000000, .offset = 0},
		{.gpa = 0x100000000, .size = MB, .uva = 0x400000000, .offset = 0x10000},
		{.gpa = 1ull << 40, .size = 8 * MB, .uva = 0x500000000, .offset = 0},
	};
	struct fe_guest_conf conf;
	struct fe_guest g[2];

	(void)state;
	proto_subject_conf(&conf, "b1");
	conf.regions = regions;
	conf.n_regions = PROTO_LEN(regions);
	proto_subjects_up(g, &conf);
	assert_int_equal(flow_exchange(&g[0], &g[1], 500), 0);
	proto_subjects_down(g);
}

#define BORDER (4 * MB)

static const struct fe_region_conf adjacent[] = {
	{.gpa = 0, .size = BORDER},
	{.gpa = BORDER, .size = 4 * MB},
};

/* A buffer may lie across two regions that the guest sees as one piece of memory. */
static void
test_buffer_across_regions(void **state)
{
	const struct virtio_net_hdr_v1 hdr = {0};
	struct fe_guest_conf conf;
	struct fe_guest g, peer;

	(void)state;
	proto_subject_up(&peer, "b2");
	proto_subject_conf(&conf, "b1");
	conf.mtu = 1500;
	conf.watch = 0;
	conf.regions = adjacent;
	conf.n_regions = PROTO_LEN(adjacent);
	assert_int_equal(fe_guest_create(&g, &conf), 0);
	assert_int_equal(proto_guest_up(&g), 0);
	/* The allocator has not come near the border. */
	assert_true(g.mem.region[0].used < BORDER - 4096);
	for (uint32_t before = 1; before < 1400; before += 37) {
		const struct fe_sg sg = {BORDER - before, FE_NET_HDR_SIZE + 1400};
		struct fe_vq *vq = &fe_guest_tx(&g, 0)->vq;
		struct fe_pkt pkt;

		fe_pkt_build(g.frame, 1400, 5, before);
		assert_int_equal(fe_mem_write(&g.mem, sg.gpa, &hdr, sizeof(hdr)), 0);
		assert_int_equal(fe_mem_write(&g.mem, sg.gpa + sizeof(hdr), g.frame, 1400), 0);
		assert_int_equal(fe_vq_add(vq, &sg, 1, 0, NULL, 0), 0);
		fe_guest_flush(&g, 0);
		assert_int_equal(fe_guest_wait_rx(&peer, 0, PROTO_WAIT_MS), 0);
		assert_int_equal(fe_guest_recv(&peer, 0, peer.frame, FE_PKT_MAX, NULL), 1400);
		assert_int_equal(fe_pkt_verify(peer.frame, 1400, &pkt), 0);
		assert_int_equal(pkt.seq, before);
		assert_int_equal(fe_guest_drain_tx(&g, 0, PROTO_WAIT_MS), 0);
	}
	fe_guest_destroy(&g);
	fe_guest_destroy(&peer);
}

/* The same for what is received: one buffer in the ring, across the border. */
static void
test_receive_across_regions(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g, peer;
	struct fe_vq *vq;

	(void)state;
	proto_subject_up(&peer, "b2");
	proto_subject_conf(&conf, "b1");
	conf.mtu = 1500;
	conf.regions = adjacent;
	conf.n_regions = PROTO_LEN(adjacent);
	assert_int_equal(fe_guest_create(&g, &conf), 0);
	fe_guest_rx(&g, 0)->free = NULL;
	assert_int_equal(proto_guest_up(&g), 0);
	vq = &fe_guest_rx(&g, 0)->vq;
	for (uint32_t before = 1; before < 1400; before += 37) {
		const struct fe_sg sg = {BORDER - before, 1600};
		struct fe_used used;
		struct fe_pkt pkt;

		assert_int_equal(fe_vq_add(vq, &sg, 0, 1, NULL, 0), 0);
		fe_guest_flush(&g, 0);
		fe_vq_publish(vq);
		fe_pkt_build(peer.frame, 1400, 5, before);
		assert_int_equal(fe_guest_send(&peer, 0, peer.frame, 1400), 0);
		assert_int_equal(fe_vq_wait(vq, PROTO_WAIT_MS), 0);
		assert_int_equal(fe_vq_reap(vq, &used), 1);
		assert_int_equal(used.len, FE_NET_HDR_SIZE + 1400);
		assert_int_equal(fe_mem_read(&g.mem, sg.gpa + FE_NET_HDR_SIZE, g.frame, 1400), 0);
		assert_int_equal(fe_pkt_verify(g.frame, 1400, &pkt), 0);
		assert_int_equal(pkt.seq, before);
	}
	fe_guest_destroy(&g);
	fe_guest_destroy(&peer);
}

/* Memory comes and goes, as with hotplug, while packets flow. */
static void
test_change_under_traffic(void **state)
{
	const struct fe_region_conf extra = {.gpa = 1ull << 36, .size = MB};
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	struct flow f[2];

	(void)state;
	proto_subject_conf(&conf, "b1");
	proto_subjects_up(g, &conf);
	flow_init(&f[0], &g[0], &g[1], 0);
	flow_init(&f[1], &g[1], &g[0], 0);
	for (int round = 0; round < 60; round++) {
		struct fe_mem *mem = &g[round % 2].mem;

		for (int i = 0; i < 3; i++)
			assert_true(flow_pump(f, 2, UINT64_MAX) >= 0);
		if (mem->n == 2) {
			assert_int_equal(fe_mem_add(mem, &extra), 0);
		} else {
			mem->n--;
			munmap(mem->region[mem->n].base, extra.size);
			close(mem->region[mem->n].fd);
		}
		assert_int_equal(fe_guest_send_memory(&g[round % 2]), 0);
	}
	assert_int_equal(
		flow_finish(f, 2, (f[0].sent > f[1].sent ? f[0].sent : f[1].sent) + 100, 20000), 0);
	assert_true(flow_exact(&f[0]) && flow_exact(&f[1]));
	flow_fini(&f[0]);
	flow_fini(&f[1]);
	proto_subjects_down(g);
}

/* The memory that the rings are in is taken away: they stop, and nobody else. */
static void
test_ring_memory_removed(void **state)
{
	const struct fe_region_conf other = {.gpa = 1ull << 36, .size = MB};
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	struct fe_mem mem;
	struct fe_mem_table table;
	int fds[FE_MEM_REGIONS];

	(void)state;
	proto_subject_conf(&conf, "b1");
	proto_subjects_up(g, &conf);
	assert_int_equal(fe_mem_init(&mem, &other, 1), 0);
	fe_mem_table(&mem, &table, fds);
	if (proto_outcome(fe_set_mem_table(&g[0].conn, &table, fds, 1)) == SILENT)
		fail_msg("no answer");
	fe_pkt_build(g[0].frame, 100, 1, 0);
	assert_int_equal(fe_guest_send(&g[0], 0, g[0].frame, 100), 0);
	assert_int_equal(fe_guest_send(&g[1], 0, g[0].frame, 100), 0);
	assert_true(proto_alive());
	fe_mem_fini(&mem);
	proto_subjects_down(g);
	assert_true(proto_subjects_work());
}

/* The files get shorter under the daemon: that guest is through, the others are not. */
static void
test_memory_truncated(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];

	(void)state;
	proto_subject_conf(&conf, "b1");
	proto_subjects_up(g, &conf);
	for (unsigned int i = 0; i < g[0].mem.n; i++)
		assert_int_equal(ftruncate(g[0].mem.region[i].fd, 0), 0);
	/* Something is to be delivered there. */
	fe_pkt_build(g[1].frame, 100, 1, 0);
	assert_int_equal(fe_guest_send(&g[1], 0, g[1].frame, 100), 0);
	assert_true(proto_alive());
	fe_guest_disconnect(&g[0]);
	assert_true(proto_alive());
	proto_subjects_down(g);
	assert_true(proto_subjects_work());
}

static const struct CMUnitTest tests[] = {
	proto_test(test_wrong_tables),
	proto_test(test_wrong_tables_live),
	proto_test(test_many_regions),
	proto_test(test_buffer_across_regions),
	proto_test(test_receive_across_regions),
	proto_test(test_change_under_traffic),
	proto_test(test_ring_memory_removed),
	proto_test(test_memory_truncated),
};

const struct proto_group proto_memory = {"memory", tests, PROTO_LEN(tests)};
