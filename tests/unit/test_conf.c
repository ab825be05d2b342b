/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* The configuration file: what is taken, what is refused, and in which words. */

#include <sys/stat.h>

#include "test_conf_tables.h"
#include "test_conf_util.h"

static void
test_empty(void **state)
{
	struct conf conf;

	(void)state;
	read_good("", &conf);
	assert_int_equal(conf.n_ports, 0);
	assert_int_equal(conf.n_wires, 0);
	assert_int_equal(conf.global.n_data_cpus, 0);
	assert_int_equal(conf.global.management_cpu, -1);
	assert_int_equal(conf.global.mempool_size, 16384);
	assert_string_equal(conf.global.run_directory, "/run/ringferry");
	assert_string_equal(conf.global.log_level, "info");
	assert_int_equal(conf.global.idle_policy, CONF_IDLE_POLL);
	assert_int_equal(conf.global.hugepages, CONF_HUGEPAGES_AUTO);
	assert_string_equal(conf.path, FILE_NAME);
	conf_free(&conf);
}

static void
check_whole(const struct conf *conf)
{
	const struct conf_global *g = &conf->global;
	const struct conf_port *p = conf->ports;

	assert_int_equal(g->n_data_cpus, 3);
	assert_int_equal(g->data_cpus[0], 1);
	assert_int_equal(g->data_cpus[1], 3);
	assert_int_equal(g->data_cpus[2], 4);
	assert_int_equal(g->management_cpu, 1);
	assert_int_equal(g->mempool_size, 2048);
	assert_string_equal(g->run_directory, "/tmp/rf");
	assert_string_equal(g->log_level, "info,vhost:debug");
	assert_int_equal(g->idle_policy, CONF_IDLE_YIELD);
	assert_int_equal(g->hugepages, CONF_HUGEPAGES_NO);
	assert_int_equal(g->data_cpus_line, 3);
	assert_int_equal(g->management_cpu_line, 4);

	assert_int_equal(conf->n_ports, 3);
	assert_string_equal(p[0].name, "vm1");
	assert_int_equal(p[0].type, CONF_PORT_VHOST);
	assert_string_equal(p[0].socket, "/tmp/rf/vm1.sock");
	assert_false(p[0].client);
	assert_int_equal(p[0].queues, 4);
	assert_int_equal(p[0].mtu, 9000);
	assert_int_equal(p[0].features, (1u << CONF_FEATURE_COUNT) - 1);
	assert_int_equal(p[0].socket_mode, 0600);
	assert_int_equal(p[0].line, 13);

	assert_string_equal(p[1].name, "vm2");
	assert_string_equal(p[1].socket, "/var/run/vm2.sock");
	assert_true(p[1].client);
	assert_false(p[1].reconnect);
	assert_int_equal(p[1].queues, 1);
	assert_int_equal(p[1].mtu, 1500);
	assert_int_equal(p[1].features,
		((1u << CONF_FEATURE_COUNT) - 1) &
			~(1u << CONF_FEATURE_IN_ORDER | 1u << CONF_FEATURE_MTU));

	assert_string_equal(p[2].name, "up0");
	assert_int_equal(p[2].type, CONF_PORT_ETHDEV);
	assert_string_equal(p[2].device, "net_tap0,iface=rf0,mac=fixed");
	assert_int_equal(p[2].queues, 2);
	assert_int_equal(p[2].mtu, 1400);

	assert_int_equal(conf->n_wires, 1);
	assert_string_equal(conf->wires[0].name, "w1");
	assert_string_equal(conf->wires[0].port[0], "vm1");
	assert_string_equal(conf->wires[0].port[1], "up0");
	assert_int_equal(conf->wires[0].line, 11);
}

static void
test_whole(void **state)
{
	struct conf conf;

	(void)state;
	read_good(whole, &conf);
	check_whole(&conf);
	conf_free(&conf);
}

/* Carriage returns, a byte order mark, no newline at the end: all the same. */
static void
test_whole_crlf(void **state)
{
	char text[2 * sizeof(whole)] = "\xef\xbb\xbf";
	size_t len = strlen(text);
	struct conf conf;
	const char *c;

	(void)state;
	for (c = whole; *c != '\0'; c++) {
		if (*c == '\n')
			text[len++] = '\r';
		text[len++] = *c;
	}
	text[len - 2] = '\0';
	read_good(text, &conf);
	check_whole(&conf);
	conf_free(&conf);
}

static long
get_field(const struct conf *conf, const char *key)
{
	const struct conf_global *g = &conf->global;
	const struct conf_port *p = conf->ports;
	const struct {
		const char *key;
		long value;
	} fields[] = {
		{"data-lcores", g->n_data_cpus},
		{"management-lcore", g->management_cpu},
		{"mempool-size", g->mempool_size},
		{"idle-policy", (long)g->idle_policy},
		{"hugepages", (long)g->hugepages},
		{"mode", p->client},
		{"reconnect", p->reconnect},
		{"queue-pairs", p->queues},
		{"queues", p->queues},
		{"mtu", p->mtu},
		{"socket-mode", (long)p->socket_mode},
		{"features", (long)p->features},
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(fields); i++)
		if (strcmp(fields[i].key, key) == 0)
			return fields[i].value;
	fail_msg("no field for %s", key);
	return 0;
}

