/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"

#define STOP_MS	  20000
#define LOG_TAIL  6000
#define LOG_NAME  "log"
#define CONF_NAME "ringferry.conf"

const char *
daemon_path(const struct daemon *d, const char *name)
{
	static char path[8][96];
	static unsigned int next;
	char *p = path[next++ % 8];

	snprintf(p, sizeof(path[0]), "%s/%s", d->dir, name);
	return p;
}

static int
write_config(const struct daemon *d, const char *config)
{
	FILE *f = fopen(daemon_path(d, CONF_NAME), "we");

	if (f == NULL)
		return -errno;
	fprintf(f, config, d->dir);
	return fclose(f) == 0 ? 0 : -errno;
}

static void
run_program(const struct daemon *d)
{
	int log = open(daemon_path(d, LOG_NAME), O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(126);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(d->program, d->program, "-c", daemon_path(d, CONF_NAME), (char *)NULL);
	_exit(127);
}

int
daemon_start(struct daemon *d, const char *program, const char *config)
{
	static const char pattern[] = "/tmp/rf-proto-XXXXXX";
	int ret;

	memset(d, 0, sizeof(*d));
	d->program = program;
	memcpy(d->dir, pattern, sizeof(pattern));
	if (mkdtemp(d->dir) == NULL)
		return -errno;
	ret = write_config(d, config);
	if (ret < 0)
		return ret;
	d->pid = fork();
	if (d->pid < 0)
		return -errno;
	if (d->pid == 0)
		run_program(d);
	d->pidfd = (int)syscall(SYS_pidfd_open, d->pid, 0);
	return d->pidfd < 0 ? -errno : 0;
}

static void
print_tail(FILE *f)
{
	static char text[LOG_TAIL + 1];
	long size;
	size_t n;

	fseek(f, 0, SEEK_END);
	size = ftell(f);
	fseek(f, size > LOG_TAIL ? size - LOG_TAIL : 0, SEEK_SET);
	n = fread(text, 1, LOG_TAIL, f);
	text[n] = '\0';
	fprintf(stderr, "--- the daemon's log, its end:\n%s\n---\n", text);
}

void
daemon_show_log(const struct daemon *d)
{
	FILE *f = fopen(daemon_path(d, LOG_NAME), "re");

	if (f == NULL)
		return;
	print_tail(f);
	fclose(f);
}

/* @return how many lines of the log are a sanitizer's verdict. */
static int
count_complaints(const struct daemon *d)
{
	static const char *const signs[] = {
		"ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:"};
	FILE *f = fopen(daemon_path(d, LOG_NAME), "re");
	char line[512];
	int n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
			if (strstr(line, signs[i]) == NULL)
				continue;
			fprintf(stderr, "daemon: %s", line);
			n++;
		}
	}
	if (f != NULL)
		fclose(f);
	return n;
}

static void
remove_dir(const struct daemon *d)
{
	DIR *dir = opendir(d->dir);
	struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), e->d_name, 0);
	if (dir != NULL)
		closedir(dir);
	rmdir(d->dir);
}

/* Wait for the end. @return the wait status; -1 if it still runs. */
static int
reap(struct daemon *d, int timeout_ms)
{
	struct pollfd pfd = {.fd = d->pidfd, .events = POLLIN};
	int status;

	if (poll(&pfd, 1, timeout_ms) <= 0)
		return -1;
	waitpid(d->pid, &status, 0);
	close(d->pidfd);
	d->pid = 0;
	return status;
}

static void
print_end(int status)
{
	if (WIFSIGNALED(status))
		fprintf(stderr, "daemon: ended by signal %d (%s)\n", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "daemon: ended with exit code %d\n", WEXITSTATUS(status));
}

bool
daemon_alive(struct daemon *d)
{
	int status;

	if (d->pid == 0)
		return false;
	status = reap(d, 0);
	if (status < 0)
		return true;
	print_end(status);
	count_complaints(d);
	daemon_show_log(d);
	return false;
}

int
daemon_stop(struct daemon *d)
{
	int status;
	bool good;

	if (!daemon_alive(d)) {
		remove_dir(d);
		return -ECHILD;
	}
	kill(d->pid, SIGTERM);
	status = reap(d, STOP_MS);
	if (status < 0) {
		fprintf(stderr, "daemon: does not end %u ms after SIGTERM\n", STOP_MS);
		kill(d->pid, SIGABRT);
		status = reap(d, STOP_MS);
	}
	good = count_complaints(d) == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (!good) {
		print_end(status);
		daemon_show_log(d);
	}
	remove_dir(d);
	return good ? 0 : -EIO;
}
