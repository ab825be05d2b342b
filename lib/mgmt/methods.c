/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* The methods: what the control socket can be asked. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lcore/lcore.h"
#include "mgmt/mgmt_priv.h"
#include "mgmt/server.h"
#include "mgmt/view.h"

/* Ports that are being added or removed, by whomever. */
#define MAX_UNDER_WAY 64

/* A port that is being added or removed for a client. */
struct port_op {
	struct rpc_call *call;
	char name[CONF_NAME_MAX];
};

static unsigned int under_way;

static const char *
text_of(const json_t *params, const char *key)
{
	return json_string_value(json_object_get(params, key));
}

static struct port *
named_port(const json_t *params, const char *key, struct base_error *err)
{
	const char *name = text_of(params, key);
	struct port *port = port_find(name);

	if (port == NULL)
		base_error_set(err, ENOENT, "there is no port %s", name);
	return port;
}

static struct port *
named_device(const json_t *params, const char *key, struct base_error *err)
{
	const char *name = text_of(params, key);
	struct port *port = port_find(name);

	if (port != NULL && port->conf.type == CONF_PORT_VHOST)
		return port;
	base_error_set(err, ENOENT,
		port == NULL ? "there is no device %s"
			     : "port %s is not a vhost port: it has no device",
		name);
	return NULL;
}

/* ---- what only looks ------------------------------------------------------- */

static int
do_version(struct rpc_call *call __rte_unused, json_t *params __rte_unused, json_t **result,
	struct base_error *err __rte_unused)
{
	*result = view_version();
	return 0;
}

static int
do_status(struct rpc_call *call __rte_unused, json_t *params __rte_unused, json_t **result,
	struct base_error *err __rte_unused)
{
	*result = view_status();
	return 0;
}

static int
do_port_list(struct rpc_call *call __rte_unused, json_t *params __rte_unused, json_t **result,
	struct base_error *err __rte_unused)
{
	*result = view_ports();
	return 0;
}

static int
do_port_show(
	struct rpc_call *call __rte_unused, json_t *params, json_t **result, struct base_error *err)
{
	const struct port *port = named_port(params, "name", err);

	if (port == NULL)
		return -ENOENT;
	*result = view_port(port);
	return 0;
}

static int
do_wire_list(struct rpc_call *call __rte_unused, json_t *params __rte_unused, json_t **result,
	struct base_error *err __rte_unused)
{
	*result = view_wires();
	return 0;
}

static int
do_device_list(struct rpc_call *call __rte_unused, json_t *params __rte_unused, json_t **result,
	struct base_error *err __rte_unused)
{
	*result = view_devices();
	return 0;
}

static int
do_device_show(
	struct rpc_call *call __rte_unused, json_t *params, json_t **result, struct base_error *err)
{
	const struct port *port = named_device(params, "name", err);

	if (port == NULL)
		return -ENOENT;
	*result = view_device(port);
	return 0;
}

static int
do_ring_list(
	struct rpc_call *call __rte_unused, json_t *params, json_t **result, struct base_error *err)
{
	const struct port *port;

	if (text_of(params, "device") == NULL) {
		*result = view_rings_all();
		return 0;
	}
	port = named_device(params, "device", err);
	if (port == NULL)
		return -ENOENT;
	*result = view_rings(port);
	return 0;
}

static int
do_lcore_list(struct rpc_call *call __rte_unused, json_t *params __rte_unused, json_t **result,
	struct base_error *err __rte_unused)
{
	*result = view_lcores();
	return 0;
}

static int
do_mempool_show(struct rpc_call *call __rte_unused, json_t *params __rte_unused, json_t **result,
	struct base_error *err __rte_unused)
{
	*result = view_mempool();
	return 0;
}

/* A list in any case. */
static int
do_stats_show(
	struct rpc_call *call __rte_unused, json_t *params, json_t **result, struct base_error *err)
{
	const struct port *port;

	if (text_of(params, "port") == NULL) {
		*result = view_stats_all();
		return 0;
	}
	port = named_port(params, "port", err);
	if (port == NULL)
		return -ENOENT;
	*result = json_array();
	json_array_append_new(*result, view_stats(port));
	return 0;
}

