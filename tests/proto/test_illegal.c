/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * Messages that are wrong in themselves: unknown, of a wrong size, with wrong
 * descriptors, cut off.
 *
 * The rule: asked for an acknowledgement, the back-end says no or closes the
 * connection. It never dies, hangs, or says yes.
 */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto.h"

#define TRY_MS 3000

static int
connect_subject(struct fe_conn *c)
{
	proto_connect(c);
	c->timeout_ms = TRY_MS;
	return 0;
}

static bool
refused(enum outcome outcome)
{
	return outcome == NACKED || outcome == CLOSED;
}

/* @return 1 for a wrong outcome, which is printed. */
static int
expect_refused(const char *what, uint32_t request, uint32_t detail, enum outcome outcome)
{
	if (refused(outcome))
		return 0;
	fprintf(stderr, "%s %u, %s (%u): %s\n", what, detail, fe_request_name(request), request,
		proto_outcome_name(outcome));
	return 1;
}

static int
expect_sane(const char *what, uint32_t request, uint32_t detail, enum outcome outcome)
{
	if (outcome == ACCEPTED || refused(outcome))
		return 0;
	return expect_refused(what, request, detail, outcome);
}

static void
test_unknown_ids(void **state)
{
	static const uint32_t ids[] = {0, 23, 33, 35, 41, 44, 45, 46, 63, 64, 100, 255, 256, 65535,
		0x7fffffff, 0xffffffff};
	const uint64_t payload[8] = {0};
	struct fe_conn c;
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(ids); i++) {
		for (uint32_t size = 0; size <= 16; size += 8) {
			connect_subject(&c);
			failed += expect_refused("unknown, size", ids[i], size,
				proto_try(&c, ids[i], payload, size, NULL, 0));
			fe_conn_fini(&c);
			connect_subject(&c);
			failed += expect_sane("unknown, size", ids[i], size,
				proto_tell(&c, ids[i], payload, size, NULL, 0));
			fe_conn_fini(&c);
		}
	}
	assert_int_equal(failed, 0);
	assert_true(proto_subjects_work());
}

/* After a refusal with the connection kept, it is still good for something. */
static void
test_refused_connection_works(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest peer, g;
	enum outcome outcome;

	(void)state;
	proto_subject_conf(&conf, "b1");
	assert_int_equal(fe_guest_create(&g, &conf), 0);
	assert_int_equal(proto_guest_connect(&g), 0);
	outcome = proto_try(&g.conn, 1000, NULL, 0, NULL, 0);
	assert_true(refused(outcome));
	if (outcome == NACKED) {
		proto_subject_up(&peer, "b2");
		assert_int_equal(fe_guest_start(&g), 0);
		outcome = proto_try(&g.conn, 1000, NULL, 0, NULL, 0);
		assert_true(refused(outcome));
		if (outcome == NACKED)
			assert_int_equal(flow_exchange(&g, &peer, 100), 0);
		fe_guest_destroy(&peer);
	}
	fe_guest_destroy(&g);
}

/* The size that a message has to have; those with more to them are tested elsewhere. */
static const struct {
	uint32_t request, size;
	bool fd;
} fixed[] = {
	{FE_SET_FEATURES, 8, false},
	{FE_SET_PROTOCOL_FEATURES, 8, false},
	{FE_SET_VRING_NUM, 8, false},
	{FE_SET_VRING_ADDR, 40, false},
	{FE_SET_VRING_BASE, 8, false},
	{FE_SET_VRING_KICK, 8, true},
	{FE_SET_VRING_CALL, 8, true},
	{FE_SET_VRING_ERR, 8, true},
	{FE_SET_VRING_ENABLE, 8, false},
	{FE_NET_SET_MTU, 8, false},
	{FE_SET_STATUS, 8, false},
	{FE_SET_MEM_TABLE, 40, true},
	{FE_SET_LOG_BASE, 16, true},
	{FE_SEND_RARP, 8, false},
};

static void
test_wrong_sizes(void **state)
{
	static const uint32_t sizes[] = {
		0, 1, 4, 7, 9, 12, 15, 16, 24, 39, 41, 48, 632, 633, 1072, 1073, 4096};
	static uint8_t payload[FE_MAX_PAYLOAD];
	struct fe_conn c;
	int failed = 0;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	(void)state;
	for (size_t m = 0; m < PROTO_LEN(fixed); m++) {
		for (size_t s = 0; s < PROTO_LEN(sizes); s++) {
			if (sizes[s] == fixed[m].size)
				continue;
			connect_subject(&c);
			failed += expect_refused("size", fixed[m].request, sizes[s],
				proto_try(&c, fixed[m].request, payload, sizes[s], &fd,
					fixed[m].fd ? 1 : 0));
			fe_conn_fini(&c);
		}
	}
	close(fd);
	assert_int_equal(failed, 0);
	assert_true(proto_subjects_work());
}

