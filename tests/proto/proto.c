/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto.h"
#include "stats.h"

#define ALIVE_PACKETS 64
#define START_TRIES   300 /* of 100 ms */
#define MAX_FDS	      1024
#define FREE_MS	      2000 /* until a port is free of the guest before */

static const char proto_config[] =
	"[global]\n"
	"run-directory = %s\n"
	"hugepages = no\n"
	"idle-policy = yield\n"
	"mempool-size = 8192\n"
	"[port a1]\ntype = vhost\nsocket = a1.sock\n"
	"[port a2]\ntype = vhost\nsocket = a2.sock\n"
	"[port b1]\ntype = vhost\nsocket = b1.sock\nqueue-pairs = 4\nmtu = 9000\n"
	"[port b2]\ntype = vhost\nsocket = b2.sock\nqueue-pairs = 4\nmtu = 9000\n"
	"[port c1]\ntype = vhost\nsocket = c1.sock\nmode = client\n"
	"[port c2]\ntype = vhost\nsocket = c2.sock\nmode = client\n"
	"[wire a]\nports = a1, a2\n"
	"[wire b]\nports = b1, b2\n"
	"[wire c]\nports = c1, c2\n";

static const char *proto_program;
static const struct proto_group *const groups[] = {
	&proto_handshake,
	&proto_traffic,
	&proto_order,
	&proto_illegal,
	&proto_memory,
	&proto_vring,
	&proto_hostile,
	&proto_cycle,
	&proto_scale,
};

struct daemon proto_daemon;
struct fe_guest proto_bystander[2];
static bool bystanders_up;
static bool open_before[MAX_FDS];

const char *
proto_daemon_program(void)
{
	return proto_program;
}

static void
bystanders_down(void)
{
	for (int i = 0; i < 2 && bystanders_up; i++)
		fe_guest_destroy(&proto_bystander[i]);
	bystanders_up = false;
}

static int
bystander_up(struct fe_guest *g, const char *name)
{
	struct fe_guest_conf conf;
	int ret;

	fe_guest_defaults(&conf, daemon_path(&proto_daemon, name));
	ret = fe_guest_create(g, &conf);
	return ret < 0 ? ret : fe_guest_up(g);
}

/* Its sockets are there as soon as it is ready; it may also end before. */
static int
wait_ready(void)
{
	struct fe_conn c;
	int ret = -ETIMEDOUT;

	for (int i = 0; i < START_TRIES && ret != 0; i++) {
		if (!daemon_alive(&proto_daemon))
			return -ECHILD;
		fe_conn_init(&c);
		c.timeout_ms = 100;
		ret = fe_conn_connect(&c, daemon_path(&proto_daemon, "b2.sock"));
		fe_conn_fini(&c);
	}
	return ret;
}

static int
everything_up(void)
{
	int ret;

	bystanders_down();
	ret = daemon_start(&proto_daemon, proto_program, proto_config);
	if (ret == 0)
		ret = wait_ready();
	if (ret == 0)
		ret = bystander_up(&proto_bystander[0], "a1.sock");
	if (ret == 0) {
		ret = bystander_up(&proto_bystander[1], "a2.sock");
		if (ret < 0)
			fe_guest_destroy(&proto_bystander[0]);
	}
	bystanders_up = ret == 0;
	if (ret < 0) {
		fprintf(stderr, "daemon does not come up: %s\n", strerror(-ret));
		daemon_show_log(&proto_daemon);
	}
	return ret;
}

bool
proto_alive(void)
{
	int ret;

	if (!daemon_alive(&proto_daemon))
		return false;
	ret = flow_exchange(&proto_bystander[0], &proto_bystander[1], ALIVE_PACKETS);
	if (ret < 0)
		fprintf(stderr, "bystanders: %s\n", strerror(-ret));
	return ret == 0;
}

static void
note_open_fds(bool open[MAX_FDS])
{
	for (int fd = 0; fd < MAX_FDS; fd++)
		open[fd] = fcntl(fd, F_GETFD) >= 0;
}

/* A test that failed leaves its guests connected, and the next one would find the port taken. */
static int
close_left_open(void)
{
	bool now[MAX_FDS];
	int n = 0;

	note_open_fds(now);
	for (int fd = 0; fd < MAX_FDS; fd++) {
		if (now[fd] && !open_before[fd]) {
			close(fd);
			n++;
		}
	}
	return n;
}

int
proto_setup(void **state)
{
	int ret = 0;

	(void)state;
	if (proto_daemon.pid == 0 || !bystanders_up || !daemon_alive(&proto_daemon))
		ret = everything_up();
	note_open_fds(open_before);
	return ret;
}

int
proto_teardown(void **state)
{
	int left = close_left_open();

	(void)state;
	if (left > 0) {
		fprintf(stderr, "%d descriptors left open by the test\n", left);
		daemon_show_log(&proto_daemon);
	}
	if (proto_alive() && stats_conserved(&proto_daemon) &&
		stats_match(&proto_daemon, "a1", &proto_bystander[0]) &&
		stats_match(&proto_daemon, "a2", &proto_bystander[1]))
		return 0;
	/* A new one for the next test. */
	bystanders_down();
	daemon_show_log(&proto_daemon);
	daemon_stop(&proto_daemon);
	return -1;
}

void
proto_subject_conf(struct fe_guest_conf *conf, const char *port)
{
	char name[16];

	snprintf(name, sizeof(name), "%s.sock", port);
	fe_guest_defaults(conf, daemon_path(&proto_daemon, name));
	conf->mtu = PROTO_MTU;
	conf->ring_size = 64;
}

