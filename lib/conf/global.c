/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "base/log.h"
#include "conf/keys.h"

#define DEFAULT_MEMPOOL_SIZE 16384
#define DEFAULT_LOG_LEVEL    "info"

/* The control socket in it has to fit an address. */
#define RUN_DIRECTORY_MAX (CONF_SOCKET_MAX - sizeof("/" CONF_CONTROL_SOCKET))

static const char *const idle_policy_names[] = {
	[CONF_IDLE_POLL] = "poll",
	[CONF_IDLE_YIELD] = "yield",
	NULL,
};

static const char *const hugepages_names[] = {
	[CONF_HUGEPAGES_AUTO] = "auto",
	[CONF_HUGEPAGES_YES] = "yes",
	[CONF_HUGEPAGES_NO] = "no",
	NULL,
};

const char *
conf_idle_policy_name(enum conf_idle_policy policy)
{
	if ((unsigned int)policy >= RTE_DIM(idle_policy_names) - 1)
		return "?";
	return idle_policy_names[policy];
}

void
conf_global_defaults(struct conf_global *global)
{
	memset(global, 0, sizeof(*global));
	global->management_cpu = -1;
	global->mempool_size = DEFAULT_MEMPOOL_SIZE;
	snprintf(global->run_directory, sizeof(global->run_directory), "%s", CONF_DEFAULT_RUN_DIR);
	snprintf(global->log_level, sizeof(global->log_level), "%s", DEFAULT_LOG_LEVEL);
	global->idle_policy = CONF_IDLE_POLL;
	global->hugepages = CONF_HUGEPAGES_AUTO;
}

struct cpu_list {
	unsigned int cpu[CONF_MAX_LCORES];
	unsigned int n;
};

static int
cpu_list_add(struct cpu_list *list, unsigned int cpu, struct base_error *why)
{
	unsigned int i;

	for (i = 0; i < list->n; i++)
		if (list->cpu[i] == cpu)
			return base_error_set(
				why, EINVAL, "CPU %u stands twice; expected each CPU once", cpu);
	if (list->n == RTE_DIM(list->cpu))
		return base_error_set(why, EINVAL, "expected at most %u CPUs", CONF_MAX_LCORES);
	list->cpu[list->n++] = cpu;
	return 0;
}

