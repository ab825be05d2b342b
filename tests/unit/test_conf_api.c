/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* The configuration: the functions for the management, the host, and what is shipped. */

#include <sched.h>

#include "test_conf_util.h"

/* The functions that the management uses. */

static void
test_names(void **state)
{
	static const char *const good[] = {
		"a", "0", "vm-1", "a.b_c", "0123456789012345678901234567890"};
	static const char *const bad[] = {"", "-a", ".a", "_a", "a b", "a/b", "\xc3\xa9", "a\n",
		"01234567890123456789012345678901"};
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(good); i++)
		assert_true(conf_name_valid(good[i]));
	for (i = 0; i < RTE_DIM(bad); i++)
		assert_false(conf_name_valid(bad[i]));

	assert_string_equal(conf_port_type_name(CONF_PORT_VHOST), "vhost");
	assert_string_equal(conf_port_type_name(CONF_PORT_ETHDEV), "ethdev");
	assert_string_equal(conf_port_type_name((enum conf_port_type)2), "?");
	assert_string_equal(conf_idle_policy_name(CONF_IDLE_YIELD), "yield");
	assert_string_equal(conf_idle_policy_name((enum conf_idle_policy)2), "?");
	assert_string_equal(conf_feature_name(CONF_FEATURE_GUEST_ANNOUNCE), "guest_announce");
	assert_string_equal(conf_feature_name(CONF_FEATURE_COUNT), "?");
}

static void
test_port_set(void **state)
{
	struct conf_port port, before;
	struct base_error err;

	(void)state;
	conf_port_defaults(&port, "vm1");
	assert_int_equal(conf_port_set(&port, "mtu", "1500", &err), -EINVAL);
	assert_string_equal(err.text,
		"mtu: which keys there are depends on the type; expected "
		"type = vhost or ethdev first");
	assert_int_equal(conf_port_set(&port, "typo", "vhost", &err), -EINVAL);
	assert_non_null(strstr(err.text, "typo: unknown key of a port (did you mean type?)"));
	assert_int_equal(conf_port_resolve(&port, "/run/rf", &err), -EINVAL);
	assert_string_equal(err.text, "type is missing; expected type = vhost or ethdev");

	assert_int_equal(conf_port_set(&port, "type", "vhost", &err), 0);
	assert_int_equal(conf_port_set(&port, "type", "ethdev", &err), -EINVAL);
	assert_string_equal(err.text, "type: this is a vhost port already");
	before = port;
	assert_int_equal(conf_port_set(&port, "mtu", "1", &err), -EINVAL);
	assert_string_equal(err.text, "mtu = 1: expected a number from 68 to 65535");
	assert_int_equal(conf_port_set(&port, "mtu", "", &err), -EINVAL);
	assert_string_equal(err.text, "mtu = : expected a value");
	assert_int_equal(conf_port_set(&port, "socket", "a\nb", &err), -EINVAL);
	assert_string_equal(err.text, "socket = a?b: expected printable ASCII");
	assert_int_equal(conf_port_set(&port, "features", "mq,x", &err), -EINVAL);
	/* A refused value changes nothing. */
	assert_memory_equal(&port, &before, sizeof(port));

	assert_int_equal(conf_port_set(&port, "mtu", "9000", &err), 0);
	assert_int_equal(conf_port_set(&port, "socket", "a", &err), 0);
	assert_int_equal(conf_port_resolve(&port, "/run/rf", &err), 0);
	assert_string_equal(port.socket, "/run/rf/a");
	assert_int_equal(port.mtu, 9000);
	assert_int_equal(port.line, 0);
	/* Resolving twice changes nothing. */
	assert_int_equal(conf_port_resolve(&port, "/run/other", &err), 0);
	assert_string_equal(port.socket, "/run/rf/a");
}

static void
test_port_resolve(void **state)
{
	char *long_name = repeat("x", 100);
	struct conf_port port;
	struct base_error err;

	(void)state;
	conf_port_defaults(&port, "vm1");
	assert_int_equal(conf_port_set(&port, "type", "vhost", &err), 0);
	assert_int_equal(conf_port_set(&port, "socket", long_name, &err), 0);
	assert_int_equal(conf_port_resolve(&port, "/12345", &err), 0);
	assert_int_equal(strlen(port.socket), 107);

	conf_port_defaults(&port, "vm1");
	assert_int_equal(conf_port_set(&port, "type", "vhost", &err), 0);
	assert_int_equal(conf_port_set(&port, "socket", long_name, &err), 0);
	assert_int_equal(conf_port_resolve(&port, "/123456", &err), -ENAMETOOLONG);
	free(long_name);
}

static void
test_wire_set(void **state)
{
	struct conf_wire wire;
	struct base_error err;

	(void)state;
	conf_wire_defaults(&wire, "w");
	assert_int_equal(conf_wire_set(&wire, "ports", "a", &err), -EINVAL);
	assert_string_equal(
		err.text, "ports = a: expected the names of two ports, such as vm1, up0");
	assert_int_equal(conf_wire_set(&wire, "ports", "a,b", &err), 0);
	assert_string_equal(wire.name, "w");
	assert_string_equal(wire.port[0], "a");
	assert_string_equal(wire.port[1], "b");
}

