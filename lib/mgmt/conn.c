/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* One client: input to lines, answers to output, limits. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "mgmt/conn.h"
#include "mgmt/mgmt_priv.h"

#define OUT_CHUNK (16u * 1024)

static void conn_run(struct conn *conn);
static void conn_settle(struct conn *conn);

static struct base_ratelimit close_limit;
static struct base_ratelimit audit_limit;

static void
conn_ref(struct conn *conn)
{
	conn->refs++;
}

void
conn_unref(struct conn *conn)
{
	if (--conn->refs > 0)
		return;
	free(conn->out);
	free(conn);
}

static size_t
out_pending(const struct conn *conn)
{
	return conn->out_len - conn->out_sent;
}

/* The client is gone, or to be dropped: nothing comes in or goes out any more. */
static void
conn_disconnect(struct conn *conn)
{
	if (conn->fd < 0)
		return;
	base_watch_del(conn->watch);
	conn->watch = NULL;
	close(conn->fd);
	conn->fd = -1;
	conn->eof = true;
	conn->out_len = 0;
	conn->out_sent = 0;
	conn->out_since = 0;
}

void
conn_close(struct conn *conn)
{
	if (conn->closed_already)
		return;
	conn->closed_already = true;
	conn_disconnect(conn);
	conn->in_len = 0;
	if (conn->turn != NULL) {
		base_timer_del(conn->turn);
		conn->turn = NULL;
	}
	conn->closed(conn);
	conn_unref(conn);
}

/* ---- output --------------------------------------------------------------- */

static int
out_reserve(struct conn *conn, size_t len)
{
	size_t size = conn->out_len + len;
	char *out;

	if (size <= conn->out_size)
		return 0;
	if (conn->out_sent > 0) {
		memmove(conn->out, conn->out + conn->out_sent, out_pending(conn));
		conn->out_len -= conn->out_sent;
		conn->out_sent = 0;
		return out_reserve(conn, len);
	}
	size = RTE_ALIGN_MUL_CEIL(size, OUT_CHUNK);
	out = realloc(conn->out, size);
	if (out == NULL)
		return -ENOMEM;
	conn->out = out;
	conn->out_size = size;
	return 0;
}

static void
out_release(struct conn *conn)
{
	conn->out_len = 0;
	conn->out_sent = 0;
	conn->out_since = 0;
	if (conn->out_size <= OUT_CHUNK)
		return;
	free(conn->out);
	conn->out = NULL;
	conn->out_size = 0;
}

static void
conn_send(struct conn *conn)
{
	while (conn->fd >= 0 && out_pending(conn) > 0) {
		ssize_t n = send(conn->fd, conn->out + conn->out_sent, out_pending(conn),
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			conn_disconnect(conn);
			return;
		}
		conn->out_sent += (size_t)n;
		conn->out_since = base_now_ns();
	}
	out_release(conn);
}

static void
conn_put(struct conn *conn, const char *text, size_t len)
{
	if (conn->fd < 0)
		return;
	if (out_pending(conn) + len > SERVER_MAX_OUTPUT || out_reserve(conn, len) < 0) {
		BASE_LOG_RATED(mgmt, WARNING, &close_limit,
			"client (pid %d) closed: it does not read its answers", conn->peer.pid);
		conn_disconnect(conn);
		return;
	}
	if (out_pending(conn) == 0)
		conn->out_since = base_now_ns();
	memcpy(conn->out + conn->out_len, text, len);
	conn->out_len += len;
	conn_send(conn);
}

/* Tell why, and end. */
static void
conn_refuse(struct conn *conn, const char *why)
{
	char *text = rpc_error_line(RPC_INVALID_REQUEST, why);

	BASE_LOG_RATED(
		mgmt, WARNING, &close_limit, "client (pid %d) closed: %s", conn->peer.pid, why);
	conn->closing = true;
	conn->closing_since = base_now_ns();
	conn->in_len = 0;
	conn->line_since = 0;
	if (text != NULL)
		conn_put(conn, text, strlen(text));
	free(text);
}

