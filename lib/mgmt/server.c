/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* The control socket: who may come in, and the clock of all connections. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mgmt/conn.h"
#include "mgmt/mgmt_priv.h"

#define SOCKET_MODE 0660
#define BACKLOG	    512
#define TICK_NS	    (SERVER_SECOND_NS / 10)
#define ACCEPT_MAX  64 /* in one go */

static struct {
	struct base_loop *loop;
	const struct rpc_service *service;
	int fd;
	struct sockaddr_un addr;
	dev_t dev; /* of the socket, to remove none but ours */
	ino_t ino;
	struct base_watch *watch;
	bool accepting; /* the watch is armed */
	bool patient;	/* full, but that may be over at the next tick */
	struct base_timer *tick;
	TAILQ_HEAD(, conn) conns; /* also those whose client is gone, until their work is done */
	unsigned int n_conns;
	struct base_ratelimit connect_limit;
	struct base_ratelimit full_limit;
} server = {.fd = -1};

static void
conn_closed(struct conn *conn)
{
	TAILQ_REMOVE(&server.conns, conn, next);
	server.n_conns--;
}

/* Clients that have gone do not stand in the way of others, as long as they are not very many. */
static bool
is_full(void)
{
	const struct conn *conn;
	unsigned int n = 0;

	TAILQ_FOREACH(conn, &server.conns, next)
		n += conn->fd >= 0;
	return n >= SERVER_MAX_CONNS || server.n_conns >= SERVER_MAX_CONNS + SERVER_MAX_GONE;
}

static void
turn_away(int fd)
{
	char *text = rpc_error_line(RPC_FAILED, "too many connections");

	BASE_LOG_RATED(mgmt, WARNING, &server.full_limit,
		"a client is turned away: there are %u connections", server.n_conns);
	if (text != NULL)
		(void)!send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	free(text);
	close(fd);
}

static void
welcome(int fd)
{
	struct conn *conn;

	if (is_full()) {
		turn_away(fd);
		return;
	}
	conn = conn_create(server.loop, fd, server.service, conn_closed);
	if (conn == NULL) {
		BASE_LOG_RATED(mgmt, ERR, &server.full_limit, "no memory for a client");
		close(fd);
		return;
	}
	TAILQ_INSERT_TAIL(&server.conns, conn, next);
	server.n_conns++;
	BASE_LOG_RATED(mgmt, INFO, &server.connect_limit, "client: pid %d, uid %u, gid %u",
		conn->peer.pid, conn->peer.uid, conn->peer.gid);
}

/* Not to be asked again before the next tick. */
static void
pause_accepting(void)
{
	if (base_watch_set(server.watch, 0) == 0)
		server.accepting = false;
}

static void
accept_clients(void)
{
	unsigned int i;

	for (i = 0; i < ACCEPT_MAX; i++) {
		int fd;

		/* Clients that are just leaving may make room. */
		if (server.patient && is_full()) {
			pause_accepting();
			return;
		}
		fd = accept4(server.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			welcome(fd);
			continue;
		}
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		BASE_LOG_RATED(mgmt, ERR, &server.full_limit, "cannot accept a client: %s",
			strerror(errno));
		pause_accepting();
		return;
	}
}

static void
accept_event(void *arg __rte_unused, uint32_t events __rte_unused)
{
	accept_clients();
}

/* Who still finds no room is told so. */
static void
resume_accepting(void)
{
	if (server.accepting)
		return;
	server.patient = false;
	accept_clients();
	server.patient = true;
	if (base_watch_set(server.watch, EPOLLIN) == 0)
		server.accepting = true;
}

static void
tick(void *arg __rte_unused)
{
	struct conn *conn = TAILQ_FIRST(&server.conns);
	uint64_t now = base_now_ns();

	while (conn != NULL) {
		struct conn *next = TAILQ_NEXT(conn, next);

		conn_tick(conn, now);
		conn = next;
	}
	resume_accepting();
}