static void
test_device_same(void **state)
{
	(void)state;
	assert_true(conf_device_same("net_tap0,iface=a", "net_tap0,iface=b"));
	assert_true(conf_device_same("net_tap0", "net_tap0,"));
	assert_true(conf_device_same("0000:03:00.0", "3:0.0,x=1"));
	assert_true(conf_device_same("0000:0A:1f.1", "0a:1F.1"));
	assert_false(conf_device_same("0000:03:00.0", "0001:03:00.0"));
	assert_false(conf_device_same("0000:03:00.0", "0000:03:00.1"));
	assert_false(conf_device_same("net_tap0", "net_tap1"));
	assert_false(conf_device_same("net_tap1", "net_tap10"));
	assert_false(conf_device_same("", ""));
}

/* The host: only the CPUs of this process count, so the test gives itself one. */
static void
test_host(void **state)
{
	char text[128], expected[256];
	struct base_error err;
	cpu_set_t old, one;
	struct conf conf;
	int cpu, other;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(old), &old), 0);
	for (cpu = 0; !CPU_ISSET(cpu, &old); cpu++)
		;
	other = cpu == 0 ? 1 : 0;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);

	read_good("", &conf);
	assert_int_equal(conf_check_host(&conf, &err), 0);
	conf_free(&conf);

	snprintf(text, sizeof(text), "[global]\ndata-lcores = %d\nmanagement-lcore = %d\n", cpu,
		cpu);
	read_good(text, &conf);
	assert_int_equal(conf_check_host(&conf, &err), 0);
	conf_free(&conf);

	snprintf(text, sizeof(text), "[global]\n\ndata-lcores = %d,%d\n", cpu, other);
	read_good(text, &conf);
	assert_int_equal(conf_check_host(&conf, &err), -EINVAL);
	snprintf(expected, sizeof(expected),
		"t.conf:3: [global] data-lcores: CPU %d is not there for this process; expected "
		"some of %d",
		other, cpu);
	assert_string_equal(err.text, expected);
	conf_free(&conf);

	snprintf(text, sizeof(text), "[global]\nmanagement-lcore = 1023\n");
	read_good(text, &conf);
	assert_int_equal(conf_check_host(&conf, &err), -EINVAL);
	snprintf(expected, sizeof(expected),
		"t.conf:2: [global] management-lcore: CPU 1023 is not there for this process; "
		"expected some of %d",
		cpu);
	assert_string_equal(err.text, expected);
	conf_free(&conf);

	assert_int_equal(sched_setaffinity(0, sizeof(old), &old), 0);
}

/* What is shipped. */

static void
test_shipped_files(void **state)
{
	struct base_error err;
	struct conf conf;

	(void)state;
	if (conf_read_file(SOURCE_ROOT "/config/small.conf", &conf, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(conf.n_ports, 2);
	assert_int_equal(conf.n_wires, 1);
	assert_int_equal(conf.global.hugepages, CONF_HUGEPAGES_NO);
	conf_free(&conf);
	if (conf_read_file(SOURCE_ROOT "/config/ringferry.conf.example", &conf, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(conf.n_ports, 4);
	assert_int_equal(conf.n_wires, 2);
	/* It names no CPU, so that it works everywhere. */
	assert_int_equal(conf_check_host(&conf, &err), 0);
	conf_free(&conf);
}

static char *
read_shipped(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "r");

	if (f == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	assert_true(getdelim(&text, &size, '\0', f) > 0);
	fclose(f);
	return text;
}

/* A new key is in the example and in both documents, or this fails. */
static void
test_documents_have_all_keys(void **state)
{
	static const struct {
		const char *path;
		const char *before; /* how a key looks there */
		const char *after;
	} documents[] = {
		{SOURCE_ROOT "/config/ringferry.conf.example", "", " = "},
		{SOURCE_ROOT "/docs/configuration.rst", "``", "``\n"},
		{SOURCE_ROOT "/docs/man/ringferry.conf.5.rst", "**", "** = "},
	};
	const struct conf_key_table *tables[] = {
		&conf_global_keys, &conf_port_keys, &conf_wire_keys};
	char mark[96], commented[96];
	unsigned int d, t, k;

	(void)state;
	for (d = 0; d < RTE_DIM(documents); d++) {
		char *text = read_shipped(documents[d].path);

		for (t = 0; t < RTE_DIM(tables); t++) {
			for (k = 0; k < tables[t]->n_keys; k++) {
				const char *name = tables[t]->keys[k].name;

				snprintf(mark, sizeof(mark), "\n%s%s%s", documents[d].before, name,
					documents[d].after);
				snprintf(commented, sizeof(commented), "\n;%s%s", name,
					documents[d].after);
				if (strstr(text, mark) == NULL && strstr(text, commented) == NULL)
					fail_msg("%s: %s is not there", documents[d].path, name);
			}
		}
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_port_set),
		cmocka_unit_test(test_port_resolve),
		cmocka_unit_test(test_wire_set),
		cmocka_unit_test(test_device_same),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_shipped_files),
		cmocka_unit_test(test_documents_have_all_keys),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
