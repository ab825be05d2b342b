/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * frontend: one vhost-user connection, from the front-end's side.
 *
 * Concepts:
 *  - A *message* is sent as told, header fields and descriptors included: the
 *    layer checks nothing of what it sends, so that tests can send what is
 *    wrong.
 *  - A *set* is a message without an answer of its own. With need_reply on,
 *    and REPLY_ACK negotiated, it asks for the acknowledgement and waits.
 *  - A *query* is a message with an answer.
 *  - Every wait has the connection's deadline.
 *
 * Errors, here and in everything above:
 *   -ECONNRESET  the back-end has closed the connection
 *   -ETIMEDOUT   no answer in time
 *   -EREMOTEIO   the back-end has answered, and the answer is no
 *   -EPROTO      the answer does not fit the question
 *   others       local failures
 *
 * One thread at a time per connection.
 */

#ifndef FE_CONN_H
#define FE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "fe_proto.h"

#define FE_MAX_PAYLOAD	   4096
#define FE_MAX_FDS	   64
#define FE_DEFAULT_TIMEOUT 10000 /* ms: a loaded machine under a sanitizer is slow */

struct fe_conn {
	int fd;	       /**< -1: not connected */
	int listen_fd; /**< -1: we connect, the back-end listens */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int timeout_ms;
	bool need_reply;   /**< ask for acknowledgements where they can be had */
	uint64_t protocol; /**< negotiated protocol features */
};

struct fe_msg {
	struct fe_hdr hdr;
	union {
		uint64_t u64;
		struct fe_vring_state state;
		struct fe_log log;
		uint8_t raw[FE_MAX_PAYLOAD];
	} payload;
	int fds[FE_MAX_FDS]; /**< the receiver's to close */
	unsigned int n_fds;
};

/** An unconnected connection with defaults; needs nothing to be freed. */
void fe_conn_init(struct fe_conn *c);

/** Connect to a back-end that listens, or will within the deadline. @return 0 or -errno. */
int fe_conn_connect(struct fe_conn *c, const char *path);

/** Listen for a back-end. An old socket of that name is removed. @return 0 or -errno. */
int fe_conn_listen(struct fe_conn *c, const char *path);

/** Wait for a back-end on the socket of fe_conn_listen(). @return 0 or -errno. */
int fe_conn_accept(struct fe_conn *c);

/** Close the connection; a listening socket stays. What was negotiated is forgotten. */
void fe_conn_close(struct fe_conn *c);

/** Close everything, and remove a listening socket. */
void fe_conn_fini(struct fe_conn *c);

/** Send bytes as they are, descriptors with the first of them. @return 0 or -errno. */
int fe_conn_send_raw(
	struct fe_conn *c, const void *data, size_t len, const int *fds, unsigned int n_fds);

/**
 * Send a message whose header says size, followed by that many bytes.
 *
 * @param flags as they go out: FE_FLAG_VERSION and what else is wanted.
 */
int fe_conn_send(struct fe_conn *c, uint32_t request, uint32_t flags, const void *payload,
	uint32_t size, const int *fds, unsigned int n_fds);

/** Wait for one message. @return 0; an error as above. */
int fe_conn_recv(struct fe_conn *c, struct fe_msg *msg);

/** Wait for the acknowledgement of one message. @return 0; -EREMOTEIO; an error as above. */
int fe_conn_recv_ack(struct fe_conn *c, uint32_t request);

/** Send a message without an answer of its own; see need_reply. */
int fe_conn_set(struct fe_conn *c, uint32_t request, const void *payload, uint32_t size,
	const int *fds, unsigned int n_fds);

/**
 * Send a message and wait for its answer, of which size bytes are wanted.
 *
 * @param reply_size  exactly what the answer has to have.
 */
int fe_conn_query(struct fe_conn *c, uint32_t request, const void *payload, uint32_t size,
	void *reply, uint32_t reply_size);

/** Have everything sent so far handled: a question whose answer does not matter. */
int fe_conn_barrier(struct fe_conn *c);

/** Wait for the back-end to close the connection. @return 0 when closed; -ETIMEDOUT. */
int fe_conn_wait_closed(struct fe_conn *c, int timeout_ms);

/** Monotonic milliseconds. */
int64_t fe_now_ms(void);

#endif /* FE_CONN_H */
