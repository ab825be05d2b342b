/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * guest: the commands of the test guest's agent.
 *
 * One thread serves commands; senders, receivers and pktgen run in threads of
 * their own and are asked for reports.
 */

#ifndef RF_GUEST_H
#define RF_GUEST_H

#include <stdio.h>

struct guest_command {
	const char *name;
	int min_args;
	const char *usage;
	/** Print the members of the reply (no braces). Returns 0 or -errno. */
	int (*run)(int argc, char **argv, FILE *out);
};

/** Ends with an entry whose name is NULL. */
extern const struct guest_command guest_commands[];

/** Do what a command had put off until its reply was out (reboot, poweroff). */
void guest_after_reply(void);

/** Write text to an existing file. @return 0 or -errno. */
int guest_write_file(const char *path, const char *text);

#endif /* RF_GUEST_H */