static void
test_good_values(void **state)
{
	char text[512];
	struct conf conf;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(good_values); i++) {
		snprintf(text, sizeof(text), "%s%s = %s\n", good_values[i].before,
			good_values[i].key, good_values[i].value);
		read_good(text, &conf);
		if (get_field(&conf, good_values[i].key) != good_values[i].field)
			fail_msg("%s = %s is %ld, expected %ld", good_values[i].key,
				good_values[i].value, get_field(&conf, good_values[i].key),
				good_values[i].field);
		conf_free(&conf);
	}
}

static const char *
get_string(const struct conf *conf, const char *key)
{
	if (strcmp(key, "run-directory") == 0)
		return conf->global.run_directory;
	if (strcmp(key, "log-level") == 0)
		return conf->global.log_level;
	if (strcmp(key, "type") == 0)
		return conf_port_type_name(conf->ports[0].type);
	if (strcmp(key, "socket") == 0)
		return conf->ports[0].socket;
	if (strcmp(key, "device") == 0)
		return conf->ports[0].device;
	if (strcmp(key, "ports") == 0)
		return conf->wires[0].port[1];
	fail_msg("no string for %s", key);
	return NULL;
}

static void
test_good_strings(void **state)
{
	char text[512];
	struct conf conf;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(good_strings); i++) {
		snprintf(text, sizeof(text), "%s%s = %s\n", good_strings[i].before,
			good_strings[i].key, good_strings[i].value);
		read_good(text, &conf);
		assert_string_equal(get_string(&conf, good_strings[i].key), good_strings[i].result);
		conf_free(&conf);
	}
}

static unsigned int
count_lines(const char *text)
{
	unsigned int n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n' ? 1 : 0;
	return n;
}

static void
test_bad_values(void **state)
{
	char text[1024], place[64];
	struct base_error err;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad_values); i++) {
		snprintf(text, sizeof(text), "%s%s = %s\n", bad_values[i].before, bad_values[i].key,
			bad_values[i].value);
		err = read_bad(text);
		snprintf(place, sizeof(place), FILE_NAME ":%u: [",
			count_lines(bad_values[i].before) + 1);
		if (strncmp(err.text, place, strlen(place)) != 0 ||
			strstr(err.text, bad_values[i].key) == NULL ||
			strstr(err.text, bad_values[i].says) == NULL)
			fail_msg("%s: expected %s ... %s ... %s", err.text, place,
				bad_values[i].key, bad_values[i].says);
	}
}

/* Each key of each table occurs above, with good and with bad values. */
static void
test_tables_are_covered(void **state)
{
	const struct conf_key_table *tables[] = {
		&conf_global_keys, &conf_port_keys, &conf_wire_keys};
	unsigned int t, k, i;

	(void)state;
	for (t = 0; t < RTE_DIM(tables); t++) {
		for (k = 0; k < tables[t]->n_keys; k++) {
			const char *name = tables[t]->keys[k].name;
			unsigned int good = 0, bad = 0;

			for (i = 0; i < RTE_DIM(good_values); i++)
				good += strcmp(good_values[i].key, name) == 0 ? 1 : 0;
			for (i = 0; i < RTE_DIM(good_strings); i++)
				good += strcmp(good_strings[i].key, name) == 0 ? 1 : 0;
			for (i = 0; i < RTE_DIM(bad_values); i++)
				bad += strcmp(bad_values[i].key, name) == 0 ? 1 : 0;
			if (good == 0 || bad == 0)
				fail_msg("%s is not tested", name);
		}
	}
}

static void
test_exact_errors(void **state)
{
	struct base_error err;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(exact_errors); i++) {
		err = read_bad(exact_errors[i].text);
		assert_string_equal(err.text, exact_errors[i].error);
	}
}

static void
test_bad_files(void **state)
{
	struct base_error err;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad_files); i++) {
		err = read_bad(bad_files[i].text);
		if (strncmp(err.text, bad_files[i].place, strlen(bad_files[i].place)) != 0)
			fail_msg("%s: expected %s", err.text, bad_files[i].place);
		if (strstr(err.text, "expected") == NULL)
			fail_msg("%s: does not say what was expected", err.text);
	}
	err = read_bad_bytes("[global]\n# \0\n", 13);
	assert_string_equal(err.text, "t.conf:2: a NUL byte; expected a text file");
}

static void
test_comments(void **state)
{
	struct conf conf;

	(void)state;
	read_good("# a\n;b\n\t;c\n[global]\t#d\nhugepages = no #e ;f\nrun-directory = /a#b;c\n",
		&conf);
	assert_int_equal(conf.global.hugepages, CONF_HUGEPAGES_NO);
	assert_string_equal(conf.global.run_directory, "/a#b;c");
	conf_free(&conf);
	read_good("; \xc3\xa9 and \x01 may stand in comments\n[global]\nhugepages = no ; \xff\n",
		&conf);
	assert_int_equal(conf.global.hugepages, CONF_HUGEPAGES_NO);
	conf_free(&conf);
}

