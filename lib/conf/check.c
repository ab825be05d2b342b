/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* What ports and wires are worth together. The names are unique already, see ini.c. */

#include <errno.h>
#include <string.h>

#include "conf/ini.h"

static const struct conf_port *
check_find_port(const struct conf *conf, const char *name)
{
	unsigned int i;

	for (i = 0; i < conf->n_ports; i++)
		if (strcmp(conf->ports[i].name, name) == 0)
			return &conf->ports[i];
	return NULL;
}

static const char *
check_port_name(const void *set, unsigned int i)
{
	const struct conf *conf = set;

	return i < conf->n_ports ? conf->ports[i].name : NULL;
}

static int
check_blame(const struct conf_ini *ini, enum conf_ini_kind kind, const char *name, const char *key,
	const struct base_error *why, struct base_error *err)
{
	return conf_ini_blame(ini, conf_ini_find(ini, kind, name), key, why->text, err);
}

static int
check_port_pair(const struct conf_ini *ini, const struct conf_port *port,
	const struct conf_port *earlier, struct base_error *err)
{
	struct base_error why;

	if (port->type != earlier->type)
		return 0;
	if (port->type == CONF_PORT_VHOST && strcmp(port->socket, earlier->socket) == 0) {
		base_error_set(&why, EINVAL,
			"socket = %s: port %s (line %u) has this socket; expected one of its own",
			conf_text_quote(port->socket, strlen(port->socket)).text, earlier->name,
			earlier->line);
		return check_blame(ini, CONF_INI_PORT, port->name, "socket", &why, err);
	}
	if (port->type == CONF_PORT_ETHDEV && conf_device_same(port->device, earlier->device)) {
		base_error_set(&why, EINVAL,
			"device = %s: port %s (line %u) has this device; expected one of its own",
			conf_text_quote(port->device, strlen(port->device)).text, earlier->name,
			earlier->line);
		return check_blame(ini, CONF_INI_PORT, port->name, "device", &why, err);
	}
	return 0;
}

static int
check_wire_ports(const struct conf *conf, const struct conf_ini *ini, const struct conf_wire *wire,
	struct base_error *err)
{
	struct base_error why;
	const char *nearest;
	unsigned int end;

	for (end = 0; end < 2; end++) {
		const char *name = wire->port[end];

		if (check_find_port(conf, name) != NULL)
			continue;
		nearest = conf_text_nearest(name, check_port_name, conf);
		base_error_set(&why, EINVAL,
			"ports = %s, %s: there is no port %s%s%s%s; expected "
			"the names of two ports of this file",
			wire->port[0], wire->port[1], name,
			nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "",
			nearest != NULL ? "?)" : "");
		return check_blame(ini, CONF_INI_WIRE, wire->name, "ports", &why, err);
	}
	return 0;
}

static int
check_wire_pair(const struct conf_ini *ini, const struct conf_wire *wire,
	const struct conf_wire *earlier, struct base_error *err)
{
	struct base_error why;
	unsigned int end;

	for (end = 0; end < 2; end++) {
		if (strcmp(wire->port[end], earlier->port[0]) != 0 &&
			strcmp(wire->port[end], earlier->port[1]) != 0)
			continue;
		base_error_set(&why, EINVAL,
			"ports = %s, %s: port %s is in wire %s (line %u); "
			"expected a port that is in no other wire",
			wire->port[0], wire->port[1], wire->port[end], earlier->name,
			earlier->line);
		return check_blame(ini, CONF_INI_WIRE, wire->name, "ports", &why, err);
	}
	return 0;
}

int
conf_check_all(const struct conf *conf, const struct conf_ini *ini, struct base_error *err)
{
	unsigned int i, j;
	int ret = 0;

	for (i = 0; i < conf->n_ports && ret == 0; i++)
		for (j = 0; j < i && ret == 0; j++)
			ret = check_port_pair(ini, &conf->ports[i], &conf->ports[j], err);
	for (i = 0; i < conf->n_wires && ret == 0; i++) {
		ret = check_wire_ports(conf, ini, &conf->wires[i], err);
		for (j = 0; j < i && ret == 0; j++)
			ret = check_wire_pair(ini, &conf->wires[i], &conf->wires[j], err);
	}
	return ret;
}
