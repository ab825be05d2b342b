/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <rte_version.h>

#include "conf/conf.h"
#include "options.h"

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check-config", no_argument, NULL, 'n'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void
print_help(FILE *to)
{
	fprintf(to,
		"Usage: ringferryd [-c FILE] [--check-config] [-- EAL-ARGUMENTS]\n"
		"\n"
		"Run the virtqueues of virtual machines on data lcores, and forward.\n"
		"\n"
		"  -c, --config FILE   the configuration (default " CONF_DEFAULT_FILE ")\n"
		"  -n, --check-config  read and check the configuration, start nothing\n"
		"  -V, --version       print versions\n"
		"  -h, --help          print this\n"
		"\n"
		"Arguments behind -- go to DPDK's EAL, after those that the daemon makes itself.\n"
		"See ringferryd(8) and ringferry.conf(5).\n");
}

int
options_parse(int argc, char **argv, struct options *options)
{
	int opt;

	memset(options, 0, sizeof(*options));
	options->config_file = CONF_DEFAULT_FILE;
	while ((opt = getopt_long(argc, argv, "+c:nVh", long_options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			options->config_file = optarg;
			break;
		case 'n':
			options->check_config = true;
			break;
		case 'V':
			printf("ringferryd %s (%s)\n", RINGFERRY_VERSION, rte_version());
			return 0;
		case 'h':
			print_help(stdout);
			return 0;
		default:
			fprintf(stderr, "Try 'ringferryd --help'.\n");
			return 2;
		}
	}
	/* getopt stops behind "--", and at the first word that is no option. */
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
		fprintf(stderr,
			"ringferryd: unexpected argument '%s'; EAL arguments stand behind "
			"--\n",
			argv[optind]);
		return 2;
	}
	options->eal_args = &argv[optind];
	options->n_eal_args = argc - optind;
	return -1;
}
