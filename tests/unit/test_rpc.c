/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* JSON-RPC 2.0 from line to line, without a socket. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "mgmt/rpc.h"
#include "unit.h"

#define MAX_ANSWER 4096

/* ---- a service -------------------------------------------------------------- */

static struct rpc_call *waiting; /* of "later" */
static unsigned int n_ran, n_audited;

static int
do_echo(struct rpc_call *call __rte_unused, json_t *params, json_t **result,
	struct base_error *err __rte_unused)
{
	n_ran++;
	*result = json_incref(params);
	return 0;
}

static int
do_fail(struct rpc_call *call __rte_unused, json_t *params __rte_unused,
	json_t **result __rte_unused, struct base_error *err)
{
	n_ran++;
	return base_error_set(err, EEXIST, "it is there already");
}

static int
do_fail_mutely(struct rpc_call *call __rte_unused, json_t *params __rte_unused,
	json_t **result __rte_unused, struct base_error *err __rte_unused)
{
	n_ran++;
	return -ENOSPC;
}

/* What a guest's name may do to a sentence. */
static int
do_fail_badly(struct rpc_call *call __rte_unused, json_t *params __rte_unused,
	json_t **result __rte_unused, struct base_error *err)
{
	n_ran++;
	return base_error_set(err, EINVAL, "cut \xc3");
}

static int
do_nothing(struct rpc_call *call __rte_unused, json_t *params __rte_unused,
	json_t **result __rte_unused, struct base_error *err __rte_unused)
{
	n_ran++;
	return 0;
}

static int
do_later(struct rpc_call *call, json_t *params __rte_unused, json_t **result __rte_unused,
	struct base_error *err __rte_unused)
{
	n_ran++;
	assert_null(waiting);
	waiting = call;
	return -EINPROGRESS;
}

static int
do_finish_at_once(struct rpc_call *call, json_t *params __rte_unused, json_t **result __rte_unused,
	struct base_error *err __rte_unused)
{
	n_ran++;
	rpc_finish(call, 0, json_string("at once"), NULL);
	return -EINPROGRESS;
}

static int
do_long(struct rpc_call *call __rte_unused, json_t *params __rte_unused, json_t **result,
	struct base_error *err __rte_unused)
{
	char text[MAX_ANSWER];

	n_ran++;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	*result = json_string(text);
	return 0;
}

static const struct rpc_method methods[] = {
	{"echo", do_echo,
		.params = {{"name", RPC_STRING, true, "a name"},
			{"number", RPC_INTEGER, false, "a number"},
			{"flag", RPC_BOOLEAN, false, "yes or no"},
			{"list", RPC_STRINGS, false, "names"}}},
	{"open", do_echo, .open = true, .params = {{"name", RPC_STRING, true, "a name"}}},
	{"none", do_echo},
	{"change", do_echo, .changes = true, .params = {{"name", RPC_STRING, false, "a name"}}},
	{"fail", do_fail},
	{"fail_mutely", do_fail_mutely},
	{"fail_badly", do_fail_badly},
	{"nothing", do_nothing},
	{"later", do_later},
	{"at_once", do_finish_at_once},
	{"long", do_long},
};

static const struct rpc_service service = {
	.methods = methods,
	.n_methods = RTE_DIM(methods),
	.max_answer = MAX_ANSWER,
};

/* ---- asking ------------------------------------------------------------------ */

struct outcome {
	unsigned int n_answers;
	char *text;
	size_t len;
};

static void
take_answer(void *arg, char *text, size_t len)
{
	struct outcome *outcome = arg;

	outcome->n_answers++;
	outcome->text = text;
	outcome->len = len;
}

static void
count_audit(void *arg __rte_unused, const struct rpc_method *method, const json_t *params)
{
	assert_true(method->changes);
	assert_true(json_is_object(params));
	n_audited++;
}

