/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* ringferryctl: options, one command, its exit status. */

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "conf/conf.h"

#define DEFAULT_SOCKET CONF_DEFAULT_RUN_DIR "/" CONF_CONTROL_SOCKET

enum exit_status {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,
	EXIT_USAGE = 2,
	EXIT_UNREACHABLE = 3,
};

struct options {
	const char *socket;
	bool json;
	bool rings;
	bool help;
	bool version;
};

static const struct option long_options[] = {
	{"socket", required_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{"rings", no_argument, NULL, 'r'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static void
print_usage(void)
{
	printf("usage: ringferryctl [-s SOCKET] [-j] COMMAND [ARGUMENT...]\n\n"
	       "  -s, --socket SOCKET           control socket, default " DEFAULT_SOCKET "\n"
	       "  -j, --json                    print the result as JSON\n"
	       "  -h, --help                    print this, or help for a command\n"
	       "  -V, --version                 print the version of ringferryctl\n\n"
	       "Commands:\n");
	command_print_all(stdout, NULL);
	printf("  %-28s  %s\n", "help [COMMAND]", "this, or one command");
}

static int
parse_options(int argc, char **argv, struct options *options)
{
	int c;

	while ((c = getopt_long(argc, argv, "s:jhV", long_options, NULL)) != -1) {
		switch (c) {
		case 's':
			options->socket = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case 'r':
			options->rings = true;
			break;
		case 'h':
			options->help = true;
			break;
		case 'V':
			options->version = true;
			break;
		default:
			return -1;
		}
	}
	return 0;
}

/* Help on one command, on all that begin with a word, or on everything. */
static int
help(char *const *args, int n_args)
{
	const struct command *command;
	int n_words;

	if (n_args == 0) {
		print_usage();
		return EXIT_DONE;
	}
	command = command_find(args, n_args, &n_words);
	if (command != NULL)
		command_print_help(command);
	else if (command_print_all(stdout, args[0]) == 0)
		return fprintf(stderr, "ringferryctl: there is no command %s\n", args[0]),
		       EXIT_USAGE;
	return EXIT_DONE;
}

static void
print_result(const struct command *command, const struct options *options, const json_t *result)
{
	if (options->json) {
		json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
		printf("\n");
	} else {
		command->show(result, options->rings);
	}
}

static int
run(const struct command *command, const struct options *options, char *const *args, int n_args)
{
	json_t *params = json_object(), *result = NULL;
	struct base_error err = {.text = ""};
	int ret;

	if (command->params != NULL && command->params(args, n_args, params, &err) < 0) {
		json_decref(params);
		fprintf(stderr, "ringferryctl: %s\n", err.text);
		return EXIT_USAGE;
	}
	ret = client_call(options->socket, command->method, params, &result, &err);
	json_decref(params);
	if (ret == 0)
		print_result(command, options, result);
	else
		fprintf(stderr, "ringferryctl: %s\n", err.text);
	json_decref(result);
	if (ret != 0)
		return ret > 0 ? EXIT_REFUSED : EXIT_UNREACHABLE;
	if (fflush(stdout) != 0) {
		fprintf(stderr, "ringferryctl: cannot write the result\n");
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

static int
run_command(const struct options *options, char *const *args, int n_args)
{
	const struct command *command;
	int n_words;

	command = command_find(args, n_args, &n_words);
	if (command == NULL) {
		fprintf(stderr, "ringferryctl: there is no command %s%s%s; ringferryctl help\n",
			args[0], n_args > 1 ? " " : "", n_args > 1 ? args[1] : "");
		command_print_all(stderr, args[0]);
		return EXIT_USAGE;
	}
	args += n_words;
	n_args -= n_words;
	if (n_args < command->min_args || (command->max_args >= 0 && n_args > command->max_args) ||
		(options->rings && !command->takes_rings)) {
		fprintf(stderr, "usage: ringferryctl %s %s\n", command->words, command->usage);
		return EXIT_USAGE;
	}
	return run(command, options, args, n_args);
}

int
main(int argc, char **argv)
{
	struct options options = {.socket = DEFAULT_SOCKET};
	char *const *args;
	int n_args;

	if (parse_options(argc, argv, &options) < 0)
		return EXIT_USAGE;
	args = argv + optind;
	n_args = argc - optind;
	if (options.version) {
		printf("ringferryctl %s\n", RINGFERRY_VERSION);
		return EXIT_DONE;
	}
	if (n_args > 0 && strcmp(args[0], "help") == 0)
		return help(args + 1, n_args - 1);
	if (options.help)
		return help(args, n_args);
	if (n_args == 0) {
		fprintf(stderr, "ringferryctl: no command; ringferryctl help\n");
		return EXIT_USAGE;
	}
	return run_command(&options, args, n_args);
}