/* "3" or "3-4" */
static int
cpu_list_add_range(struct cpu_list *list, char *item, struct base_error *why)
{
	char *dash = strchr(item, '-');
	uint64_t first, last, cpu;
	int ret;

	if (dash != NULL)
		*dash = '\0';
	if (!conf_text_number(item, 10, &first) || first > CONF_CPU_MAX)
		return -EINVAL;
	last = first;
	if (dash != NULL && (!conf_text_number(dash + 1, 10, &last) || last > CONF_CPU_MAX))
		return -EINVAL;
	if (last < first)
		return base_error_set(why, EINVAL,
			"the range ends before it begins; expected %u-%u", (unsigned int)last,
			(unsigned int)first);
	for (cpu = first; cpu <= last; cpu++) {
		ret = cpu_list_add(list, (unsigned int)cpu, why);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int
parse_data_lcores(const struct conf_key *key __rte_unused, const char *value, void *object,
	struct base_error *why)
{
	struct conf_global *global = object;
	struct cpu_list list = {.n = 0};
	char item[16];
	int ret;

	while ((ret = conf_text_next(&value, item, sizeof(item))) == 1) {
		ret = cpu_list_add_range(&list, item, why);
		if (ret < 0)
			return ret;
	}
	if (ret < 0)
		return ret;
	memcpy(global->data_cpus, list.cpu, sizeof(global->data_cpus));
	global->n_data_cpus = list.n;
	return 0;
}

static int
parse_run_directory(const struct conf_key *key __rte_unused, const char *value, void *object,
	struct base_error *why __rte_unused)
{
	struct conf_global *global = object;
	size_t len = strlen(value);

	while (len > 1 && value[len - 1] == '/')
		len--;
	if (value[0] != '/' || len > RUN_DIRECTORY_MAX)
		return -EINVAL;
	snprintf(global->run_directory, sizeof(global->run_directory), "%.*s", (int)len, value);
	return 0;
}

/* "LEVEL" or "ROOM:LEVEL" */
static int
check_log_item(const char *item, struct base_error *why)
{
	const char *colon = strchr(item, ':');
	const char *level = colon != NULL ? colon + 1 : item;
	size_t room = colon != NULL ? (size_t)(colon - item) : 0;

	if (colon != NULL &&
		(room == 0 || room >= CONF_NAME_MAX ||
			strspn(item, "abcdefghijklmnopqrstuvwxyz0123456789_.") != room))
		return -EINVAL;
	if (base_log_parse_level(level) < 0)
		return base_error_set(why, EINVAL,
			"no level \"%s\"; expected error, warning, notice, info or debug", level);
	return 0;
}

static int
parse_log_level(const struct conf_key *key __rte_unused, const char *value, void *object,
	struct base_error *why)
{
	struct conf_global *global = object;
	char list[sizeof(global->log_level)] = "";
	size_t len = 0;
	char item[64];
	int ret;

	while ((ret = conf_text_next(&value, item, sizeof(item))) == 1) {
		ret = check_log_item(item, why);
		if (ret < 0)
			return ret;
		if (len + 1 + strlen(item) >= sizeof(list))
			return base_error_set(
				why, EINVAL, "expected at most %zu characters", sizeof(list) - 1);
		len += (size_t)snprintf(
			list + len, sizeof(list) - len, "%s%s", len > 0 ? "," : "", item);
	}
	if (ret < 0)
		return ret;
	memcpy(global->log_level, list, sizeof(global->log_level));
	return 0;
}

static const struct conf_key global_keys[] = {
	{
		.name = "data-lcores",
		.types = CONF_KEY_ANY,
		.parse = parse_data_lcores,
		.expected = "CPU numbers from 0 to 1023 and ranges of them, such as 1,3-4",
	},
	{
		.name = "management-lcore",
		.types = CONF_KEY_ANY,
		.parse = conf_key_parse_number,
		CONF_FIELD(struct conf_global, management_cpu),
		.max = CONF_CPU_MAX,
	},
	{
		.name = "mempool-size",
		.types = CONF_KEY_ANY,
		.parse = conf_key_parse_number,
		CONF_FIELD(struct conf_global, mempool_size),
		.min = 1024,
		.max = 8388608,
	},
	{
		.name = "run-directory",
		.types = CONF_KEY_ANY,
		.parse = parse_run_directory,
		.expected = "an absolute path of at most 92 characters",
	},
	{
		.name = "log-level",
		.types = CONF_KEY_ANY,
		.parse = parse_log_level,
		.expected = "LEVEL or ROOM:LEVEL, or a list such as info,vhost:debug",
	},
	{
		.name = "idle-policy",
		.types = CONF_KEY_ANY,
		.parse = conf_key_parse_choice,
		CONF_FIELD(struct conf_global, idle_policy),
		.choices = idle_policy_names,
	},
	{
		.name = "hugepages",
		.types = CONF_KEY_ANY,
		.parse = conf_key_parse_choice,
		CONF_FIELD(struct conf_global, hugepages),
		.choices = hugepages_names,
	},
};

_Static_assert(RUN_DIRECTORY_MAX == 92, "the text says 92");
_Static_assert(CONF_CPU_MAX == 1023, "the text says 1023");

const struct conf_key_table conf_global_keys = {
	.keys = global_keys,
	.n_keys = RTE_DIM(global_keys),
};

int
conf_global_set(
	struct conf_global *global, const char *key, const char *value, struct base_error *err)
{
	return conf_key_set(&conf_global_keys, CONF_KEY_ANY, "[global]", global, key, value, err);
}