/* Limits of numbers and lengths. */

static void
test_value_length(void **state)
{
	char *as = repeat("a", 300);
	struct base_error err;
	struct conf conf;
	char text[512];

	(void)state;
	snprintf(text, sizeof(text), "[port a]\ntype = ethdev\ndevice = net_null0,%.*s\n", 245, as);
	read_good(text, &conf);
	assert_int_equal(strlen(conf.ports[0].device), 255);
	conf_free(&conf);

	snprintf(text, sizeof(text), "[port a]\ntype = ethdev\ndevice = net_null0,%.*s\n", 246, as);
	err = read_bad(text);
	assert_string_equal(err.text,
		"t.conf:3: [port a] device: a value of 256 characters; expected at most 255");

	/* A comment may be as long as it likes. */
	snprintf(text, sizeof(text), "# %s\n[global]\nhugepages = no # %.*s\n", as, 150, as);
	read_good(text, &conf);
	conf_free(&conf);
	free(as);
}

static void
test_many_ports(void **state)
{
	size_t size = (CONF_MAX_PORTS + 2) * 64;
	char *text = calloc(1, size);
	struct base_error err;
	struct conf conf;
	unsigned int i;
	size_t len = 0;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < CONF_MAX_PORTS; i++)
		len += (size_t)snprintf(
			text + len, size - len, "[port p%u]\ntype = vhost\nsocket = p%u\n", i, i);
	read_good(text, &conf);
	assert_int_equal(conf.n_ports, CONF_MAX_PORTS);
	assert_string_equal(conf.ports[CONF_MAX_PORTS - 1].socket, "/run/ringferry/p1023");
	conf_free(&conf);

	snprintf(text + len, size - len, "[port one-more]\n");
	err = read_bad(text);
	assert_string_equal(err.text,
		"t.conf:3073: [port one-more]: expected at most 1024 "
		"sections of this kind");
	free(text);
}

static void
test_many_keys(void **state)
{
	char text[1024] = "[global]\n";
	size_t len = strlen(text);
	struct base_error err;
	unsigned int i;

	(void)state;
	for (i = 0; i < 40; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "key%u = 1\n", i);
	err = read_bad(text);
	assert_string_equal(
		err.text, "t.conf:34: [global] key32: expected at most 32 keys in a section");
}

static void
test_comment_characters(void **state)
{
	struct base_error err;
	struct conf conf;

	(void)state;
	/* rte_cfgfile always has one comment character: one that the values leave over. */
	read_good("[port a]\ntype = vhost\nsocket = a!b%c;d#e\n", &conf);
	assert_string_equal(conf.ports[0].socket, "/run/ringferry/a!b%c;d#e");
	conf_free(&conf);
	read_good("[port a]\ntype = vhost\nsocket = a!b@c;d%e\n", &conf);
	assert_string_equal(conf.ports[0].socket, "/run/ringferry/a!b@c;d%e");
	conf_free(&conf);
	err = read_bad("[port a]\ntype = vhost\nsocket = a!b%c;d#e@f\n");
	assert_string_equal(err.text,
		"t.conf: the values have all of ! % @ ; # in them; expected "
		"one of these characters in no value");
}

/* What cannot be read at all. */
static void
test_unreadable(void **state)
{
	char path[PATH_MAX] = "";
	struct base_error err;
	struct conf conf;
	char *big;
	int ret;

	(void)state;
	assert_int_equal(conf_read_file("none.conf", &conf, &err), -ENOENT);
	assert_string_equal(err.text, "none.conf: No such file or directory");
	assert_int_equal(conf_read_file(".", &conf, &err), -EINVAL);
	assert_string_equal(err.text, ".: expected a regular file");

	assert_int_equal(mkfifo("fifo", 0600), 0);
	ret = conf_read_file("fifo", &conf, &err);
	unlink("fifo");
	assert_int_equal(ret, -EINVAL);
	assert_string_equal(err.text, "fifo: expected a regular file");

	big = repeat("# comment\n", 110000);
	err = read_bad(big);
	free(big);
	assert_string_equal(err.text, "t.conf: expected at most 1048576 bytes");

	/* A long path leaves room for what is wrong. */
	write_file("[x]", 3);
	while (strlen(path) < 1000)
		strncat(path, "./", sizeof(path) - strlen(path) - 1);
	strncat(path, FILE_NAME, sizeof(path) - strlen(path) - 1);
	assert_int_equal(conf_read_file(path, &conf, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/t.conf:1: [x]: unknown section; expected [global]"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_whole_crlf),
		cmocka_unit_test(test_good_values),
		cmocka_unit_test(test_good_strings),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_tables_are_covered),
		cmocka_unit_test(test_exact_errors),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_comments),
		cmocka_unit_test(test_value_length),
		cmocka_unit_test(test_many_ports),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_comment_characters),
		cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