/* ---- lines ---------------------------------------------------------------- */

static bool
window_open(const struct conn *conn)
{
	return conn->window_requests < SERVER_WINDOW_REQUESTS &&
		conn->window_busy_ns < SERVER_WINDOW_BUSY_NS;
}

static void
window_renew(struct conn *conn, uint64_t now)
{
	if (now - conn->window_start < SERVER_WINDOW_NS)
		return;
	conn->window_start = now;
	conn->window_requests = 0;
	conn->window_busy_ns = 0;
}

static bool
may_run(const struct conn *conn)
{
	return !conn->busy && !conn->closing && window_open(conn) &&
		out_pending(conn) < SERVER_OUTPUT_MARK;
}

/* The line's reference is given up here. */
static void
line_answered(void *arg, char *text, size_t len)
{
	struct conn *conn = arg;

	conn->busy = false;
	if (text != NULL)
		conn_put(conn, text, len);
	free(text);
	if (!conn->running && !conn->closed_already)
		conn_run(conn);
	conn_unref(conn);
}

/* Who changes something is to be found in the log. */
static void
audit(void *arg, const struct rpc_method *method, const json_t *params)
{
	const struct conn *conn = arg;
	char *text = json_dumps(params, JSON_COMPACT);

	BASE_LOG_RATED(mgmt, INFO, &audit_limit, "%s %.200s by uid %u, pid %d", method->name,
		text == NULL ? "" : text, conn->peer.uid, conn->peer.pid);
	free(text);
}

static void
handle_line(struct conn *conn, const char *line, size_t len)
{
	/* Blank lines are for people at a terminal. */
	if (strspn(line, " \t\r\n") >= len)
		return;
	conn->busy = true;
	conn_ref(conn);
	conn->window_requests += rpc_submit(conn->service, line, len, line_answered, audit, conn);
}

/* @return the length of the first line with its end; 0: there is none yet. */
static size_t
first_line(struct conn *conn, const char *from, size_t len)
{
	const char *end = memchr(from, '\n', len);

	if (end != NULL)
		return (size_t)(end - from) + 1;
	/* The last line needs no newline. */
	return conn->eof ? len : 0;
}

static void
turn_over(void *arg)
{
	struct conn *conn = arg;

	conn->turn = NULL;
	conn_run(conn);
}

/* Handle what is there, as far as the limits allow. @return bytes handled. */
static size_t
run_lines(struct conn *conn)
{
	uint64_t begin = base_now_ns(), now = begin;
	size_t done = 0, len;

	while (may_run(conn) &&
		(len = first_line(conn, conn->in + done, conn->in_len - done)) > 0) {
		handle_line(conn, conn->in + done, len);
		done += len;
		now = base_now_ns();
		conn->active_since = now;
		if (now - begin < SERVER_TURN_NS)
			continue;
		if (conn->turn == NULL)
			conn->turn = base_timer_add(conn->loop, 0, 0, turn_over, conn);
		break;
	}
	conn->window_busy_ns += now - begin;
	return done;
}

static void
conn_run(struct conn *conn)
{
	size_t done;

	conn_ref(conn);
	if (conn->turn == NULL) {
		conn->running = true;
		done = run_lines(conn);
		conn->running = false;
		conn->in_len -= done;
		memmove(conn->in, conn->in + done, conn->in_len);
	}
	if (!conn->closed_already)
		conn_settle(conn);
	conn_unref(conn);
}

/* ---- what comes next ------------------------------------------------------ */

static void
conn_set_events(struct conn *conn)
{
	uint32_t events = 0;

	if (conn->fd < 0)
		return;
	if (!conn->eof && (conn->closing || (window_open(conn) && conn->in_len < sizeof(conn->in))))
		events |= EPOLLIN;
	if (out_pending(conn) > 0)
		events |= EPOLLOUT;
	if (events == conn->events)
		return;
	if (base_watch_set(conn->watch, events) < 0)
		conn_disconnect(conn);
	conn->events = events;
}

