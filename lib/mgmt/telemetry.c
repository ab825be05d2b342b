/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * The views on DPDK's telemetry socket, read-only.
 *
 * DPDK calls back on threads of its own, also after telemetry_stop(), since a
 * command cannot be taken back. A callback asks the management lcore for the
 * view, waits for a second at most, and translates the JSON:
 *  - a list of names becomes an array of strings;
 *  - a list of objects becomes a dictionary with one dictionary for each,
 *    under its number;
 *  - in an object, what is nested deeper is flattened: in/packets;
 *  - a list of strings in an object becomes one string, with commas;
 *  - true and false become 1 and 0, null is left out.
 * An answer has at most 16 KiB; the number of entries of a list that found no
 * room is under "omitted".
 */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_telemetry.h>

#include "mgmt/mgmt_priv.h"
#include "mgmt/view.h"

#define ASK_NS	   (1000ull * 1000 * 1000)
#define ANSWER_MAX (15 * 1024) /* of the 16 KiB; what braces and the command need is kept back */
#define TEXT_MAX   RTE_TEL_MAX_STRING_LEN
#define ENTRY_MAX  (RTE_TEL_MAX_DICT_ENTRIES - 1) /* one is for "omitted" */

/* A request on its way to the management lcore and back. */
struct question {
	json_t *(*view)(const char *param);
	char param[TEXT_MAX];
	json_t *answer;
};

/* Telemetry threads and management, under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t nobody_asks = PTHREAD_COND_INITIALIZER;
static struct base_loop *ask_loop; /* NULL: stopped */
static unsigned int asking;

/* ---- views, on the management lcore ------------------------------------------ */

static json_t *
names_of(json_t *list)
{
	json_t *names = json_array(), *entry;
	size_t i;

	json_array_foreach(list, i, entry)
		json_array_append(names, json_object_get(entry, "name"));
	json_decref(list);
	return names;
}

static json_t *
tel_ports(const char *param __rte_unused)
{
	return names_of(view_stats_all());
}

static json_t *
tel_port(const char *param)
{
	const struct port *port = port_find(param);

	return port == NULL ? NULL : view_port(port);
}

static const struct port *
find_device(const char *name)
{
	const struct port *port = port_find(name);

	return port != NULL && port->conf.type == CONF_PORT_VHOST ? port : NULL;
}

static json_t *
tel_devices(const char *param __rte_unused)
{
	json_t *names = json_array();
	const struct port *port;

	TAILQ_FOREACH(port, port_all(), next)
		if (port->conf.type == CONF_PORT_VHOST)
			json_array_append_new(names, json_string(port->conf.name));
	return names;
}

static json_t *
tel_device(const char *param)
{
	const struct port *port = find_device(param);
	json_t *device;

	if (port == NULL)
		return NULL;
	device = view_device(port);
	/* They have a command of their own. */
	json_object_del(device, "rings");
	return device;
}

static json_t *
tel_rings(const char *param)
{
	const struct port *port = find_device(param);

	return port == NULL ? NULL : view_rings(port);
}

static json_t *
tel_lcores(const char *param __rte_unused)
{
	return view_lcores();
}

static json_t *
tel_wires(const char *param __rte_unused)
{
	return view_wires();
}

static json_t *
tel_stats(const char *param)
{
	const struct port *port;

	if (param[0] == '\0')
		return view_stats_all();
	port = port_find(param);
	return port == NULL ? NULL : view_stats(port);
}

static json_t *
tel_mempool(const char *param __rte_unused)
{
	return view_mempool();
}

/* What a command answers with. */
enum shape {
	NAMES, /* an array of strings */
	VIEW,  /* an object, or a list of objects */
};

static const struct {
	const char *command;
	json_t *(*view)(const char *param);
	enum shape shape;
	bool needs_param;
	const char *help;
} commands[] = {
	{"/ringferry/ports", tel_ports, NAMES, false, "Names of the ports. No parameters"},
	{"/ringferry/port", tel_port, VIEW, true,
		"One port with its counters. Parameters: string port"},
	{"/ringferry/devices", tel_devices, NAMES, false,
		"Names of the vhost devices. No parameters"},
	{"/ringferry/device", tel_device, VIEW, true, "One vhost device. Parameters: string port"},
	{"/ringferry/rings", tel_rings, VIEW, true,
		"The rings of a device. Parameters: string port"},
	{"/ringferry/lcores", tel_lcores, VIEW, false, "The data lcores. No parameters"},
	{"/ringferry/wires", tel_wires, VIEW, false, "The wires. No parameters"},
	{"/ringferry/stats", tel_stats, VIEW, false,
		"Counters of all ports, or of one. Parameters: string port (optional)"},
	{"/ringferry/mempool", tel_mempool, VIEW, false, "Packet buffers. No parameters"},
};

