/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * protocol tests: a ringferryd of our own.
 *
 * Started with a configuration in a new directory under /tmp, without
 * hugepages and NIC; what it says goes to a file there, which is shown when
 * something is wrong with it.
 */

#ifndef PROTO_DAEMON_H
#define PROTO_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

struct daemon {
	const char *program;
	char dir[32];
	pid_t pid; /**< 0: not running */
	int pidfd;
};

/** Make the directory, write the configuration, start. @return 0 or -errno. */
int daemon_start(struct daemon *d, const char *program, const char *config);

/** Is it still running? What it died of is printed. */
bool daemon_alive(struct daemon *d);

/**
 * SIGTERM, and wait for the end.
 *
 * @return 0 if it exited with 0 and no sanitizer complained; otherwise negative,
 * and its log is printed.
 */
int daemon_stop(struct daemon *d);

/** The path of a file in its directory; one of a few static buffers. */
const char *daemon_path(const struct daemon *d, const char *name);

/** Print the end of its log. */
void daemon_show_log(const struct daemon *d);

#endif /* PROTO_DAEMON_H */
