/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * ringferryctl: its commands.
 *
 * A command is a row of a table: one or two words, what stands behind them,
 * the method it calls, how the arguments become parameters, how the result
 * becomes text.
 */

#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "base/err.h"

struct command {
	const char *words; /* "port list" */
	const char *usage; /* of the arguments: "NAME" */
	int min_args;
	int max_args; /* -1: no limit */
	const char *method;
	/** Put arguments into params. @return 0; -EINVAL with a sentence. NULL: there are none. */
	int (*params)(char *const *args, int n_args, json_t *params, struct base_error *err);
	void (*show)(const json_t *result, bool rings);
	bool takes_rings; /* knows the option --rings */
	const char *help;
};

/**
 * Find the command that the arguments begin with.
 *
 * @param[out] n_words how many of them it took.
 * @return NULL if there is none.
 */
const struct command *command_find(char *const *args, int n_args, int *n_words);

/** Print all commands, or those that begin with a word; @return how many. */
unsigned int command_print_all(FILE *to, const char *first_word);
void command_print_help(const struct command *command);

/* show.c */
void show_ports(const json_t *result, bool rings);
void show_port(const json_t *result, bool rings);
void show_wires(const json_t *result, bool rings);
void show_wire(const json_t *result, bool rings);
void show_removed(const json_t *result, bool rings);
void show_stats(const json_t *result, bool rings);
void show_lcores(const json_t *result, bool rings);
void show_logs(const json_t *result, bool rings);
void show_fields(const json_t *result, bool rings);

/* show_device.c */
void show_devices(const json_t *result, bool rings);
void show_device(const json_t *result, bool rings);
void show_rings(const json_t *result, bool rings);

#endif /* CTL_COMMAND_H */