/* ---- asking, on a telemetry thread -------------------------------------------- */

static struct base_loop *
asking_begin(void)
{
	struct base_loop *loop;

	pthread_mutex_lock(&lock);
	loop = ask_loop;
	if (loop != NULL)
		asking++;
	pthread_mutex_unlock(&lock);
	return loop;
}

static void
asking_end(void)
{
	pthread_mutex_lock(&lock);
	asking--;
	if (asking == 0)
		pthread_cond_signal(&nobody_asks);
	pthread_mutex_unlock(&lock);
}

static void
question_free(void *arg)
{
	struct question *question = arg;

	json_decref(question->answer);
	free(question);
}

/* On the management lcore. Ports may be gone once the room is stopped. */
static int
question_run(void *arg)
{
	struct question *question = arg;
	bool stopped;

	pthread_mutex_lock(&lock);
	stopped = ask_loop == NULL;
	pthread_mutex_unlock(&lock);
	if (stopped)
		return -ESHUTDOWN;
	question->answer = question->view(question->param);
	return question->answer == NULL ? -ENOENT : 0;
}

/* @return the view, the caller's; NULL if there is none, or no answer in time. */
static json_t *
ask(json_t *(*view)(const char *param), const char *param)
{
	struct question *question = calloc(1, sizeof(*question));
	struct base_loop *loop;
	json_t *answer;
	int ret;

	if (question == NULL)
		return NULL;
	question->view = view;
	snprintf(question->param, sizeof(question->param), "%s", param == NULL ? "" : param);
	loop = asking_begin();
	if (loop == NULL) {
		question_free(question);
		return NULL;
	}
	ret = base_loop_call(loop, question_run, question, question_free, ASK_NS);
	asking_end();
	if (ret == -ETIMEDOUT)
		return NULL; /* the loop frees it, some day */
	answer = question->answer;
	question->answer = NULL;
	question_free(question);
	return answer;
}

/* ---- JSON to telemetry --------------------------------------------------------- */

/* What an answer may still hold. */
struct budget {
	size_t bytes;
	unsigned int entries;
};

static bool
spend(struct budget *budget, size_t bytes)
{
	if (budget->entries == 0 || bytes > budget->bytes)
		return false;
	budget->entries--;
	budget->bytes -= bytes;
	return true;
}

/* A name may have letters, digits, _ and / only. */
static void
join_name(char *buf, size_t size, const char *prefix, const char *name)
{
	char *c;

	snprintf(buf, size, "%s%s%s", prefix, prefix[0] == '\0' ? "" : "/", name);
	for (c = buf; *c != '\0'; c++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/",
			    *c) == NULL)
			*c = '_';
}

static void
join_strings(char *buf, size_t size, const json_t *array)
{
	size_t used = 0, i;
	const json_t *item;

	buf[0] = '\0';
	json_array_foreach(array, i, item) {
		int n = snprintf(buf + used, size - used, "%s%s", i == 0 ? "" : ",",
			json_is_string(item) ? json_string_value(item) : "?");

		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}

static bool
put_text(struct rte_tel_data *dict, struct budget *budget, const char *name, const char *text)
{
	if (!spend(budget, strlen(name) + strlen(text) + 6))
		return false;
	return rte_tel_data_add_dict_string(dict, name, text) >= 0;
}

static bool
put_number(struct rte_tel_data *dict, struct budget *budget, const char *name, json_int_t number)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, number);

	if (!spend(budget, strlen(name) + (size_t)len + 4))
		return false;
	if (number < 0)
		return rte_tel_data_add_dict_int(dict, name, (int)number) >= 0;
	return rte_tel_data_add_dict_u64(dict, name, (uint64_t)number) >= 0;
}

static bool put_object(
	struct rte_tel_data *dict, struct budget *budget, const char *prefix, const json_t *object);

static bool
put_array(struct rte_tel_data *dict, struct budget *budget, const char *name, const json_t *array)
{
	char text[TEXT_MAX], number[24];
	const json_t *item;
	size_t i;

	if (!json_is_object(json_array_get(array, 0))) {
		join_strings(text, sizeof(text), array);
		return put_text(dict, budget, name, text);
	}
	json_array_foreach(array, i, item) {
		snprintf(number, sizeof(number), "%zu", i);
		join_name(text, sizeof(text), name, number);
		if (!put_object(dict, budget, text, item))
			return false;
	}
	return true;
}

static bool
put_value(struct rte_tel_data *dict, struct budget *budget, const char *name, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return put_object(dict, budget, name, value);
	case JSON_ARRAY:
		return put_array(dict, budget, name, value);
	case JSON_STRING:
		return put_text(dict, budget, name, json_string_value(value));
	case JSON_INTEGER:
		return put_number(dict, budget, name, json_integer_value(value));
	case JSON_REAL:
		return put_number(dict, budget, name, (json_int_t)(json_real_value(value) + 0.5));
	case JSON_TRUE:
	case JSON_FALSE:
		return put_number(dict, budget, name, json_is_true(value));
	case JSON_NULL:
	default:
		return true;
	}
}