/* A header that promises what no message has; nothing follows, or the socket's end. */
static void
test_huge_sizes(void **state)
{
	static const uint32_t sizes[] = {0x1000, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
	struct fe_conn c;

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(sizes); i++) {
		const struct fe_hdr hdr = {.request = FE_SET_MEM_TABLE,
			.flags = FE_FLAG_VERSION | FE_FLAG_NEED_REPLY,
			.size = sizes[i]};
		uint8_t junk[64] = {0};

		connect_subject(&c);
		assert_int_equal(fe_conn_send_raw(&c, &hdr, sizeof(hdr), NULL, 0), 0);
		fe_conn_send_raw(&c, junk, sizeof(junk), NULL, 0);
		assert_true(refused(proto_outcome(fe_conn_recv_ack(&c, FE_SET_MEM_TABLE))));
		fe_conn_fini(&c);
	}
	assert_true(proto_subjects_work());
}

/* Surplus and missing descriptors, for every message. */
static void
test_fd_counts(void **state)
{
	static const unsigned int counts[] = {1, 2, 8, 9, 16, 32};
	static const uint8_t payload[40];
	int fds[32];
	struct fe_conn c;
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(fds); i++)
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (size_t m = 0; m < PROTO_LEN(fixed); m++) {
		for (size_t n = 0; n < PROTO_LEN(counts); n++) {
			if (fixed[m].fd && counts[n] == 1)
				continue;
			connect_subject(&c);
			failed += expect_refused("descriptors", fixed[m].request, counts[n],
				proto_try(&c, fixed[m].request, payload, fixed[m].size, fds,
					counts[n]));
			fe_conn_fini(&c);
		}
		if (!fixed[m].fd)
			continue;
		connect_subject(&c);
		/* The payload says that there is a descriptor. */
		failed += expect_refused("descriptors", fixed[m].request, 0,
			proto_try(&c, fixed[m].request, payload, fixed[m].size, NULL, 0));
		fe_conn_fini(&c);
	}
	for (size_t i = 0; i < PROTO_LEN(fds); i++)
		close(fds[i]);
	assert_int_equal(failed, 0);
	assert_true(proto_subjects_work());
}

/* The daemon's descriptors must not run out: each refused message's are closed. */
static void
test_fds_are_closed(void **state)
{
	int fds[8];
	struct fe_conn c;

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(fds); i++)
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (int i = 0; i < 300; i++) {
		uint64_t value = (uint64_t)i;

		connect_subject(&c);
		proto_try(&c, (uint32_t)(i % 50), &value, sizeof(value), fds, 8);
		fe_conn_fini(&c);
	}
	for (size_t i = 0; i < PROTO_LEN(fds); i++)
		close(fds[i]);
	/* 2400 descriptors later; the usual limit is 1024. */
	assert_true(proto_subjects_work());
}

static int
odd_fd(int kind)
{
	int pair[2];

	switch (kind) {
	case 0:
		return memfd_create("odd", MFD_CLOEXEC);
	case 1: /* the write end of a pipe that is full */
		if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
			return -1;
		while (write(pair[1], pair, sizeof(pair)) > 0)
			;
		fcntl(pair[1], F_SETFL, 0);
		close(pair[0]);
		return pair[1];
	case 2:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 3:
		return open("/", O_PATH | O_CLOEXEC);
	case 4:
		return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	default:
		return open("/dev/zero", O_RDONLY | O_CLOEXEC);
	}
}

