/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Level lists, and the limiter of repeated messages. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"

BASE_LOG_REGISTER(unita);
BASE_LOG_REGISTER(unitb);

static int
level(int type)
{
	return rte_log_get_level((uint32_t)type);
}

static void
test_level_names(void **state)
{
	static const char *const names[] = {"error", "warning", "notice", "info", "debug"};
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(names); i++)
		assert_string_equal(base_log_level_name(base_log_parse_level(names[i])), names[i]);
	assert_int_equal(base_log_parse_level("info"), RTE_LOG_INFO);
	assert_int_equal(base_log_parse_level("INFO"), -EINVAL);
	assert_int_equal(base_log_parse_level(""), -EINVAL);
	assert_string_equal(base_log_level_name(RTE_LOG_EMERG), "?");
	assert_string_equal(base_log_level_name(-1), "?");
}

static void
test_one_level_for_all(void **state)
{
	(void)state;
	assert_int_equal(base_log_set_levels("warning"), 0);
	assert_int_equal(level(unita_logtype), RTE_LOG_WARNING);
	assert_int_equal(level(unitb_logtype), RTE_LOG_WARNING);
}

static void
test_list_is_applied_in_order(void **state)
{
	(void)state;
	assert_int_equal(base_log_set_levels("notice,unita:debug"), 0);
	assert_int_equal(level(unita_logtype), RTE_LOG_DEBUG);
	assert_int_equal(level(unitb_logtype), RTE_LOG_NOTICE);
	assert_int_equal(base_log_set_levels("unita:debug,error"), 0);
	assert_int_equal(level(unita_logtype), RTE_LOG_ERR);
	assert_int_equal(base_log_set_levels("unitb:info,unita:notice"), 0);
	assert_int_equal(level(unita_logtype), RTE_LOG_NOTICE);
	assert_int_equal(level(unitb_logtype), RTE_LOG_INFO);
}

static void
test_bad_lists_change_nothing(void **state)
{
	static const char *const bad[] = {
		"",
		",",
		"loud",
		"debug,loud",
		"debug,",
		",debug",
		"debug,,info",
		"unita:",
		":debug",
		"unita:loud",
		"debug,unita:debug:debug",
		"a-room-name-that-is-longer-than-any-name-of-a-room-can-be:debug",
		"debug,an-item-that-is-very-much-longer-than-any-item-of-a-list-of-levels-can-be-"
		"whatever-it-says-and-wherever-it-stands",
	};
	unsigned int i;

	(void)state;
	assert_int_equal(base_log_set_levels("warning"), 0);
	for (i = 0; i < RTE_DIM(bad); i++) {
		assert_int_equal(base_log_set_levels(bad[i]), -EINVAL);
		assert_int_equal(level(unita_logtype), RTE_LOG_WARNING);
		assert_int_equal(level(unitb_logtype), RTE_LOG_WARNING);
	}
}

static void
test_ratelimit_lets_a_burst_through(void **state)
{
	struct base_ratelimit rl = {0};
	uint32_t suppressed = 99;
	unsigned int i;

	(void)state;
	for (i = 0; i < BASE_RATELIMIT_BURST; i++) {
		assert_true(base_ratelimit_pass(&rl, &suppressed));
		assert_int_equal(suppressed, 0);
	}
	for (i = 0; i < 5; i++)
		assert_false(base_ratelimit_pass(&rl, &suppressed));
	/* The window ends: the next one says how many were kept back, once. */
	rl.window_start_ns = base_now_ns() - BASE_RATELIMIT_WINDOW_NS;
	assert_true(base_ratelimit_pass(&rl, &suppressed));
	assert_int_equal(suppressed, 5);
	assert_true(base_ratelimit_pass(&rl, &suppressed));
	assert_int_equal(suppressed, 0);
}

static void
test_rated_log_writes_what_it_kept_back(void **state)
{
	struct base_ratelimit rl = {0};
	char *text = NULL;
	size_t len = 0;
	FILE *stream = open_memstream(&text, &len);
	unsigned int i;

	(void)state;
	assert_non_null(stream);
	assert_int_equal(base_log_set_levels("info"), 0);
	assert_int_equal(rte_openlog_stream(stream), 0);
	for (i = 0; i < BASE_RATELIMIT_BURST + 3; i++)
		BASE_LOG_RATED(unita, INFO, &rl, "number %u", i);
	rl.window_start_ns = base_now_ns() - BASE_RATELIMIT_WINDOW_NS;
	BASE_LOG_RATED(unita, INFO, &rl, "last %s", "one");
	rte_openlog_stream(NULL);
	fclose(stream);
	assert_non_null(strstr(text, "unita: number 0\n"));
	assert_non_null(strstr(text, "unita: number 7\n"));
	assert_null(strstr(text, "number 8"));
	assert_non_null(strstr(text, "unita: last one (3 similar kept back)\n"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_level_names),
		cmocka_unit_test(test_one_level_for_all),
		cmocka_unit_test(test_list_is_applied_in_order),
		cmocka_unit_test(test_bad_lists_change_nothing),
		cmocka_unit_test(test_ratelimit_lets_a_burst_through),
		cmocka_unit_test(test_rated_log_writes_what_it_kept_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