static unsigned int
submit(struct outcome *outcome, const char *line)
{
	memset(outcome, 0, sizeof(*outcome));
	return rpc_submit(&service, line, strlen(line), take_answer, count_audit, outcome);
}

/* All that is expected is there; there may be more. */
static bool
matches(json_t *expected, json_t *got)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_array(expected)) {
		if (json_array_size(expected) != json_array_size(got))
			return false;
		json_array_foreach(expected, i, value)
			if (!matches(value, json_array_get(got, i)))
				return false;
		return true;
	}
	if (!json_is_object(expected))
		return json_equal(expected, got);
	json_object_foreach(expected, key, value)
		if (!matches(value, json_object_get(got, key)))
			return false;
	return json_is_object(got);
}

/* The answer is one line that matches, or there is none. */
static void
check_outcome(struct outcome *outcome, const char *name, const char *expected)
{
	json_t *want, *got;

	assert_int_equal(outcome->n_answers, 1);
	if (expected == NULL) {
		if (outcome->text != NULL)
			fail_msg("%s: expected no answer, got %s", name, outcome->text);
		return;
	}
	if (outcome->text == NULL)
		fail_msg("%s: no answer", name);
	assert_int_equal(outcome->len, strlen(outcome->text));
	assert_ptr_equal(strchr(outcome->text, '\n'), outcome->text + outcome->len - 1);
	want = json_loads(expected, JSON_DECODE_ANY, NULL);
	got = json_loads(outcome->text, 0, NULL);
	assert_non_null(want);
	if (got == NULL || !matches(want, got))
		fail_msg("%s: expected %s, got %s", name, expected, outcome->text);
	json_decref(want);
	json_decref(got);
	free(outcome->text);
}

/* ---- tests -------------------------------------------------------------------- */

#define ERROR(code, id)	   "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":" #code "}}"
#define RESULT(id, result) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":" result "}"
#define REQUEST(id, rest)  "{\"jsonrpc\":\"2.0\",\"id\":" id "," rest "}"

