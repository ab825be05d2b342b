/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * mgmt, private: JSON-RPC 2.0, from a line of text to a line of text.
 *
 * Concepts:
 *  - A *service* is a table of methods. A method's row says what parameters
 *    it takes, so that its handler sees only what is complete and of the
 *    right types.
 *  - A *line* is one request or a batch. The requests of a batch run in order,
 *    one after the other, also those that take their time: "add a port, then
 *    a wire to it" works in one batch.
 *  - A *call* is one request that is being handled. Its handler answers at
 *    once, or says -EINPROGRESS and answers later with rpc_finish().
 *
 * Nothing here knows sockets or EAL. One thread.
 */

#ifndef RPC_H
#define RPC_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/err.h"

#define RPC_MAX_PARAMS 4
#define RPC_MAX_BATCH  32

/* Error codes of JSON-RPC 2.0, and ours. */
#define RPC_PARSE_ERROR	     -32700
#define RPC_INVALID_REQUEST  -32600
#define RPC_METHOD_NOT_FOUND -32601
#define RPC_INVALID_PARAMS   -32602
#define RPC_INTERNAL_ERROR   -32603
#define RPC_FAILED	     -32000 /* the method's own; data.errno says more */

enum rpc_type {
	RPC_STRING,
	RPC_INTEGER,
	RPC_BOOLEAN,
	RPC_STRINGS, /**< an array of strings */
};

struct rpc_param {
	const char *name; /**< NULL ends the list */
	enum rpc_type type;
	bool required;
	const char *help;
};

struct rpc_call;

/**
 * Handle a request.
 *
 * @param params an object with what the row asks for; borrowed.
 * @param[out] result on 0, the answer; ownership passes on.
 * @return 0; -EINPROGRESS: rpc_finish() is called once, even before this
 *     returns; -errno with a sentence: the failure is the answer.
 */
typedef int (*rpc_handler_fn)(
	struct rpc_call *call, json_t *params, json_t **result, struct base_error *err);

struct rpc_method {
	const char *name;
	rpc_handler_fn handler;
	bool changes; /**< changes something: who asked for it is logged */
	bool open;    /**< takes further parameters too: strings, integers, booleans */
	const char *help;
	struct rpc_param params[RPC_MAX_PARAMS];
};

struct rpc_service {
	const struct rpc_method *methods;
	unsigned int n_methods;
	size_t max_answer; /**< bytes; a longer answer becomes an error */
};

/**
 * Called once for each line, when all of it is answered.
 *
 * @param text the answer with a newline, to be freed by the callee; NULL: there is none.
 */
typedef void (*rpc_answer_fn)(void *arg, char *text, size_t len);

/** Called before a method that changes something runs. May be NULL. */
typedef void (*rpc_audit_fn)(void *arg, const struct rpc_method *method, const json_t *params);

/**
 * Handle a line; answer is called before or after this returns.
 *
 * @return how many requests the line held, at least 1.
 */
unsigned int rpc_submit(const struct rpc_service *service, const char *line, size_t len,
	rpc_answer_fn answer, rpc_audit_fn audit, void *arg);

/**
 * Answer a call whose handler said -EINPROGRESS.
 *
 * @param ret 0 or -errno.
 * @param result on 0; ownership passes on.
 * @param err on failure; may be NULL.
 */
void rpc_finish(struct rpc_call *call, int ret, json_t *result, const struct base_error *err);

/** An error answer without a request, as a line to be freed; NULL without memory. */
char *rpc_error_line(int code, const char *message);

/** A string that is valid UTF-8 whatever the bytes are: what is not ASCII becomes '?' then. */
json_t *rpc_string(const char *text);

const char *rpc_type_name(enum rpc_type type);

#endif /* RPC_H */