/* What is no eventfd may be refused, or taken and be of no use. */
static void
test_odd_eventfds(void **state)
{
	static const uint32_t requests[] = {FE_SET_VRING_KICK, FE_SET_VRING_CALL, FE_SET_VRING_ERR};
	struct fe_guest peer, g;

	(void)state;
	for (int kind = 0; kind < 6; kind++) {
		for (size_t r = 0; r < PROTO_LEN(requests); r++) {
			int fd = odd_fd(kind);

			assert_true(fd >= 0);
			proto_subject_up(&peer, "b2");
			proto_subject_up(&g, "b1");
			for (uint64_t ring = 0; ring < 2; ring++) {
				if (proto_try(&g.conn, requests[r], &ring, sizeof(ring), &fd, 1) ==
					CLOSED)
					break;
				/* Packets, so that it would be written to; they may be lost. */
				fe_pkt_build(g.frame, 100, 1, 0);
				fe_guest_send(&g, 0, g.frame, 100);
				fe_guest_send(&peer, 0, g.frame, 100);
			}
			close(fd);
			assert_true(proto_alive());
			fe_guest_destroy(&g);
			fe_guest_destroy(&peer);
		}
	}
	assert_true(proto_subjects_work());
}

/* A call eventfd at its limit, in blocking mode: writing to it must not hold an lcore up. */
static void
test_blocking_call(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	struct flow f;
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)state;
	assert_int_equal(eventfd_write(fd, UINT64_MAX - 1), 0);
	proto_subject_conf(&conf, "b1");
	proto_subjects_up(g, &conf);
	for (uint32_t ring = 0; ring < 2; ring++)
		assert_true(proto_outcome(fe_set_vring_call(&g[0].conn, ring, fd)) != SILENT);
	flow_init(&f, &g[1], &g[0], 0);
	/* On: a call is wanted for each packet. */
	fe_guest_rx(&g[0], 0)->vq.ops->notify(&fe_guest_rx(&g[0], 0)->vq, true);
	assert_true(flow_send(&f, 10) >= 0);
	assert_true(proto_alive());
	fe_guest_disconnect(&g[0]);
	flow_fini(&f);
	close(fd);
	proto_subjects_down(g);
	assert_true(proto_subjects_work());
}

/*
 * The same, but made so behind the daemon's back, which had taken the blocking
 * mode away. An lcore hangs in it until the daemon looks after it: others go
 * on, and the front-end is thrown out.
 */
static void
test_call_made_blocking(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	struct flow f;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct pollfd gone;

	(void)state;
	assert_int_equal(eventfd_write(fd, UINT64_MAX - 1), 0);
	proto_subject_conf(&conf, "b1");
	proto_subjects_up(g, &conf);
	assert_int_equal(fe_set_vring_call(&g[0].conn, 0, fd), 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	flow_init(&f, &g[1], &g[0], 0);
	fe_guest_rx(&g[0], 0)->vq.ops->notify(&fe_guest_rx(&g[0], 0)->vq, true);
	assert_true(flow_send(&f, 10) >= 0);
	assert_true(proto_alive());
	gone = (struct pollfd){.fd = g[0].conn.fd, .events = POLLIN | POLLRDHUP};
	assert_int_equal(poll(&gone, 1, PROTO_WAIT_MS), 1);
	assert_true((gone.revents & (POLLHUP | POLLRDHUP)) != 0);
	fe_guest_disconnect(&g[0]);
	flow_fini(&f);
	close(fd);
	proto_subjects_down(g);
	assert_true(proto_subjects_work());
}

/* Cut off after any number of bytes, with and without descriptors. */
static void
test_cut_off(void **state)
{
	struct {
		struct fe_hdr hdr;
		struct fe_vring_addr addr;
	} __attribute__((packed)) msg = {.hdr = {.request = FE_SET_VRING_ADDR,
						 .flags = FE_FLAG_VERSION | FE_FLAG_NEED_REPLY,
						 .size = sizeof(struct fe_vring_addr)}};
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct fe_conn c;

	(void)state;
	for (size_t len = 1; len < sizeof(msg); len++) {
		connect_subject(&c);
		assert_int_equal(fe_conn_send_raw(&c, &msg, len, &fd, len % 2), 0);
		fe_conn_fini(&c);
	}
	close(fd);
	assert_true(proto_subjects_work());
}

/* A front-end that stops in the middle of a message holds up itself only. */
static void
test_stalled_message(void **state)
{
	const struct fe_hdr hdr = {.request = FE_SET_FEATURES,
		.flags = FE_FLAG_VERSION | FE_FLAG_NEED_REPLY,
		.size = 8};
	struct fe_conn stalled, other;
	int ret;

	(void)state;
	connect_subject(&stalled);
	assert_int_equal(fe_conn_send_raw(&stalled, &hdr, sizeof(hdr), NULL, 0), 0);
	fe_conn_init(&other);
	other.timeout_ms = TRY_MS;
	assert_int_equal(fe_conn_connect(&other, daemon_path(&proto_daemon, "b2.sock")), 0);
	ret = fe_conn_barrier(&other);
	fe_conn_fini(&other);
	fe_conn_fini(&stalled);
	assert_int_equal(ret, 0);
}

/* Flags that a request does not have. */
static void
test_header_flags(void **state)
{
	static const uint32_t flags[] = {
		0, 2, 3, 4, 5, 8, 0xc, 0xd, 0x10, 0x11, 0xfffffff0, 0xffffffff};
	struct fe_conn c;
	uint64_t value = 0;
	int ret;

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(flags); i++) {
		connect_subject(&c);
		assert_int_equal(fe_conn_send(&c, FE_SET_OWNER, flags[i], &value, 0, NULL, 0), 0);
		/* It may be answered, or not: only a hang would be wrong. */
		ret = fe_conn_send(&c, FE_GET_FEATURES, FE_FLAG_VERSION, NULL, 0, NULL, 0);
		if (ret == 0) {
			struct fe_msg msg;

			ret = fe_conn_recv(&c, &msg);
		}
		assert_true(ret == 0 || proto_outcome(ret) == CLOSED);
		fe_conn_fini(&c);
	}
	assert_true(proto_subjects_work());
}