static const struct {
	const char *name;
	const char *line;
	const char *answer; /* NULL: none */
	unsigned int ran;   /* handlers */
} rows[] = {
	/* not JSON */
	{"empty", "", ERROR(-32700, "null"), 0},
	{"text", "port.list", ERROR(-32700, "null"), 0},
	{"cut off", "{\"jsonrpc\":\"2.0\",\"id\":1", ERROR(-32700, "null"), 0},
	{"two values", "{} {}", ERROR(-32700, "null"), 0},
	{"a scalar", "17", ERROR(-32700, "null"), 0},
	{"a key twice", "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"none\"}",
		ERROR(-32700, "null"), 0},
	{"not UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", ERROR(-32700, "null"),
		0},
	{"a NUL in a string", REQUEST("1", "\"method\":\"none\\u0000\""), ERROR(-32700, "null"), 0},
	{"a huge number", REQUEST("1e999", "\"method\":\"none\""), ERROR(-32700, "null"), 0},

	/* not a request */
	{"no version", "{\"id\":1,\"method\":\"none\"}", ERROR(-32600, "1"), 0},
	{"old version", "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"none\"}", ERROR(-32600, "1"),
		0},
	{"version as number", "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"none\"}", ERROR(-32600, "1"),
		0},
	{"no method", REQUEST("1", "\"params\":{}"), ERROR(-32600, "1"), 0},
	{"method as number", REQUEST("1", "\"method\":7"), ERROR(-32600, "1"), 0},
	{"id as object", REQUEST("{}", "\"method\":\"none\""), ERROR(-32600, "null"), 0},
	{"id as boolean", REQUEST("true", "\"method\":\"none\""), ERROR(-32600, "null"), 0},
	{"params as text", REQUEST("1", "\"method\":\"none\",\"params\":\"x\""), ERROR(-32600, "1"),
		0},
	{"empty object", "{}", ERROR(-32600, "null"), 0},

	/* methods and parameters */
	{"unknown method", REQUEST("1", "\"method\":\"nonesuch\""), ERROR(-32601, "1"), 0},
	{"empty method", REQUEST("1", "\"method\":\"\""), ERROR(-32601, "1"), 0},
	{"missing parameter", REQUEST("1", "\"method\":\"echo\""), ERROR(-32602, "1"), 0},
	{"unknown parameter", REQUEST("1", "\"method\":\"none\",\"params\":{\"x\":1}"),
		ERROR(-32602, "1"), 0},
	{"wrong type", REQUEST("1", "\"method\":\"echo\",\"params\":{\"name\":1}"),
		ERROR(-32602, "1"), 0},
	{"null is no string", REQUEST("1", "\"method\":\"echo\",\"params\":{\"name\":null}"),
		ERROR(-32602, "1"), 0},
	{"a real is no integer",
		REQUEST("1", "\"method\":\"echo\",\"params\":{\"name\":\"a\",\"number\":1.5}"),
		ERROR(-32602, "1"), 0},
	{"a number is no boolean",
		REQUEST("1", "\"method\":\"echo\",\"params\":{\"name\":\"a\",\"flag\":1}"),
		ERROR(-32602, "1"), 0},
	{"a list of numbers",
		REQUEST("1", "\"method\":\"echo\",\"params\":{\"name\":\"a\",\"list\":[1]}"),
		ERROR(-32602, "1"), 0},
	{"a string is no list",
		REQUEST("1", "\"method\":\"echo\",\"params\":{\"name\":\"a\",\"list\":\"b\"}"),
		ERROR(-32602, "1"), 0},
	{"too many by position", REQUEST("1", "\"method\":\"none\",\"params\":[1]"),
		ERROR(-32602, "1"), 0},
	{"wrong type by position", REQUEST("1", "\"method\":\"echo\",\"params\":[1]"),
		ERROR(-32602, "1"), 0},
	{"an object for an open method",
		REQUEST("1", "\"method\":\"open\",\"params\":{\"name\":\"a\",\"x\":{}}"),
		ERROR(-32602, "1"), 0},

	/* answers */
	{"no parameters", REQUEST("1", "\"method\":\"none\""), RESULT("1", "{}"), 1},
	{"empty parameters", REQUEST("1", "\"method\":\"none\",\"params\":{}"), RESULT("1", "{}"),
		1},
	{"empty list", REQUEST("1", "\"method\":\"none\",\"params\":[]"), RESULT("1", "{}"), 1},
	{"all parameters",
		REQUEST("1",
			"\"method\":\"echo\",\"params\":{\"name\":\"a\",\"number\":-5,"
			"\"flag\":false,\"list\":[\"b\",\"c\"]}"),
		RESULT("1", "{\"name\":\"a\",\"number\":-5,\"flag\":false,\"list\":[\"b\",\"c\"]}"),
		1},
	{"by position", REQUEST("1", "\"method\":\"echo\",\"params\":[\"a\",3]"),
		RESULT("1", "{\"name\":\"a\",\"number\":3}"), 1},
	{"open",
		REQUEST("1", "\"method\":\"open\",\"params\":{\"name\":\"a\",\"x\":\"y\",\"z\":2}"),
		RESULT("1", "{\"name\":\"a\",\"x\":\"y\",\"z\":2}"), 1},
	{"id as text", REQUEST("\"one\"", "\"method\":\"none\""), RESULT("\"one\"", "{}"), 1},
	{"id as real", REQUEST("1.5", "\"method\":\"none\""), RESULT("1.5", "{}"), 1},
	{"id null", REQUEST("null", "\"method\":\"none\""), RESULT("null", "{}"), 1},
	{"surplus member", REQUEST("1", "\"method\":\"none\",\"more\":1"), RESULT("1", "{}"), 1},
	{"with CR", REQUEST("1", "\"method\":\"none\"") "\r", RESULT("1", "{}"), 1},
	{"at once", REQUEST("1", "\"method\":\"at_once\""), RESULT("1", "\"at once\""), 1},

	/* failures of methods */
	{"fail", REQUEST("1", "\"method\":\"fail\""),
		"{\"id\":1,\"error\":{\"code\":-32000,\"message\":\"it is there already\","
		"\"data\":{\"errno\":17,\"name\":\"EEXIST\"}}}",
		1},
	{"fail without a sentence", REQUEST("1", "\"method\":\"fail_mutely\""),
		"{\"id\":1,\"error\":{\"code\":-32000,\"message\":\"No space left on device\","
		"\"data\":{\"errno\":28}}}",
		1},
	{"a sentence that is not UTF-8", REQUEST("1", "\"method\":\"fail_badly\""),
		"{\"id\":1,\"error\":{\"code\":-32000,\"message\":\"cut ?\"}}", 1},
	{"no result", REQUEST("1", "\"method\":\"nothing\""), ERROR(-32603, "1"), 1},
	{"too long", REQUEST("1", "\"method\":\"long\""), ERROR(-32603, "1"), 1},

	/* notifications */
	{"notification", "{\"jsonrpc\":\"2.0\",\"method\":\"none\"}", NULL, 1},
	{"notification fails", "{\"jsonrpc\":\"2.0\",\"method\":\"fail\"}", NULL, 1},
	{"notification of nothing", "{\"jsonrpc\":\"2.0\",\"method\":\"nonesuch\"}", NULL, 0},
	{"notification, wrong", "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}", NULL, 0},

	/* batches */
	{"empty batch", "[]", ERROR(-32600, "null"), 0},
	{"batch of one", "[" REQUEST("1", "\"method\":\"none\"") "]", "[" RESULT("1", "{}") "]", 1},
	{"batch of nonsense", "[1,[]]", "[" ERROR(-32600, "null") "," ERROR(-32600, "null") "]", 0},
	{"mixed batch",
		"[" REQUEST("1",
			"\"method\":\"none\"") ",{\"jsonrpc\":\"2.0\",\"method\":\"none\"}"
					       "," REQUEST("2",
						       "\"method\":\"nonesuch\"") "," REQUEST("3",
						       "\"method\":\"fail\"") "]",
		"[" RESULT("1", "{}") "," ERROR(-32601, "2") "," ERROR(-32000, "3") "]", 3},
	{"batch of notifications",
		"[{\"jsonrpc\":\"2.0\",\"method\":\"none\"},{\"jsonrpc\":\"2.0\",\"method\":"
		"\"none\"}]",
		NULL, 2},
	{"batch with a long answer",
		"[" REQUEST("1", "\"method\":\"none\"") "," REQUEST("2", "\"method\":\"long\"") "]",
		ERROR(-32603, "null"), 2},
};

