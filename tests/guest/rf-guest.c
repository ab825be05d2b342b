/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * rf-guest: the only program of the test guest, and its init.
 *
 * Mounts what is needed, loads the modules named in /modules, then serves the
 * control port (the second serial port): one command line in, one JSON line
 * out. The first line out, {"event": "ready"}, tells that it listens; it comes
 * again after each boot. Every reply has "ok"; a failed one has "error".
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "rf-guest.h"

#define CONTROL_PORT "/dev/ttyS1"
#define LINE_LENGTH  512
#define ARGS_MAX     16

static void
complain(const char *what, const char *about)
{
	fprintf(stderr, "rf-guest: %s %s: %s\n", what, about, strerror(errno));
}

int
guest_write_file(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ret = errno ? -errno : -EIO;
	close(fd);
	return ret;
}

static void
mount_all(void)
{
	static const struct {
		const char *type;
		const char *target;
	} mounts[] = {
		{"devtmpfs", "/dev"},
		{"proc", "/proc"},
		{"sysfs", "/sys"},
	};
	size_t i;

	for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		(void)mkdir(mounts[i].target, 0755); /* it may be there already */
		if (mount(mounts[i].type, mounts[i].target, mounts[i].type, 0, NULL) < 0 &&
			errno != EBUSY)
			complain("mount", mounts[i].target);
	}
}

static void
load_modules(void)
{
	char path[256];
	FILE *list;
	int fd;

	list = fopen("/modules", "re");
	if (list == NULL) {
		complain("open", "/modules");
		return;
	}
	while (fgets(path, sizeof(path), list) != NULL) {
		path[strcspn(path, "\n")] = '\0';
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
			complain("load", path);
		if (fd >= 0)
			close(fd);
	}
	fclose(list);
}

/* The guest says nothing by itself: what is on the wire is what a test sent. */
static void
quieten(void)
{
	static const char *const knobs[] = {
		"/proc/sys/net/ipv6/conf/all/disable_ipv6",
		"/proc/sys/net/ipv6/conf/default/disable_ipv6",
	};
	size_t i;

	for (i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++) {
		if (guest_write_file(knobs[i], "1") < 0)
			complain("write", knobs[i]);
	}
}

static FILE *
control_open(void)
{
	struct termios tio;
	const int fd = open(CONTROL_PORT, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	if (tcgetattr(fd, &tio) < 0) {
		close(fd);
		return NULL;
	}
	cfmakeraw(&tio);
	cfsetspeed(&tio, B115200);
	tio.c_cflag |= CLOCAL;
	if (tcsetattr(fd, TCSANOW, &tio) < 0) {
		close(fd);
		return NULL;
	}
	return fdopen(fd, "r+");
}

/* Cut a line into words, in place. Returns how many there are; more than fit are left out. */
static int
split_line(char *line, char **argv)
{
	static const char blanks[] = " \r\n";
	int argc = 0;

	for (;;) {
		line += strspn(line, blanks);
		if (*line == '\0' || argc == ARGS_MAX - 1)
			break;
		argv[argc++] = line;
		line += strcspn(line, blanks);
		if (*line != '\0')
			*line++ = '\0';
	}
	argv[argc] = NULL;
	return argc;
}

static void
print_failure(int error, const char *usage, FILE *out)
{
	fprintf(out, "{\"ok\": false, \"error\": \"%s\"", strerror(error));
	if (usage != NULL)
		fprintf(out, ", \"usage\": \"%s\"", usage);
	fputs("}\n", out);
}

/* Run one command; its whole reply is gathered first, so that it is one line or an error. */
static void
command_run(int argc, char **argv, FILE *out)
{
	const struct guest_command *cmd;
	char *text = NULL;
	size_t length = 0;
	FILE *reply;
	int ret;

	for (cmd = guest_commands; cmd->name != NULL; cmd++) {
		if (!strcmp(cmd->name, argv[0]))
			break;
	}
	if (cmd->name == NULL) {
		print_failure(ENOSYS, NULL, out);
		return;
	}
	if (argc - 1 < cmd->min_args) {
		print_failure(EINVAL, cmd->usage, out);
		return;
	}
	reply = open_memstream(&text, &length);
	if (reply == NULL) {
		print_failure(errno, NULL, out);
		return;
	}
	ret = cmd->run(argc, argv, reply);
	fclose(reply);
	if (ret < 0)
		print_failure(-ret, cmd->usage, out);
	else
		fprintf(out, "{\"ok\": true%s%s}\n", length ? ", " : "", text);
	free(text);
}

static void
control_serve(FILE *port)
{
	char line[LINE_LENGTH];
	char *argv[ARGS_MAX];
	int argc;

	fputs("{\"event\": \"ready\"}\n", port);
	fflush(port);
	while (fgets(line, sizeof(line), port) != NULL) {
		argc = split_line(line, argv);
		if (argc == 0)
			continue;
		/* A stream that is both read and written needs a seek or flush in between. */
		fseek(port, 0, SEEK_CUR);
		command_run(argc, argv, port);
		fflush(port);
		(void)tcdrain(fileno(port));
		guest_after_reply();
		fseek(port, 0, SEEK_CUR);
	}
}

int
main(void)
{
	FILE *port;

	mount_all();
	quieten();
	load_modules();
	for (;;) {
		port = control_open();
		if (port == NULL) {
			complain("open", CONTROL_PORT);
			break;
		}
		control_serve(port);
		fclose(port);
	}
	/* Init must not end: the kernel would panic and hide the message above. */
	for (;;)
		pause();
}
