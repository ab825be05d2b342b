/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define CHUNK	     (64u * 1024)
#define RETRY_MS     20
#define ANSWER_LIMIT (64u * 1024 * 1024)

struct client {
	int fd;
	const char *path;
	struct timespec deadline;
	char *text; /* what has been received */
	size_t len;
};

static int
ms_left(const struct client *client)
{
	struct timespec now;
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (client->deadline.tv_sec - now.tv_sec) * 1000 +
		(client->deadline.tv_nsec - now.tv_nsec) / 1000000;
	return ms < 0 ? 0 : (int)ms;
}

static int
fail(const struct client *client, int code, const char *what, struct base_error *err)
{
	return base_error_set(err, code, "%s: %s: %s", client->path, what, strerror(code));
}

/* @return 0; -ETIMEDOUT. */
static int
wait_for(const struct client *client, short events)
{
	struct pollfd pollfd = {.fd = client->fd, .events = events};
	int left;

	while ((left = ms_left(client)) > 0) {
		int n = poll(&pollfd, 1, left);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
	return -ETIMEDOUT;
}

static int
client_connect(struct client *client, struct base_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(client->path) >= sizeof(addr.sun_path))
		return fail(client, ENAMETOOLONG, "not a socket", err);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", client->path);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (client->fd < 0)
		return fail(client, errno, "no socket", err);
	while (connect(client->fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		/* EAGAIN: more clients wait than the daemon's queue holds. */
		if (errno != EAGAIN && errno != EINTR)
			return fail(client, errno, "cannot connect to ringferryd", err);
		if (ms_left(client) == 0)
			return fail(client, ETIMEDOUT, "cannot connect to ringferryd", err);
		poll(NULL, 0, RETRY_MS);
	}
	return 0;
}

static int
client_send(struct client *client, const char *text, struct base_error *err)
{
	size_t len = strlen(text), sent = 0;
	int ret;

	while (sent < len) {
		ssize_t n = send(client->fd, text + sent, len - sent, MSG_NOSIGNAL);

		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		/* The daemon may have said why it hung up. */
		if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return fail(client, errno, "cannot send", err);
		ret = wait_for(client, POLLOUT);
		if (ret < 0)
			return fail(client, -ret, "the daemon does not read", err);
	}
	return 0;
}

static int
client_receive(struct client *client, struct base_error *err)
{
	size_t size = 0;
	ssize_t n;
	int ret;

	for (;;) {
		if (size - client->len < CHUNK) {
			char *text = realloc(client->text, size += size + CHUNK);

			if (text == NULL || size > ANSWER_LIMIT)
				return fail(client, ENOMEM, "the answer is too long", err);
			client->text = text;
		}
		n = recv(client->fd, client->text + client->len, size - client->len, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return fail(
				client, ECONNRESET, "the daemon hung up without an answer", err);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return fail(client, errno, "cannot receive", err);
		if (n < 0) {
			ret = wait_for(client, POLLIN);
			if (ret < 0)
				return fail(client, -ret, "no answer from the daemon", err);
			continue;
		}
		client->len += (size_t)n;
		if (client->text[client->len - 1] == '\n')
			return 0;
	}
}

static int
take_answer(const struct client *client, json_t **result, struct base_error *err)
{
	json_t *answer = json_loadb(client->text, client->len, 0, NULL);
	const json_t *error = json_object_get(answer, "error");
	const char *message = json_string_value(json_object_get(error, "message"));
	int ret = 0;

	*result = json_incref(json_object_get(answer, "result"));
	if (error != NULL) {
		base_error_set(err, EPROTO, "%s", message == NULL ? "refused" : message);
		ret = 1;
	} else if (*result == NULL) {
		ret = fail(client, EPROTO, "this is not the answer of a ringferryd", err);
	}
	json_decref(answer);
	return ret;
}

static char *
make_request(const char *method, json_t *params)
{
	json_t *request = json_pack("{s:s, s:i, s:s}", "jsonrpc", "2.0", "id", 1, "method", method);
	char *text, *line = NULL;

	if (params != NULL && json_object_size(params) > 0)
		json_object_set(request, "params", params);
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (text == NULL || asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}

int
client_call(const char *path, const char *method, json_t *params, json_t **result,
	struct base_error *err)
{
	struct client client = {.fd = -1, .path = path};
	char *request = make_request(method, params);
	int ret;

	*result = NULL;
	if (request == NULL)
		return base_error_set(err, ENOMEM, "no memory");
	clock_gettime(CLOCK_MONOTONIC, &client.deadline);
	client.deadline.tv_sec += CLIENT_DEADLINE_S;
	ret = client_connect(&client, err);
	if (ret == 0)
		ret = client_send(&client, request, err);
	if (ret == 0)
		ret = client_receive(&client, err);
	if (ret == 0)
		ret = take_answer(&client, result, err);
	if (client.fd >= 0)
		close(client.fd);
	free(client.text);
	free(request);
	return ret;
}
