/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* ringferryd: options, configuration, EAL, and then the daemon. */

#include <signal.h>
#include <stdio.h>

#include <rte_eal.h>

#include "conf/conf.h"
#include "daemon.h"
#include "eal.h"
#include "options.h"

/*
 * Threads inherit the mask: only the signalfd sees these. A client that hangs
 * up is no reason to die.
 */
static void
block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int
fail(const struct base_error *err)
{
	fprintf(stderr, "ringferryd: %s\n", err->text);
	return 1;
}

static int
run(struct conf *conf, const struct options *options, const char *program)
{
	struct base_error err;
	int code;

	if (conf_check_host(conf, &err) < 0)
		return fail(&err);
	if (options->check_config) {
		printf("%s: %u ports, %u wires: in order\n", options->config_file, conf->n_ports,
			conf->n_wires);
		return 0;
	}
	block_signals();
	if (eal_choose_cpus(&conf->global, &err) < 0 || eal_start(program, conf, options, &err) < 0)
		return fail(&err);
	code = daemon_run(conf);
	if (rte_eal_cleanup() < 0)
		fprintf(stderr, "ringferryd: EAL clean-up failed\n");
	return code;
}

int
main(int argc, char **argv)
{
	struct options options;
	struct base_error err;
	struct conf conf;
	int code;

	code = options_parse(argc, argv, &options);
	if (code >= 0)
		return code;
	if (conf_read_file(options.config_file, &conf, &err) < 0)
		return fail(&err);
	code = run(&conf, &options, argv[0]);
	conf_free(&conf);
	return code;
}