/* Is there a socket that nobody listens on? Then it goes. */
static int
remove_stale(struct base_error *err)
{
	const char *path = server.addr.sun_path;
	struct stat st;
	int fd, ret;

	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return base_error_set(err, EEXIST, "%s exists and is not a socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return base_error_set(err, errno, "no socket: %s", strerror(errno));
	ret = connect(fd, (const struct sockaddr *)&server.addr, sizeof(server.addr));
	if (ret < 0)
		ret = -errno;
	close(fd);
	/* EAGAIN: somebody listens and is busy. */
	if (ret == 0 || ret == -EAGAIN)
		return base_error_set(
			err, EADDRINUSE, "%s: another ringferryd listens there", path);
	if (ret != -ECONNREFUSED && ret != -ENOENT)
		return base_error_set(err, -ret, "%s is in use: %s", path, strerror(-ret));
	if (unlink(path) < 0 && errno != ENOENT)
		return base_error_set(
			err, errno, "cannot remove the old %s: %s", path, strerror(errno));
	return 0;
}

static int
bind_socket(struct base_error *err)
{
	const struct sockaddr *addr = (const struct sockaddr *)&server.addr;
	int ret;

	/* What bind() makes has this mode less the umask: never more than wanted. */
	if (fchmod(server.fd, SOCKET_MODE) < 0)
		return base_error_set(
			err, errno, "cannot set the socket's mode: %s", strerror(errno));
	ret = bind(server.fd, addr, sizeof(server.addr));
	if (ret < 0 && errno == EADDRINUSE) {
		ret = remove_stale(err);
		if (ret < 0)
			return ret;
		ret = bind(server.fd, addr, sizeof(server.addr));
	}
	if (ret < 0)
		return base_error_set(
			err, errno, "cannot make %s: %s", server.addr.sun_path, strerror(errno));
	return 0;
}

static int
listen_socket(struct base_error *err)
{
	const char *path = server.addr.sun_path;
	struct stat st;
	int ret;

	server.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server.fd < 0)
		return base_error_set(err, errno, "no socket: %s", strerror(errno));
	ret = bind_socket(err);
	if (ret < 0)
		return ret;
	if (chmod(path, SOCKET_MODE) < 0 || stat(path, &st) < 0)
		return base_error_set(err, errno, "%s: %s", path, strerror(errno));
	server.dev = st.st_dev;
	server.ino = st.st_ino;
	if (listen(server.fd, BACKLOG) < 0)
		return base_error_set(err, errno, "cannot listen on %s: %s", path, strerror(errno));
	return 0;
}

int
server_start(struct base_loop *loop, const char *path, const struct rpc_service *service,
	struct base_error *err)
{
	int ret;

	server.loop = loop;
	server.service = service;
	TAILQ_INIT(&server.conns);
	server.n_conns = 0;
	memset(&server.addr, 0, sizeof(server.addr));
	server.addr.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(server.addr.sun_path))
		return base_error_set(err, ENAMETOOLONG,
			"%s: a socket's path has at most %zu characters", path,
			sizeof(server.addr.sun_path) - 1);
	snprintf(server.addr.sun_path, sizeof(server.addr.sun_path), "%s", path);

	ret = listen_socket(err);
	if (ret < 0) {
		server_stop();
		return ret;
	}
	server.accepting = true;
	server.patient = true;
	server.watch = base_watch_add(loop, server.fd, EPOLLIN, accept_event, NULL);
	server.tick = base_timer_add(loop, TICK_NS, TICK_NS, tick, NULL);
	if (server.watch == NULL || server.tick == NULL) {
		server_stop();
		return base_error_set(err, ENOMEM, "no memory for the control socket");
	}
	return 0;
}

void
server_stop(void)
{
	struct conn *conn;
	struct stat st;

	if (server.fd < 0)
		return;
	while ((conn = TAILQ_FIRST(&server.conns)) != NULL)
		conn_close(conn);
	base_timer_del(server.tick);
	base_watch_del(server.watch);
	server.tick = NULL;
	server.watch = NULL;
	close(server.fd);
	server.fd = -1;
	if (server.ino != 0 && lstat(server.addr.sun_path, &st) == 0 && st.st_dev == server.dev &&
		st.st_ino == server.ino)
		unlink(server.addr.sun_path);
	server.ino = 0;
}