static bool
put_object(
	struct rte_tel_data *dict, struct budget *budget, const char *prefix, const json_t *object)
{
	char name[TEXT_MAX];
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		join_name(name, sizeof(name), prefix, key);
		if (!put_value(dict, budget, name, value))
			return false;
	}
	return true;
}

/* One entry of a list, all of it or nothing. */
static bool
put_entry(struct rte_tel_data *dict, struct budget *budget, size_t number, const json_t *object)
{
	struct budget inner = {.bytes = budget->bytes, .entries = ENTRY_MAX};
	struct rte_tel_data *entry;
	char name[24];

	entry = rte_tel_data_alloc();
	if (entry == NULL)
		return false;
	rte_tel_data_start_dict(entry);
	snprintf(name, sizeof(name), "%zu", number);
	if (budget->entries == 0 || !put_object(entry, &inner, "", object) ||
		inner.bytes < sizeof(name) ||
		rte_tel_data_add_dict_container(dict, name, entry, 0) < 0) {
		rte_tel_data_free(entry);
		return false;
	}
	budget->bytes = inner.bytes - sizeof(name);
	budget->entries--;
	return true;
}

static void
put_list(struct rte_tel_data *data, const json_t *list)
{
	struct budget budget = {.bytes = ANSWER_MAX, .entries = ENTRY_MAX};
	size_t i, n = json_array_size(list);

	rte_tel_data_start_dict(data);
	for (i = 0; i < n; i++)
		if (!put_entry(data, &budget, i, json_array_get(list, i)))
			break;
	if (i < n)
		rte_tel_data_add_dict_u64(data, "omitted", n - i);
}

/* The rest of more names than fit is left out; no entry could say so. */
static void
put_names(struct rte_tel_data *data, const json_t *names)
{
	struct budget budget = {.bytes = ANSWER_MAX, .entries = RTE_TEL_MAX_ARRAY_ENTRIES};
	const json_t *name;
	size_t i;

	rte_tel_data_start_array(data, RTE_TEL_STRING_VAL);
	json_array_foreach(names, i, name) {
		if (!spend(&budget, json_string_length(name) + 3))
			return;
		rte_tel_data_add_array_string(data, json_string_value(name));
	}
}

static void
put_answer(struct rte_tel_data *data, enum shape shape, const json_t *answer)
{
	struct budget budget = {.bytes = ANSWER_MAX, .entries = ENTRY_MAX};

	if (shape == NAMES) {
		put_names(data, answer);
	} else if (json_is_array(answer)) {
		put_list(data, answer);
	} else {
		rte_tel_data_start_dict(data);
		if (!put_object(data, &budget, "", answer))
			rte_tel_data_add_dict_u64(data, "omitted", 1);
	}
}

/* DPDK's thread. */
static int
answer_command(const char *cmd, const char *params, struct rte_tel_data *data)
{
	json_t *answer;
	unsigned int i;

	for (i = 0; i < RTE_DIM(commands); i++)
		if (strcmp(cmd, commands[i].command) == 0)
			break;
	if (i == RTE_DIM(commands))
		return -EINVAL;
	if (commands[i].needs_param && (params == NULL || params[0] == '\0'))
		return -EINVAL;
	answer = ask(commands[i].view, params);
	if (answer == NULL)
		return -ENOENT;
	put_answer(data, commands[i].shape, answer);
	json_decref(answer);
	return 0;
}

/* ---- management lcore ------------------------------------------------------------ */

int
telemetry_start(struct base_loop *loop, struct base_error *err)
{
	static bool registered;
	unsigned int i;
	int ret;

	pthread_mutex_lock(&lock);
	ask_loop = loop;
	pthread_mutex_unlock(&lock);
	for (i = 0; i < RTE_DIM(commands) && !registered; i++) {
		ret = rte_telemetry_register_cmd(
			commands[i].command, answer_command, commands[i].help);
		if (ret < 0)
			return base_error_set(err, -ret, "cannot register the telemetry command %s",
				commands[i].command);
	}
	registered = true;
	return 0;
}

void
telemetry_stop(void)
{
	struct timespec deadline;

	/* Who has asked waits for this thread, for as long as ASK_NS: no answer is on its way. */
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += 2;
	pthread_mutex_lock(&lock);
	ask_loop = NULL;
	while (asking > 0)
		if (pthread_cond_timedwait(&nobody_asks, &lock, &deadline) != 0)
			break;
	if (asking > 0)
		BASE_LOG(mgmt, ERR, "a telemetry thread still waits for an answer");
	pthread_mutex_unlock(&lock);
}