/* After everything that may have changed something. May close. */
static void
conn_settle(struct conn *conn)
{
	bool line = memchr(conn->in, '\n', conn->in_len) != NULL;

	if (!conn->closing && !conn->busy && !line && conn->in_len == sizeof(conn->in))
		conn_refuse(conn, "a line is longer than 65535 bytes");
	if (line || conn->busy || conn->in_len == 0 || conn->eof)
		conn->line_since = 0;
	else if (conn->line_since == 0)
		conn->line_since = base_now_ns();

	if (conn->eof && !conn->busy && conn->in_len == 0 && out_pending(conn) == 0) {
		conn_close(conn);
		return;
	}
	/* Closed at once, an answer not yet read would be lost with the input not yet read. */
	if (conn->closing && out_pending(conn) == 0 && conn->fd >= 0)
		shutdown(conn->fd, SHUT_WR);
	conn_set_events(conn);
}

static void
conn_receive(struct conn *conn)
{
	char rest[4096];
	char *to = conn->closing ? rest : conn->in + conn->in_len;
	size_t size = conn->closing ? sizeof(rest) : sizeof(conn->in) - conn->in_len;
	ssize_t n;

	if (size == 0 || conn->eof)
		return;
	n = recv(conn->fd, to, size, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		conn->eof = true;
	else if (!conn->closing)
		conn->in_len += (size_t)n;
}

static void
conn_event(void *arg, uint32_t events)
{
	struct conn *conn = arg;

	conn_ref(conn);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		conn_receive(conn);
	/* Nobody is there to be answered; what was asked for in full is done still. */
	if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		conn_disconnect(conn);
	if ((events & EPOLLOUT) != 0)
		conn_send(conn);
	conn_run(conn);
	conn_unref(conn);
}

static void
check_deadlines(struct conn *conn, uint64_t now)
{
	if (conn->closing) {
		if (now - conn->closing_since > SERVER_LINGER_NS)
			conn_close(conn);
	} else if (conn->line_since != 0 && now - conn->line_since > SERVER_LINE_NS) {
		conn_refuse(conn, "a line was not finished within 10 seconds");
	} else if (conn->out_since != 0 && now - conn->out_since > SERVER_STALL_NS) {
		BASE_LOG_RATED(mgmt, WARNING, &close_limit,
			"client (pid %d) closed: it does not read its answers", conn->peer.pid);
		conn_close(conn);
	} else if (!conn->busy && now - conn->active_since > SERVER_IDLE_NS) {
		BASE_LOG(mgmt, INFO, "client (pid %d) closed: idle", conn->peer.pid);
		conn_close(conn);
	}
}

void
conn_tick(struct conn *conn, uint64_t now)
{
	conn_ref(conn);
	check_deadlines(conn, now);
	window_renew(conn, now);
	if (!conn->closed_already)
		conn_run(conn);
	conn_unref(conn);
}

struct conn *
conn_create(struct base_loop *loop, int fd, const struct rpc_service *service,
	void (*closed)(struct conn *conn))
{
	struct conn *conn = calloc(1, sizeof(*conn));
	socklen_t len = sizeof(conn->peer);

	if (conn == NULL)
		return NULL;
	conn->refs = 1;
	conn->loop = loop;
	conn->service = service;
	conn->closed = closed;
	conn->fd = fd;
	conn->events = EPOLLIN;
	conn->active_since = base_now_ns();
	conn->window_start = conn->active_since;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &conn->peer, &len) < 0) {
		conn->peer.pid = -1;
		conn->peer.uid = (uid_t)-1;
		conn->peer.gid = (gid_t)-1;
	}
	conn->watch = base_watch_add(loop, fd, EPOLLIN, conn_event, conn);
	if (conn->watch == NULL) {
		free(conn);
		return NULL;
	}
	return conn;
}
