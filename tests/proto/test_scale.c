/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* As many devices as are promised, with all their queue pairs, on a daemon of their own. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "proto.h"

#define DEVICES	   128
#define PAIRS	   8
#define CONFIG_MAX (32 * 1024)
#define FDS	   (DEVICES * PAIRS * 2 * 5 + 1024)
#define START_MS   60000

static struct daemon scale_daemon;
static struct fe_guest guests[DEVICES];

static char *
make_config(void)
{
	char *config = malloc(CONFIG_MAX);
	size_t len = 0;

	if (config == NULL)
		return NULL;
	len += (size_t)snprintf(config, CONFIG_MAX,
		"[global]\nrun-directory = %%s\nhugepages = no\nidle-policy = yield\n"
		"mempool-size = 16384\nlog-level = warning\n");
	for (int i = 0; i < DEVICES; i++)
		len += (size_t)snprintf(config + len, CONFIG_MAX - len,
			"[port p%d]\ntype = vhost\nsocket = p%d.sock\nqueue-pairs = %d\n", i, i,
			PAIRS);
	for (int i = 0; i < DEVICES; i += 2)
		len += (size_t)snprintf(config + len, CONFIG_MAX - len,
			"[wire w%d]\nports = p%d, p%d\n", i, i, i + 1);
	return config;
}

static int
raise_fd_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < FDS)
		limit.rlim_cur = limit.rlim_max < FDS ? limit.rlim_max : FDS;
	return setrlimit(RLIMIT_NOFILE, &limit);
}

static int
scale_setup(void **state)
{
	char *config = make_config();
	int ret;

	(void)state;
	for (int i = 0; i < DEVICES; i++)
		fe_conn_init(&guests[i].conn);
	ret = raise_fd_limit();
	if (ret == 0)
		ret = config == NULL ? -ENOMEM
				     : daemon_start(&scale_daemon, proto_daemon_program(), config);
	free(config);
	return ret;
}

static int
scale_teardown(void **state)
{
	(void)state;
	for (int i = 0; i < DEVICES; i++)
		fe_guest_destroy(&guests[i]);
	return daemon_stop(&scale_daemon);
}

static void
create_guest(int i)
{
	struct fe_guest_conf conf;
	char name[24];

	snprintf(name, sizeof(name), "p%d.sock", i);
	fe_guest_defaults(&conf, daemon_path(&scale_daemon, name));
	conf.pairs = PAIRS;
	conf.ring_size = 16;
	conf.timeout_ms = START_MS;
	assert_int_equal(fe_guest_create(&guests[i], &conf), 0);
}

static void
test_all_devices(void **state)
{
	(void)state;
	for (int i = 0; i < DEVICES; i++) {
		int ret;

		create_guest(i);
		ret = fe_guest_up(&guests[i]);
		if (ret != 0)
			fail_msg("device %d: %s", i, strerror(-ret));
	}
	for (int i = 0; i < DEVICES; i += 2) {
		int ret = flow_exchange(&guests[i], &guests[i + 1], 20);

		if (ret != 0)
			fail_msg("devices %d and %d: %s", i, i + 1, strerror(-ret));
	}
	/* One goes and comes back among all the others. */
	assert_int_equal(fe_guest_stop(&guests[7]), 0);
	assert_int_equal(fe_guest_start(&guests[7]), 0);
	assert_int_equal(flow_exchange(&guests[6], &guests[7], 20), 0);
	assert_int_equal(fe_guest_reconnect(&guests[100]), 0);
	assert_int_equal(flow_exchange(&guests[100], &guests[101], 20), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(test_all_devices, scale_setup, scale_teardown),
};

const struct proto_group proto_scale = {"scale", tests, PROTO_LEN(tests)};
