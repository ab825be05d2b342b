/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/notify.h"

int
base_notify(const char *fmt, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t path_len;
	char state[256];
	ssize_t sent;
	va_list ap;
	int len;
	int fd;

	if (path == NULL || path[0] == '\0')
		return 0;
	path_len = strlen(path);
	if (path_len >= sizeof(addr.sun_path) || (path[0] != '/' && path[0] != '@'))
		return -EINVAL;
	memcpy(addr.sun_path, path, path_len);
	/* A leading @ stands for the abstract name space, where the name is not NUL-terminated. */
	if (path[0] == '@')
		addr.sun_path[0] = '\0';

	va_start(ap, fmt);
	len = vsnprintf(state, sizeof(state), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(state))
		return -EMSGSIZE;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	sent = sendto(fd, state, (size_t)len, MSG_NOSIGNAL, (struct sockaddr *)&addr,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_len));
	len = sent < 0 ? -errno : 0;
	close(fd);
	return len;
}
