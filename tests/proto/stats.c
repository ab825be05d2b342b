/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "stats.h"

#define REST_MS	   3000 /* for packets to come to rest */
#define ANSWER_MAX (256 * 1024)
#define ANSWER_S   5

static int
control_connect(const struct daemon *d)
{
	const struct timeval limit = {.tv_sec = ANSWER_S};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", daemon_path(d, "ringferry.sock"));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* One line, the answer to one request. */
static json_t *
read_answer(int fd)
{
	static char text[ANSWER_MAX];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text)) {
		n = recv(fd, text + len, sizeof(text) - len, 0);
		if (n <= 0)
			return NULL;
		len += (size_t)n;
		if (text[len - 1] == '\n')
			return json_loadb(text, len, 0, NULL);
	}
	return NULL;
}

/* @return the list of ports' counters, the caller's to release; NULL. */
static json_t *
ask_stats(const struct daemon *d)
{
	static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stats.show\"}\n";
	int fd = control_connect(d);
	json_t *answer = NULL, *result;

	if (fd >= 0 && send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0)
		answer = read_answer(fd);
	if (fd >= 0)
		close(fd);
	result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	if (!json_is_array(result))
		fprintf(stderr, "stats: no answer of use\n");
	return result;
}

static json_t *
find_port(json_t *ports, const char *name)
{
	json_t *port;
	size_t i;

	json_array_foreach(ports, i, port) {
		const char *its = json_string_value(json_object_get(port, "name"));

		if (its != NULL && strcmp(its, name) == 0)
			return port;
	}
	return NULL;
}

static int64_t
value(json_t *port, const char *direction, const char *field)
{
	json_t *number = json_object_get(json_object_get(port, direction), field);

	return json_is_integer(number) ? json_integer_value(number) : -1;
}

static int64_t
dropped(json_t *port, const char *direction)
{
	json_t *reasons = json_object_get(json_object_get(port, direction), "dropped");
	const char *reason;
	int64_t sum = 0;
	json_t *count;

	json_object_foreach(reasons, reason, count)
		sum += json_integer_value(count);
	return sum;
}

static bool
adds_up(json_t *port)
{
	return value(port, "in", "packets") >= 0 && value(port, "out", "packets") >= 0 &&
		value(port, "in", "packets") ==
		value(port, "in", "passed") + dropped(port, "in") + value(port, "in", "in_hand") &&
		value(port, "out", "packets") ==
		value(port, "out", "delivered") + dropped(port, "out") +
			value(port, "out", "in_hand");
}

/* What passed in at one end is what the other end was offered. */
static bool
wire_adds_up(json_t *ports, const char *from, const char *to)
{
	return value(find_port(ports, from), "in", "passed") ==
		value(find_port(ports, to), "out", "packets");
}

static bool
all_add_up(json_t *ports)
{
	static const char *const wires[][2] = {{"a1", "a2"}, {"b1", "b2"}, {"c1", "c2"}};
	bool good = json_array_size(ports) == 6;
	json_t *port;
	size_t i;

	json_array_foreach(ports, i, port)
		good &= adds_up(port);
	for (i = 0; i < sizeof(wires) / sizeof(wires[0]); i++)
		good &= wire_adds_up(ports, wires[i][0], wires[i][1]) &&
			wire_adds_up(ports, wires[i][1], wires[i][0]);
	return good;
}

static void
print_stats(json_t *ports)
{
	char *text = json_dumps(ports, JSON_INDENT(1));

	fprintf(stderr, "the daemon's counters:\n%s\n", text == NULL ? "none" : text);
	free(text);
}

bool
stats_conserved(const struct daemon *d)
{
	int64_t deadline = fe_now_ms() + REST_MS;
	json_t *ports;
	bool good;

	for (;;) {
		ports = ask_stats(d);
		good = all_add_up(ports);
		if (good || !json_is_array(ports) || fe_now_ms() > deadline)
			break;
		json_decref(ports);
	}
	if (!good) {
		fprintf(stderr, "stats: the counters do not add up\n");
		print_stats(ports);
	}
	json_decref(ports);
	return good;
}

bool
stats_match(const struct daemon *d, const char *name, struct fe_guest *g)
{
	uint64_t sent = fe_guest_tx(g, 0)->packets, received = fe_guest_rx(g, 0)->packets;
	json_t *ports = ask_stats(d);
	json_t *port = find_port(ports, name);
	bool good = value(port, "in", "packets") == (int64_t)sent &&
		value(port, "out", "delivered") == (int64_t)received;

	if (!good) {
		fprintf(stderr, "stats: guest %s has sent %" PRIu64 " and received %" PRIu64 "\n",
			name, sent, received);
		print_stats(port);
	}
	json_decref(ports);
	return good;
}
