/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* ringferryd: the command line. */

#ifndef RINGFERRYD_OPTIONS_H
#define RINGFERRYD_OPTIONS_H

#include <stdbool.h>

struct options {
	const char *config_file;
	bool check_config;
	char **eal_args; /* what stands behind "--" */
	int n_eal_args;
};

/**
 * Read the command line.
 *
 * @return -1 to go on; else the exit code: help or version is printed, or what is wrong.
 */
int options_parse(int argc, char **argv, struct options *options);

#endif /* RINGFERRYD_OPTIONS_H */
