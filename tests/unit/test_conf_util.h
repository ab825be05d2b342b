/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * What the tests of the configuration share. Files are written to a folder of
 * their own, which is the current folder while the tests run, so that errors
 * begin with a short path.
 */

#ifndef TEST_CONF_UTIL_H
#define TEST_CONF_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "conf/conf.h"
#include "conf/keys.h"

#define FILE_NAME "t.conf"

static char folder[] = "/tmp/test_conf.XXXXXX";

static const char whole[] = "# every key there is\n"
			    "[global]\n"
			    "data-lcores = 1,3-4\n"
			    "management-lcore = 1\n"
			    "mempool-size = 2048\n"
			    "run-directory = /tmp/rf\n"
			    "log-level = info, vhost:debug\n"
			    "idle-policy = yield\n"
			    "hugepages = no\n"
			    "\n"
			    "[wire w1] ; before its ports\n"
			    "ports = vm1, up0\n"
			    "[port vm1]\n"
			    "socket = vm1.sock\n"
			    "type = vhost\n"
			    "mode = server\n"
			    "queue-pairs = 4\n"
			    "mtu = 9000\n"
			    "features = default\n"
			    "socket-mode = 0600\n"
			    "[port vm2]\n"
			    "type = vhost\n"
			    "socket = /var/run/vm2.sock\n"
			    "mode = client\n"
			    "reconnect = no\n"
			    "features = -in_order,-mtu\n"
			    "[port up0]\n"
			    "type = ethdev\n"
			    "device = net_tap0,iface=rf0,mac=fixed\t# a comment\n"
			    "queues = 2\n"
			    "mtu = 1400\n";

static inline int
enter_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? chdir(folder) : -1;
}

static inline int
leave_folder(void **state)
{
	(void)state;
	unlink(FILE_NAME);
	return chdir("/") == 0 ? rmdir(folder) : -1;
}

static inline void
write_file(const char *text, size_t len)
{
	FILE *f;

	/* Some file systems wait for the disk when an old file is cut and written again. */
	unlink(FILE_NAME);
	f = fopen(FILE_NAME, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static inline int
read_bytes(const char *text, size_t len, struct conf *conf, struct base_error *err)
{
	write_file(text, len);
	err->text[0] = '\0';
	return conf_read_file(FILE_NAME, conf, err);
}

/* To be given back with conf_free(). */
static inline void
read_good(const char *text, struct conf *conf)
{
	struct base_error err;
	int ret = read_bytes(text, strlen(text), conf, &err);

	if (ret != 0)
		fail_msg("refused: %s\n%s", err.text, text);
}

static inline struct base_error
read_bad_bytes(const char *text, size_t len)
{
	struct base_error err;
	struct conf conf;

	if (read_bytes(text, len, &conf, &err) != -EINVAL)
		fail_msg("not refused:\n%s", text);
	/* Nothing is left behind. */
	assert_null(conf.ports);
	assert_null(conf.wires);
	assert_null(conf.path);
	return err;
}

static inline struct base_error
read_bad(const char *text)
{
	return read_bad_bytes(text, strlen(text));
}

static inline char *
repeat(const char *unit, unsigned int n)
{
	size_t len = strlen(unit);
	char *text = malloc(n * len + 1);
	unsigned int i;

	assert_non_null(text);
	for (i = 0; i < n; i++)
		memcpy(text + i * len, unit, len);
	text[n * len] = '\0';
	return text;
}

#endif /* TEST_CONF_UTIL_H */