/* Known messages that were not negotiated, or make no sense now, with nothing in them. */
static void
test_out_of_place(void **state)
{
	static const uint8_t payload[FE_MAX_PAYLOAD];
	static const uint32_t sizes[] = {0, 8, 16, 20, 40, 300};
	struct fe_guest g;
	int fd = memfd_create("odd", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, 4096), 0);
	for (uint32_t request = FE_RESET_OWNER; request < FE_REQUEST_COUNT; request++) {
		for (size_t s = 0; s < PROTO_LEN(sizes); s++) {
			enum outcome outcome;

			/* Once on a bare connection, once on a device that runs. */
			proto_subject_up(&g, "b1");
			g.conn.timeout_ms = TRY_MS;
			outcome = proto_tell(&g.conn, request, payload, sizes[s], &fd, s % 2);
			if (outcome == SILENT)
				fail_msg("%s of %u bytes: silent", fe_request_name(request),
					sizes[s]);
			fe_guest_destroy(&g);
		}
	}
	close(fd);
	assert_true(proto_subjects_work());
}

/* A reproducible heap of nonsense. */
static void
test_random(void **state)
{
	static uint8_t payload[FE_MAX_PAYLOAD];
	int fds[4];
	struct fe_conn c;
	unsigned int seed = 20260101;

	(void)state;
	for (size_t i = 0; i < PROTO_LEN(fds); i++)
		fds[i] = memfd_create("odd", MFD_CLOEXEC);
	fe_conn_init(&c);
	for (int i = 0; i < 3000; i++) {
		uint32_t request = (uint32_t)rand_r(&seed) % (FE_REQUEST_COUNT + 4);
		uint32_t size = (uint32_t)rand_r(&seed) % 64;
		int ret;

		if (c.fd < 0) {
			connect_subject(&c);
			c.timeout_ms = PROTO_WAIT_MS;
		}
		/* Small numbers hit more than large ones. */
		for (uint32_t b = 0; b < size; b++)
			payload[b] = rand_r(&seed) % 4 == 0 ? (uint8_t)rand_r(&seed) : 0;
		ret = fe_conn_send(&c, request, FE_FLAG_VERSION, payload, size, fds,
			(unsigned int)rand_r(&seed) % 4 == 0 ? (unsigned int)rand_r(&seed) % 5 : 0);
		if (ret < 0 || i % 10 == 9)
			fe_conn_close(&c);
	}
	fe_conn_fini(&c);
	for (size_t i = 0; i < PROTO_LEN(fds); i++)
		close(fds[i]);
	assert_true(proto_subjects_work());
}

static const struct CMUnitTest tests[] = {
	proto_test(test_unknown_ids),
	proto_test(test_refused_connection_works),
	proto_test(test_wrong_sizes),
	proto_test(test_huge_sizes),
	proto_test(test_fd_counts),
	proto_test(test_fds_are_closed),
	proto_test(test_odd_eventfds),
	proto_test(test_blocking_call),
	proto_test(test_call_made_blocking),
	proto_test(test_cut_off),
	proto_test(test_stalled_message),
	proto_test(test_header_flags),
	proto_test(test_out_of_place),
	proto_test(test_random),
};

const struct proto_group proto_illegal = {"illegal", tests, PROTO_LEN(tests)};
