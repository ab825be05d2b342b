/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "command.h"

static int
set_text(json_t *params, const char *key, const char *text, struct base_error *err)
{
	json_t *value = json_string(text);

	if (value == NULL)
		return base_error_set(err, EINVAL, "%s: not UTF-8", key);
	json_object_set_new(params, key, value);
	return 0;
}

static int
params_name(char *const *args, int n_args __rte_unused, json_t *params, struct base_error *err)
{
	return set_text(params, "name", args[0], err);
}

static int
params_optional_device(char *const *args, int n_args, json_t *params, struct base_error *err)
{
	return n_args == 0 ? 0 : set_text(params, "device", args[0], err);
}

static int
params_optional_port(char *const *args, int n_args, json_t *params, struct base_error *err)
{
	return n_args == 0 ? 0 : set_text(params, "port", args[0], err);
}

static int
params_log_set(char *const *args, int n_args __rte_unused, json_t *params, struct base_error *err)
{
	int ret = set_text(params, "room", args[0], err);

	return ret < 0 ? ret : set_text(params, "level", args[1], err);
}

static int
params_port_add(char *const *args, int n_args, json_t *params, struct base_error *err)
{
	int ret = set_text(params, "name", args[0], err);
	int i;

	for (i = 1; i < n_args && ret == 0; i++) {
		size_t len = strcspn(args[i], "=");
		char key[64];

		if (len == 0 || len >= sizeof(key) || args[i][len] != '=')
			return base_error_set(err, EINVAL, "%s: expected key=value", args[i]);
		memcpy(key, args[i], len);
		key[len] = '\0';
		if (json_object_get(params, key) != NULL)
			return base_error_set(err, EINVAL, "%s is given twice", key);
		ret = set_text(params, key, args[i] + len + 1, err);
	}
	return ret;
}

static int
params_wire_add(char *const *args, int n_args __rte_unused, json_t *params, struct base_error *err)
{
	json_t *ports = json_pack("[s, s]", args[1], args[2]);

	if (ports == NULL)
		return base_error_set(err, EINVAL, "a port's name is not UTF-8");
	json_object_set_new(params, "ports", ports);
	return set_text(params, "name", args[0], err);
}

/* How a key=value list goes on is in ringferry.conf(5). */
static const struct command commands[] = {
	{"port list", "", 0, 0, "port.list", NULL, show_ports, false,
		"all ports: type, state, packets"},
	{"port show", "NAME", 1, 1, "port.show", params_name, show_port, false,
		"one port: settings, state, counters"},
	{"port add", "NAME type=TYPE KEY=VALUE...", 2, -1, "port.add", params_port_add, show_port,
		false, "add a port; the keys are those of a [port] section"},
	{"port remove", "NAME", 1, 1, "port.remove", params_name, show_removed, false,
		"remove a port that is in no wire"},
	{"wire list", "", 0, 0, "wire.list", NULL, show_wires, false, "all wires"},
	{"wire add", "NAME PORT PORT", 3, 3, "wire.add", params_wire_add, show_wire, false,
		"join two ports"},
	{"wire remove", "NAME", 1, 1, "wire.remove", params_name, show_removed, false,
		"part the ports of a wire"},
	{"device list", "", 0, 0, "device.list", NULL, show_devices, false,
		"the devices of all vhost ports"},
	{"device show", "NAME [--rings]", 1, 1, "device.show", params_name, show_device, true,
		"one device: features, status, memory; with --rings its rings"},
	{"ring list", "[DEVICE]", 0, 1, "ring.list", params_optional_device, show_rings, false,
		"rings: size, state, indices, addresses, who polls them"},
	{"lcore list", "", 0, 0, "lcore.list", NULL, show_lcores, false,
		"the data lcores: CPU, paths, load"},
	{"stats", "[PORT]", 0, 1, "stats.show", params_optional_port, show_stats, false,
		"counters of both directions, and a reason for each drop"},
	{"status", "", 0, 0, "status.show", NULL, show_fields, false,
		"the daemon in a few numbers"},
	{"mempool", "", 0, 0, "mempool.show", NULL, show_fields, false,
		"packet buffers: how many, how many in use"},
	{"log list", "", 0, 0, "log.list", NULL, show_logs, false,
		"the rooms that log, and their levels"},
	{"log set", "ROOM LEVEL", 2, 2, "log.set", params_log_set, show_logs, false,
		"set a room's level: error, warning, notice, info, debug; all means all rooms"},
	{"version", "", 0, 0, "version", NULL, show_fields, false,
		"versions of the daemon and of DPDK"},
};

/* @return how many words of the command the arguments begin with, 0: not this one. */
static int
match_words(const char *words, char *const *args, int n_args)
{
	int n = 0;

	while (*words != '\0') {
		size_t len = strcspn(words, " ");

		if (n >= n_args || strlen(args[n]) != len || strncmp(args[n], words, len) != 0)
			return 0;
		words += len;
		words += *words == ' ';
		n++;
	}
	return n;
}

const struct command *
command_find(char *const *args, int n_args, int *n_words)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(commands); i++) {
		*n_words = match_words(commands[i].words, args, n_args);
		if (*n_words > 0)
			return &commands[i];
	}
	return NULL;
}

unsigned int
command_print_all(FILE *to, const char *first_word)
{
	unsigned int i, n = 0;

	for (i = 0; i < RTE_DIM(commands); i++) {
		const struct command *command = &commands[i];
		char usage[64];

		if (first_word != NULL &&
			(strncmp(command->words, first_word, strlen(first_word)) != 0 ||
				command->words[strlen(first_word)] != ' '))
			continue;
		snprintf(usage, sizeof(usage), "%s %s", command->words, command->usage);
		if (strlen(usage) > 28)
			fprintf(to, "  %s\n  %-28s  %s\n", usage, "", command->help);
		else
			fprintf(to, "  %-28s  %s\n", usage, command->help);
		n++;
	}
	return n;
}

void
command_print_help(const struct command *command)
{
	printf("usage: ringferryctl %s%s%s\n\n%s (%s)\n", command->words,
		command->usage[0] == '\0' ? "" : " ", command->usage, command->help,
		command->method);
}