static int
do_log_list(struct rpc_call *call __rte_unused, json_t *params __rte_unused, json_t **result,
	struct base_error *err __rte_unused)
{
	*result = view_logs();
	return 0;
}

/* ---- ports ----------------------------------------------------------------- */

static struct port_op *
op_create(struct rpc_call *call, const char *name, struct base_error *err)
{
	struct port_op *op;

	if (under_way >= MAX_UNDER_WAY) {
		base_error_set(
			err, EBUSY, "%u ports are being added or removed; try again", under_way);
		return NULL;
	}
	op = calloc(1, sizeof(*op));
	if (op == NULL)
		return NULL;
	op->call = call;
	snprintf(op->name, sizeof(op->name), "%s", name);
	under_way++;
	return op;
}

static void
op_free(struct port_op *op)
{
	under_way--;
	free(op);
}

static json_t *
removed_view(const char *name)
{
	json_t *object = json_object();

	view_set_string(object, "name", name);
	view_set_bool(object, "removed", true);
	return object;
}

static void
port_added(void *arg, int result, const struct base_error *err)
{
	struct port_op *op = arg;
	const struct port *port = result == 0 ? port_find(op->name) : NULL;

	if (result == 0 && port == NULL)
		result = -ENOENT;
	rpc_finish(op->call, result, port == NULL ? NULL : view_port(port), err);
	op_free(op);
}

static void
port_removed(void *arg, int result, const struct base_error *err)
{
	struct port_op *op = arg;

	rpc_finish(op->call, result, result == 0 ? removed_view(op->name) : NULL, err);
	op_free(op);
}

