/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * mgmt, private: one client of the control socket.
 *
 * References: the server's list has one, a line under way has one, and so has
 * each function while it runs, so that a connection may be closed anywhere
 * and is freed when the last of them is done with it.
 */

#ifndef CONN_H
#define CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/loop.h"
#include "mgmt/rpc.h"
#include "mgmt/server.h"

struct conn {
	TAILQ_ENTRY(conn) next;
	unsigned int refs;
	struct base_loop *loop;
	const struct rpc_service *service;
	void (*closed)(struct conn *conn); /* take it off the list */
	int fd; /* -1: the client is gone; what it sent may still be handled */
	struct base_watch *watch;
	uint32_t events;
	struct base_timer *turn; /* goes on with the lines after others had their turn */
	struct ucred peer;

	bool busy;    /* a line is under way */
	bool running; /* conn_run() is on the stack */
	bool eof;     /* nothing more comes in */
	bool closing; /* an error is told; then it ends */
	bool closed_already;

	char in[SERVER_MAX_LINE];
	size_t in_len;
	char *out;
	size_t out_len, out_sent, out_size;

	uint64_t line_since;   /* an unfinished line, 0: none */
	uint64_t out_since;    /* the last progress of the output, 0: none waits */
	uint64_t active_since; /* the last request */
	uint64_t closing_since;
	uint64_t window_start;
	uint64_t window_busy_ns;
	unsigned int window_requests;
};

/** Takes the descriptor over. @return with the reference of the list; NULL with errno set. */
struct conn *conn_create(struct base_loop *loop, int fd, const struct rpc_service *service,
	void (*closed)(struct conn *conn));

void conn_unref(struct conn *conn);

/** Close at once; gives up the list's reference. */
void conn_close(struct conn *conn);

/** Deadlines and windows: to be called every so often. */
void conn_tick(struct conn *conn, uint64_t now);

#endif /* CONN_H */
