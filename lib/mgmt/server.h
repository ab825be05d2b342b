/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * mgmt, private: the control socket, lines in and lines out.
 *
 * What one client can take is bounded: connections, the length of a line, the
 * time to finish it, requests a second, time of the management lcore a
 * second, answers that it does not read. The lines of a connection are
 * handled in order, one after the other.
 */

#ifndef SERVER_H
#define SERVER_H

#include "base/err.h"
#include "base/loop.h"
#include "mgmt/rpc.h"

#define SERVER_MAX_CONNS 16
#define SERVER_MAX_GONE	 64 /* clients that have gone with work under way */
#define SERVER_MAX_LINE	 (64u * 1024)
/* What is not sent yet. Beyond the first mark no further line is handled. */
#define SERVER_OUTPUT_MARK (256u * 1024)
#define SERVER_MAX_OUTPUT  (4u * 1024 * 1024)
#define SERVER_MAX_ANSWER  (SERVER_MAX_OUTPUT - SERVER_OUTPUT_MARK)

#define SERVER_SECOND_NS   (1000ull * 1000 * 1000)
/* In a window, a connection may make so many requests and take so much time. */
#define SERVER_WINDOW_NS       SERVER_SECOND_NS
#define SERVER_WINDOW_REQUESTS 1000
#define SERVER_WINDOW_BUSY_NS  (SERVER_SECOND_NS / 5)
/* Then other events get their turn. */
#define SERVER_TURN_NS	 (SERVER_SECOND_NS / 500)

#define SERVER_LINE_NS	 (10 * SERVER_SECOND_NS)  /* to finish a line */
#define SERVER_STALL_NS	 (10 * SERVER_SECOND_NS)  /* without reading our answer */
#define SERVER_IDLE_NS	 (600 * SERVER_SECOND_NS) /* without a request */
#define SERVER_LINGER_NS (2 * SERVER_SECOND_NS)	  /* to read the reason of a close */

/**
 * Listen. A socket that nobody listens on any more is replaced.
 *
 * @return 0; -EADDRINUSE if somebody listens there; -errno with a sentence.
 */
int server_start(struct base_loop *loop, const char *path, const struct rpc_service *service,
	struct base_error *err);

/** Close all connections, remove the socket. */
void server_stop(void);

#endif /* SERVER_H */
