/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * The configuration file, mutated: nothing crashes, and what is refused is refused
 * with a place. The same every time, so that a failure can be seen again.
 */

#include "test_conf_util.h"

#define FUZZ_ROUNDS 20000

static uint64_t fuzz_state;

static uint32_t
fuzz_random(uint32_t limit)
{
	fuzz_state ^= fuzz_state << 13;
	fuzz_state ^= fuzz_state >> 7;
	fuzz_state ^= fuzz_state << 17;
	return (uint32_t)(fuzz_state >> 32) % limit;
}

#define FUZZ_SIZE (4 * sizeof(whole))

struct fuzz_text {
	char text[FUZZ_SIZE];
	size_t len;
};

static void
fuzz_insert(struct fuzz_text *t, size_t at, const char *what, size_t len)
{
	char copy[FUZZ_SIZE];

	if (t->len + len > FUZZ_SIZE)
		return;
	memcpy(copy, what, len); /* it may be a part of the text itself */
	memmove(t->text + at + len, t->text + at, t->len - at);
	memcpy(t->text + at, copy, len);
	t->len += len;
}

static void
fuzz_mutate(struct fuzz_text *t)
{
	static const char *const words[] = {"=", "[", "]", "\n", "\r", ";", "#", " ", "\t", ",",
		"-", "\\", "0", "99999999999", "\xff", "[port x]\n", "[wire x]\n", "[global]\n",
		"type = ethdev\n", "type", "mtu", "vm1", "up0", "%s%n"};
	const char *word = words[fuzz_random(RTE_DIM(words))];
	size_t at = fuzz_random((uint32_t)t->len);
	size_t len = 1 + fuzz_random((uint32_t)RTE_MIN(t->len - at, (size_t)40));

	switch (fuzz_random(5)) {
	case 0: /* a byte */
		t->text[at] = (char)fuzz_random(256);
		break;
	case 1: /* cut */
		if (t->len == len)
			break;
		memmove(t->text + at, t->text + at + len, t->len - at - len);
		t->len -= len;
		break;
	case 2: /* double */
		fuzz_insert(t, at, t->text + at, len);
		break;
	case 3: /* end early */
		if (fuzz_random(20) == 0)
			t->len = at + 1;
		break;
	default:
		fuzz_insert(t, at, word, strlen(word));
		break;
	}
}

/* Whatever got through is a configuration. */
static void
fuzz_check_conf(const struct conf *conf)
{
	unsigned int i;

	assert_in_range(conf->global.mempool_size, 1024, 8388608);
	assert_int_equal(conf->global.run_directory[0], '/');
	for (i = 0; i < conf->n_ports; i++) {
		const struct conf_port *p = &conf->ports[i];

		assert_true(conf_name_valid(p->name));
		assert_in_range(p->mtu, CONF_MTU_MIN, CONF_MTU_MAX);
		assert_in_range(p->queues, 1, CONF_MAX_QUEUES);
		assert_in_range(p->line, 1, 1000);
		if (p->type == CONF_PORT_VHOST)
			assert_int_equal(p->socket[0], '/');
		else
			assert_int_not_equal(p->device[0], '\0');
	}
	for (i = 0; i < conf->n_wires; i++)
		assert_string_not_equal(conf->wires[i].port[0], conf->wires[i].port[1]);
}

static void
fuzz_check_error(const struct base_error *err)
{
	size_t prefix = strlen(FILE_NAME ":");
	size_t digits;
	const char *c;

	assert_memory_equal(err->text, FILE_NAME ":", prefix);
	digits = strspn(err->text + prefix, "0123456789");
	if (digits > 0)
		assert_int_equal(err->text[prefix + digits], ':');
	assert_int_equal(err->text[prefix + digits + (digits > 0 ? 1 : 0)], ' ');
	assert_true(strlen(err->text) < sizeof(err->text) - 1);
	for (c = err->text; *c != '\0'; c++)
		assert_true(conf_text_printable(*c));
}

static void
test_fuzz(void **state)
{
	unsigned int good = 0, bad = 0;
	struct fuzz_text t;
	unsigned int i, n;

	(void)state;
	fuzz_state = 0x52696e6766657272ull;
	for (i = 0; i < FUZZ_ROUNDS; i++) {
		struct base_error err;
		struct conf conf;
		int ret;

		t.len = strlen(whole);
		memcpy(t.text, whole, t.len);
		for (n = 1 + fuzz_random(6); n > 0; n--)
			fuzz_mutate(&t);
		ret = read_bytes(t.text, t.len, &conf, &err);
		if (ret == 0) {
			good++;
			fuzz_check_conf(&conf);
			conf_free(&conf);
		} else {
			bad++;
			assert_int_equal(ret, -EINVAL);
			fuzz_check_error(&err);
		}
	}
	/* It would prove little if all ended the same way. */
	assert_true(good > FUZZ_ROUNDS / 50);
	assert_true(bad > FUZZ_ROUNDS / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fuzz),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