static void
test_rows(void **state __rte_unused)
{
	struct outcome outcome;
	unsigned int i;

	for (i = 0; i < RTE_DIM(rows); i++) {
		n_ran = 0;
		assert_true(submit(&outcome, rows[i].line) >= 1);
		check_outcome(&outcome, rows[i].name, rows[i].answer);
		if (n_ran != rows[i].ran)
			fail_msg("%s: %u handlers ran, expected %u", rows[i].name, n_ran,
				rows[i].ran);
	}
}

/* Each prefix of a request is an error, none is a crash or a success. */
static void
test_prefixes(void **state __rte_unused)
{
	const char *line = REQUEST("1", "\"method\":\"echo\",\"params\":{\"name\":\"\\u00e9\"}");
	struct outcome outcome;
	char part[256];
	size_t len;

	for (len = 0; len < strlen(line); len++) {
		snprintf(part, sizeof(part), "%.*s", (int)len, line);
		submit(&outcome, part);
		check_outcome(&outcome, part, ERROR(-32700, "null"));
	}
}

static void
make_batch(char *buf, size_t size, unsigned int n)
{
	size_t used = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i == 0 ? "[" : ",",
			"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"none\"}");
	snprintf(buf + used, size - used, "]");
}

static void
test_batch_limit(void **state __rte_unused)
{
	struct outcome outcome;
	char line[4096];

	n_ran = 0;
	make_batch(line, sizeof(line), RPC_MAX_BATCH);
	assert_int_equal(submit(&outcome, line), RPC_MAX_BATCH);
	assert_int_equal(n_ran, RPC_MAX_BATCH);
	assert_int_equal(outcome.text[0], '[');
	free(outcome.text);

	n_ran = 0;
	make_batch(line, sizeof(line), RPC_MAX_BATCH + 1);
	assert_int_equal(submit(&outcome, line), 1);
	assert_int_equal(n_ran, 0);
	check_outcome(&outcome, "a batch too long", ERROR(-32600, "null"));
}