/* A value as it would stand in the file. */
static int
value_text(const json_t *value, char *buf, size_t size)
{
	int len;

	if (json_is_string(value))
		len = snprintf(buf, size, "%s", json_string_value(value));
	else if (json_is_integer(value))
		len = snprintf(buf, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		len = snprintf(buf, size, "%s", json_is_true(value) ? "yes" : "no");
	return len < 0 || (size_t)len >= size ? -EINVAL : 0;
}

static int
set_port_key(struct conf_port *conf, const char *key, const json_t *value, struct base_error *err)
{
	char text[CONF_DEVICE_MAX];

	if (value_text(value, text, sizeof(text)) < 0)
		return base_error_set(err, EINVAL, "%.64s: the value is longer than %zu characters",
			key, sizeof(text) - 1);
	return conf_port_set(conf, key, text, err);
}

static int
read_port_params(json_t *params, struct conf_port *conf, struct base_error *err)
{
	const char *key;
	json_t *value;
	int ret;

	ret = set_port_key(conf, "type", json_object_get(params, "type"), err);
	if (ret < 0)
		return ret;
	json_object_foreach(params, key, value) {
		if (strcmp(key, "type") == 0 || strcmp(key, "name") == 0)
			continue;
		ret = set_port_key(conf, key, value, err);
		if (ret < 0)
			return ret;
	}
	return conf_port_resolve(conf, mgmt.conf->run_directory, err);
}

/* What the file's cross-checks say, against the ports that are there. */
static int
check_clash(const struct conf_port *conf, struct base_error *err)
{
	const struct port *port;
	unsigned int n = 0;

	TAILQ_FOREACH(port, port_all(), next) {
		const char *name = port->conf.name;

		n++;
		if (strcmp(name, conf->name) == 0)
			return base_error_set(err, EEXIST, "port %s exists", name);
		if (port->conf.type != conf->type)
			continue;
		if (conf->type == CONF_PORT_VHOST && strcmp(port->conf.socket, conf->socket) == 0)
			return base_error_set(
				err, EEXIST, "port %s has the socket %s", name, conf->socket);
		if (conf->type == CONF_PORT_ETHDEV &&
			conf_device_same(port->conf.device, conf->device))
			return base_error_set(
				err, EEXIST, "port %s has the device %s", name, conf->device);
	}
	if (n >= CONF_MAX_PORTS)
		return base_error_set(err, ENOSPC, "there are %u ports, the limit", n);
	return 0;
}

static int
check_name(const char *what, const char *name, struct base_error *err)
{
	if (conf_name_valid(name))
		return 0;
	return base_error_set(err, EINVAL,
		"\"%.40s\" cannot be the name of a %s; expected 1 to 31 of A-Z a-z 0-9 _ . -, "
		"a letter or digit first",
		name, what);
}

static int
do_port_add(
	struct rpc_call *call, json_t *params, json_t **result __rte_unused, struct base_error *err)
{
	const char *name = text_of(params, "name");
	struct conf_port conf;
	struct port_op *op;
	int ret;

	ret = check_name("port", name, err);
	if (ret < 0)
		return ret;
	conf_port_defaults(&conf, name);
	ret = read_port_params(params, &conf, err);
	if (ret == 0)
		ret = check_clash(&conf, err);
	if (ret < 0)
		return ret;
	op = op_create(call, name, err);
	if (op == NULL)
		return -EBUSY;
	ret = port_add(&conf, port_added, op, err);
	if (ret < 0) {
		op_free(op);
		return ret;
	}
	return -EINPROGRESS;
}

static int
do_port_remove(
	struct rpc_call *call, json_t *params, json_t **result __rte_unused, struct base_error *err)
{
	struct port *port = named_port(params, "name", err);
	struct port_op *op;
	int ret;

	if (port == NULL)
		return -ENOENT;
	op = op_create(call, port->conf.name, err);
	if (op == NULL)
		return -EBUSY;
	ret = port_remove(port, port_removed, op, err);
	if (ret < 0) {
		op_free(op);
		return ret;
	}
	return -EINPROGRESS;
}

/* ---- wires ----------------------------------------------------------------- */

static json_t *
wire_view(const char *name)
{
	json_t *list = view_wires();
	json_t *wire, *found = NULL;
	size_t i;

	json_array_foreach(list, i, wire)
		if (strcmp(text_of(wire, "name"), name) == 0)
			found = json_incref(wire);
	json_decref(list);
	return found;
}

static int
read_wire_params(const json_t *params, struct conf_wire *conf, struct base_error *err)
{
	const json_t *ports = json_object_get(params, "ports");
	unsigned int i;
	int ret;

	if (json_array_size(ports) != 2)
		return base_error_set(
			err, EINVAL, "ports: %zu names, expected 2", json_array_size(ports));
	ret = check_name("wire", text_of(params, "name"), err);
	for (i = 0; i < 2 && ret == 0; i++)
		ret = check_name("port", json_string_value(json_array_get(ports, i)), err);
	if (ret < 0)
		return ret;
	memset(conf, 0, sizeof(*conf));
	snprintf(conf->name, sizeof(conf->name), "%s", text_of(params, "name"));
	for (i = 0; i < 2; i++)
		snprintf(conf->port[i], sizeof(conf->port[i]), "%s",
			json_string_value(json_array_get(ports, i)));
	return 0;
}

/* In effect when this returns, unless a lcore is late: then a timer goes on with it. */
static void
publish(void)
{
	if (lcore_quiesce() < 0)
		BASE_LOG(mgmt, WARNING,
			"a data lcore is late; the change takes effect when it is back");
}

static int
do_wire_add(
	struct rpc_call *call __rte_unused, json_t *params, json_t **result, struct base_error *err)
{
	struct conf_wire conf;
	int ret;

	ret = read_wire_params(params, &conf, err);
	if (ret == 0)
		ret = fwd_wire_add(&conf, err);
	if (ret < 0)
		return ret;
	publish();
	*result = wire_view(conf.name);
	return 0;
}

static int
do_wire_remove(
	struct rpc_call *call __rte_unused, json_t *params, json_t **result, struct base_error *err)
{
	const char *name = text_of(params, "name");
	int ret = fwd_wire_remove(name, err);

	if (ret < 0)
		return ret;
	publish();
	*result = removed_view(name);
	return 0;
}

/* ---- logs ------------------------------------------------------------------- */

static bool
room_logs(const char *room)
{
	json_t *list = view_logs();
	bool found = false;
	json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
		found |= strcmp(text_of(entry, "name"), room) == 0;
	json_decref(list);
	return found;
}

static int
do_log_set(
	struct rpc_call *call __rte_unused, json_t *params, json_t **result, struct base_error *err)
{
	const char *room = text_of(params, "room");
	const char *level = text_of(params, "level");
	bool all = strcmp(room, "all") == 0;
	char setting[128];

	if (!all && !room_logs(room))
		return base_error_set(err, ENOENT,
			"there is no room %.40s; log.list tells which there are, \"all\" means all",
			room);
	if (base_log_parse_level(level) < 0)
		return base_error_set(err, EINVAL,
			"there is no level %.40s; expected error, warning, notice, info or debug",
			level);
	snprintf(setting, sizeof(setting), "%s%s%s", all ? "" : room, all ? "" : ":", level);
	if (base_log_set_levels(setting) < 0)
		return base_error_set(err, EINVAL, "%s cannot be set", setting);
	*result = view_logs();
	return 0;
}

/* ---- the table -------------------------------------------------------------- */

static int do_rpc_list(
	struct rpc_call *call, json_t *params, json_t **result, struct base_error *err);

#define NAME_OF(what) \
	{ \
		"name", RPC_STRING, true, "name of the " what \
	}

static const struct rpc_method methods[] = {
	{"version", do_version, .help = "Versions, process, configuration file."},
	{"status.show", do_status, .help = "The daemon in a few numbers."},
	{"rpc.list", do_rpc_list, .help = "All methods and their parameters."},
	{"port.list", do_port_list, .help = "All ports with their counters."},
	{"port.show", do_port_show, .help = "One port.", .params = {NAME_OF("port")}},
	{"port.add", do_port_add, .changes = true, .open = true,
		.help = "Add a port. Answered when it runs, or has failed to. Further parameters "
			"are the keys of a [port] section.",
		.params = {NAME_OF("port"), {"type", RPC_STRING, true, "vhost or ethdev"}}},
	{"port.remove", do_port_remove, .changes = true,
		.help = "Remove a port that is in no wire. Answered when it is gone.",
		.params = {NAME_OF("port")}},
	{"wire.list", do_wire_list, .help = "All wires."},
	{"wire.add", do_wire_add, .changes = true, .help = "Join two ports.",
		.params = {NAME_OF("wire"), {"ports", RPC_STRINGS, true, "names of two ports"}}},
	{"wire.remove", do_wire_remove, .changes = true, .help = "Part the ports of a wire.",
		.params = {NAME_OF("wire")}},
	{"device.list", do_device_list, .help = "The devices of all vhost ports."},
	{"device.show", do_device_show, .help = "The device of one vhost port.",
		.params = {NAME_OF("port")}},
	{"ring.list", do_ring_list, .help = "All rings, or those of one device.",
		.params = {{"device", RPC_STRING, false, "name of the port"}}},
	{"lcore.list", do_lcore_list, .help = "The data lcores and their load."},
	{"stats.show", do_stats_show, .help = "Counters of all ports, or of one.",
		.params = {{"port", RPC_STRING, false, "name of the port"}}},
	{"mempool.show", do_mempool_show, .help = "Packet buffers: how many, how many in use."},
	{"log.list", do_log_list, .help = "The rooms that log, and their levels."},
	{"log.set", do_log_set, .changes = true, .help = "Set the log level of a room.",
		.params = {{"room", RPC_STRING, true, "name of a room, or all"},
			{"level", RPC_STRING, true, "error, warning, notice, info or debug"}}},
};

const struct rpc_service mgmt_service = {
	.methods = methods,
	.n_methods = RTE_DIM(methods),
	.max_answer = SERVER_MAX_ANSWER,
};

static json_t *
method_view(const struct rpc_method *method)
{
	json_t *object = json_object(), *params = json_array();
	unsigned int i;

	for (i = 0; i < RPC_MAX_PARAMS && method->params[i].name != NULL; i++) {
		const struct rpc_param *param = &method->params[i];

		json_array_append_new(params,
			json_pack("{s:s, s:s, s:b, s:s}", "name", param->name, "type",
				rpc_type_name(param->type), "required", param->required, "help",
				param->help));
	}
	view_set_string(object, "name", method->name);
	view_set_string(object, "help", method->help);
	view_set_bool(object, "changes", method->changes);
	view_set_bool(object, "open", method->open);
	json_object_set_new(object, "params", params);
	return object;
}

static int
do_rpc_list(struct rpc_call *call __rte_unused, json_t *params __rte_unused, json_t **result,
	struct base_error *err __rte_unused)
{
	unsigned int i;

	*result = json_array();
	for (i = 0; i < RTE_DIM(methods); i++)
		json_array_append_new(*result, method_view(&methods[i]));
	return 0;
}
