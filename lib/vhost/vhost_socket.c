/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * The socket under a connection. The library does not say which descriptor
 * it is, and reads and writes it blocking, on the thread that serves all
 * sockets: a front-end that sends half a message, or does not read its
 * answers, would hold up every other. So the descriptor is looked for among
 * all of the process, by its address, and its waits get a limit.
 *
 * We keep a descriptor of our own of it, to ask whether the other side is
 * still there.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_vhost.h>

#include "vhost/vhost_priv.h"

/* A front-end writes a message at once; what is missing by then does not come. */
static const struct timeval io_limit = {.tv_usec = 500 * 1000};

/* Inodes of the sockets that have a connection, by vid; library's threads. 0: none. */
static uint64_t socket_inodes[RTE_MAX_VHOST_DEVICE];

static bool
inode_known(uint64_t inode)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(socket_inodes); i++)
		if (__atomic_load_n(&socket_inodes[i], __ATOMIC_RELAXED) == inode)
			return true;
	return false;
}

/* Whoever bound the path is at one end, we at the other: as server ours, as client the peer's. */
static bool
has_path(int fd, const char *path)
{
	struct sockaddr_un addr = {0};
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len) == 0 && addr.sun_family == AF_UNIX &&
		strncmp(addr.sun_path, path, sizeof(addr.sun_path)) == 0)
		return true;
	memset(&addr, 0, sizeof(addr));
	len = sizeof(addr);
	return getpeername(fd, (struct sockaddr *)&addr, &len) == 0 && addr.sun_family == AF_UNIX &&
		strncmp(addr.sun_path, path, sizeof(addr.sun_path)) == 0;
}

static bool
is_connection(int fd, const char *path, uint64_t *inode)
{
	int listening = 1;
	socklen_t len = sizeof(listening);
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode) || !has_path(fd, path) ||
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || listening != 0)
		return false;
	*inode = (uint64_t)st.st_ino;
	return !inode_known(*inode);
}

static void
limit_waits(int fd)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &io_limit, sizeof(io_limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &io_limit, sizeof(io_limit));
}

int
vhost_socket_find(int vid, const char *path)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	uint64_t inode;
	int found = -1;

	if (dir == NULL)
		return -1;
	while (found < 0 && (entry = readdir(dir)) != NULL) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);

		if (end == entry->d_name || *end != '\0' || fd == dirfd(dir) ||
			!is_connection((int)fd, path, &inode))
			continue;
		limit_waits((int)fd);
		found = fcntl((int)fd, F_DUPFD_CLOEXEC, 0);
		__atomic_store_n(&socket_inodes[vid], inode, __ATOMIC_RELAXED);
	}
	closedir(dir);
	return found;
}

void
vhost_socket_forget(int vid)
{
	__atomic_store_n(&socket_inodes[vid], 0, __ATOMIC_RELAXED);
}

bool
vhost_socket_hung_up(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLRDHUP};

	return fd >= 0 && poll(&pfd, 1, 0) > 0 &&
		(pfd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}