static void
finish_waiting(int ret, json_t *result, const struct base_error *err)
{
	struct rpc_call *call = waiting;

	assert_non_null(call);
	waiting = NULL;
	rpc_finish(call, ret, result, err);
}

static void
test_later(void **state __rte_unused)
{
	struct base_error err = {.text = "it broke"};
	struct outcome outcome;

	submit(&outcome, REQUEST("1", "\"method\":\"later\""));
	assert_int_equal(outcome.n_answers, 0);
	finish_waiting(0, json_integer(7), NULL);
	check_outcome(&outcome, "later", RESULT("1", "7"));

	submit(&outcome, REQUEST("2", "\"method\":\"later\""));
	finish_waiting(-EIO, NULL, &err);
	check_outcome(&outcome, "later fails",
		"{\"id\":2,\"error\":{\"message\":\"it broke\",\"data\":{\"errno\":5}}}");

	submit(&outcome, "{\"jsonrpc\":\"2.0\",\"method\":\"later\"}");
	assert_int_equal(outcome.n_answers, 0);
	finish_waiting(0, json_integer(7), NULL);
	check_outcome(&outcome, "later, notification", NULL);
}

/* The next request of a batch begins when the one before it has ended. */
static void
test_batch_order(void **state __rte_unused)
{
	struct outcome outcome;

	n_ran = 0;
	submit(&outcome,
		"[" REQUEST("1", "\"method\":\"later\"") "," REQUEST(
			"2", "\"method\":\"none\"") "," REQUEST("3", "\"method\":\"later\"") "]");
	assert_int_equal(n_ran, 1);
	finish_waiting(0, json_integer(7), NULL);
	assert_int_equal(n_ran, 3);
	assert_int_equal(outcome.n_answers, 0);
	finish_waiting(0, json_integer(8), NULL);
	check_outcome(&outcome, "batch in order",
		"[" RESULT("1", "7") "," RESULT("2", "{}") "," RESULT("3", "8") "]");
}

/* Who changes something is noted, and only who may run. */
static void
test_audit(void **state __rte_unused)
{
	struct outcome outcome;

	n_audited = 0;
	submit(&outcome, REQUEST("1", "\"method\":\"none\""));
	free(outcome.text);
	submit(&outcome, REQUEST("1", "\"method\":\"change\",\"params\":{\"x\":1}"));
	free(outcome.text);
	assert_int_equal(n_audited, 0);
	submit(&outcome, REQUEST("1", "\"method\":\"change\",\"params\":{\"name\":\"a\"}"));
	free(outcome.text);
	assert_int_equal(n_audited, 1);
}

static void
test_strings(void **state __rte_unused)
{
	json_t *string = rpc_string("a\xff"
				    "b");

	assert_string_equal(json_string_value(string), "a?b");
	json_decref(string);
	string = rpc_string("\xc3\xa9");
	assert_string_equal(json_string_value(string), "\xc3\xa9");
	json_decref(string);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_batch_limit),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_batch_order),
		cmocka_unit_test(test_audit),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests_name("rpc", tests, NULL, NULL);
}
