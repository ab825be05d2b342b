/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "base/log.h"
#include "base/loop.h"

static const struct {
	const char *name;
	uint32_t level;
} log_levels[] = {
	{"error", RTE_LOG_ERR},
	{"warning", RTE_LOG_WARNING},
	{"notice", RTE_LOG_NOTICE},
	{"info", RTE_LOG_INFO},
	{"debug", RTE_LOG_DEBUG},
};

bool
base_ratelimit_pass(struct base_ratelimit *rl, uint32_t *suppressed)
{
	uint64_t now = base_now_ns();

	if (rl->window_start_ns == 0 || now - rl->window_start_ns >= BASE_RATELIMIT_WINDOW_NS) {
		rl->window_start_ns = now;
		rl->passed = 0;
	}
	if (rl->passed >= BASE_RATELIMIT_BURST) {
		rl->suppressed++;
		return false;
	}
	rl->passed++;
	*suppressed = rl->suppressed;
	rl->suppressed = 0;
	return true;
}

int
base_log_parse_level(const char *name)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(log_levels); i++)
		if (strcmp(name, log_levels[i].name) == 0)
			return (int)log_levels[i].level;
	return -EINVAL;
}

const char *
base_log_level_name(int level)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(log_levels); i++)
		if ((int)log_levels[i].level == level)
			return log_levels[i].name;
	return "?";
}

/* Take one item off the list: its room ("" for all) and its level. */
static int
log_next_item(const char **list, char *room, size_t room_len, int *level)
{
	size_t len = strcspn(*list, ",");
	char item[96];
	char *colon;

	if (len == 0 || len >= sizeof(item))
		return -EINVAL;
	memcpy(item, *list, len);
	item[len] = '\0';
	*list += len;
	if (**list == ',' && *++*list == '\0')
		return -EINVAL; /* nothing behind the comma */

	colon = strchr(item, ':');
	room[0] = '\0';
	if (colon != NULL) {
		*colon = '\0';
		if (item[0] == '\0' || strlen(item) >= room_len)
			return -EINVAL;
		memcpy(room, item, strlen(item) + 1);
	}
	*level = base_log_parse_level(colon != NULL ? colon + 1 : item);
	return *level < 0 ? -EINVAL : 0;
}

static int
log_walk_levels(const char *list, bool apply)
{
	char room[48];
	char pattern[64];
	int level;

	if (*list == '\0')
		return -EINVAL;
	while (*list != '\0') {
		if (log_next_item(&list, room, sizeof(room), &level) < 0)
			return -EINVAL;
		if (!apply)
			continue;
		snprintf(pattern, sizeof(pattern), "ringferry.%s", room[0] != '\0' ? room : "*");
		rte_log_set_level_pattern(pattern, (uint32_t)level);
	}
	return 0;
}

int
base_log_set_levels(const char *list)
{
	/* All of it is checked before any of it is applied. */
	if (log_walk_levels(list, false) < 0)
		return -EINVAL;
	return log_walk_levels(list, true);
}