int
proto_guest_connect(struct fe_guest *g)
{
	int64_t deadline = fe_now_ms() + FREE_MS;
	int ret;

	while ((ret = fe_guest_connect(g)) == -ECONNRESET && fe_now_ms() < deadline)
		fe_guest_disconnect(g);
	return ret;
}

int
proto_guest_up(struct fe_guest *g)
{
	int ret = proto_guest_connect(g);

	return ret < 0 ? ret : fe_guest_start(g);
}

void
proto_subject_up(struct fe_guest *g, const char *port)
{
	struct fe_guest_conf conf;

	proto_subject_conf(&conf, port);
	assert_int_equal(fe_guest_create(g, &conf), 0);
	assert_int_equal(proto_guest_up(g), 0);
}

void
proto_subjects_up(struct fe_guest g[2], const struct fe_guest_conf *conf)
{
	for (int i = 0; i < 2; i++) {
		struct fe_guest_conf own = *conf;

		own.socket = daemon_path(&proto_daemon, i == 0 ? "b1.sock" : "b2.sock");
		assert_int_equal(fe_guest_create(&g[i], &own), 0);
		assert_int_equal(proto_guest_up(&g[i]), 0);
	}
	assert_int_equal(flow_warm_up(&g[0], &g[1]), 0);
	assert_int_equal(flow_warm_up(&g[1], &g[0]), 0);
}

void
proto_subjects_down(struct fe_guest g[2])
{
	fe_guest_destroy(&g[0]);
	fe_guest_destroy(&g[1]);
}

bool
proto_subjects_work(void)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	int ret;

	proto_subject_conf(&conf, "b1");
	proto_subjects_up(g, &conf);
	ret = flow_exchange(&g[0], &g[1], ALIVE_PACKETS);
	if (ret < 0)
		fprintf(stderr, "subjects: %s\n", strerror(-ret));
	proto_subjects_down(g);
	return ret == 0;
}

static int
connect_and_negotiate(struct fe_conn *c)
{
	uint64_t features, protocol;
	int ret = fe_conn_connect(c, daemon_path(&proto_daemon, "b1.sock"));

	if (ret == 0)
		ret = fe_get_features(c, &features);
	if (ret == 0)
		ret = fe_get_protocol_features(c, &protocol);
	if (ret == 0)
		ret = fe_set_protocol_features(c, protocol & FE_GUEST_PROTOCOL);
	if (ret == 0)
		ret = fe_set_owner(c);
	return ret < 0 ? ret : fe_set_features(c, features & FE_GUEST_FEATURES);
}

void
proto_connect(struct fe_conn *c)
{
	int64_t deadline = fe_now_ms() + FREE_MS;
	int ret;

	fe_conn_init(c);
	while ((ret = connect_and_negotiate(c)) == -ECONNRESET && fe_now_ms() < deadline)
		fe_conn_close(c);
	assert_int_equal(ret, 0);
}

enum outcome
proto_outcome(int ret)
{
	switch (ret) {
	case 0:
		return ACCEPTED;
	case -EREMOTEIO:
		return NACKED;
	case -ECONNRESET:
		return CLOSED;
	case -ETIMEDOUT:
		return SILENT;
	default:
		return STRANGE;
	}
}

const char *
proto_outcome_name(enum outcome outcome)
{
	static const char *const names[] = {"accepted", "nacked", "closed", "silent", "strange"};

	return names[outcome];
}

enum outcome
proto_try(struct fe_conn *c, uint32_t request, const void *payload, uint32_t size, const int *fds,
	unsigned int n_fds)
{
	int ret = fe_conn_send(
		c, request, FE_FLAG_VERSION | FE_FLAG_NEED_REPLY, payload, size, fds, n_fds);

	return proto_outcome(ret < 0 ? ret : fe_conn_recv_ack(c, request));
}

enum outcome
proto_tell(struct fe_conn *c, uint32_t request, const void *payload, uint32_t size, const int *fds,
	unsigned int n_fds)
{
	int ret = fe_conn_send(c, request, FE_FLAG_VERSION, payload, size, fds, n_fds);

	return proto_outcome(ret < 0 ? ret : fe_conn_barrier(c));
}

static int
run_group(const struct proto_group *group)
{
	return _cmocka_run_group_tests(group->name, group->tests, group->n, NULL, NULL);
}

/* test_proto PROGRAM [GROUP [TEST]] */
int
main(int argc, char **argv)
{
	int failed = 0;
	bool found = false;

	proto_program = argc > 1 ? argv[1] : getenv("RINGFERRYD");
	if (proto_program == NULL) {
		fprintf(stderr, "usage: test_proto RINGFERRYD [GROUP [TEST]]\n");
		return 2;
	}
	if (argc > 3)
		cmocka_set_test_filter(argv[3]);
	for (size_t i = 0; i < PROTO_LEN(groups); i++) {
		if (argc > 2 && strcmp(argv[2], groups[i]->name) != 0)
			continue;
		found = true;
		failed += run_group(groups[i]);
	}
	bystanders_down();
	if (proto_daemon.pid != 0 && daemon_stop(&proto_daemon) < 0)
		failed++;
	if (!found)
		fprintf(stderr, "test_proto: no group %s\n", argv[2]);
	return failed > 0 || !found ? 1 : 0;
}
