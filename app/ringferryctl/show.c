/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Results as text: ports, wires, counters, lcores. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "command.h"
#include "table.h"

#define REASONS_TEXT 256

/* "no_wire 3, runt 1" */
static const char *
reasons(const json_t *direction, char *buf, size_t size)
{
	json_t *dropped = json_object_get(direction, "dropped");
	size_t used = 0;
	const char *reason;
	json_t *count;

	snprintf(buf, size, "-");
	json_object_foreach(dropped, reason, count) {
		int n = snprintf(buf + used, size - used, "%s%s %" JSON_INTEGER_FORMAT,
			used == 0 ? "" : ", ", reason, json_integer_value(count));

		if (n < 0 || (size_t)n >= size - used)
			break;
		used += (size_t)n;
	}
	return buf;
}

void
show_ports(const json_t *result, bool rings __rte_unused)
{
	struct table *table = table_create("NAME|TYPE|STATE|WIRE|>QUEUES|>MTU|>IN PACKETS|"
					   ">IN DROPPED|>OUT PACKETS|>OUT DROPPED");
	const json_t *port;
	size_t i;

	json_array_foreach(result, i, port) {
		const json_t *in = json_object_get(port, "in");
		const json_t *out = json_object_get(port, "out");

		table_put_field(table, port, "name");
		table_put_field(table, port, "type");
		table_put_field(table, port, "state");
		table_put_field(table, port, "wire");
		table_put_field(table, port, "queues");
		table_put_field(table, port, "mtu");
		table_put_field(table, in, "packets");
		table_put_field(table, in, "dropped_total");
		table_put_field(table, out, "packets");
		table_put_field(table, out, "dropped_total");
	}
	table_print(table, 0);
}

static void
put_fields(struct table *table, json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
		if (!json_is_object(value))
			table_put_pair(table, key, "%s", field_text(object, key));
}

void
show_fields(const json_t *result, bool rings __rte_unused)
{
	struct table *table = table_create(NULL);

	put_fields(table, (json_t *)(uintptr_t)result);
	table_print(table, 0);
}

static void
put_direction(struct table *table, const char *name, const json_t *d, const char *went)
{
	char text[REASONS_TEXT];

	table_put_pair(table, name, "%s packets (%s bytes): %s %s, %s dropped, %s in hand",
		field_text(d, "packets"), field_text(d, "bytes"), field_text(d, went), went,
		field_text(d, "dropped_total"),
		json_object_get(d, "in_hand") == NULL ? "0" : field_text(d, "in_hand"));
	if (field_u64(d, "dropped_total") > 0)
		table_put_pair(table, "  dropped", "%s", reasons(d, text, sizeof(text)));
}

void
show_port(const json_t *result, bool rings __rte_unused)
{
	json_t *kind = json_object_get(result, field_text(result, "type"));
	struct table *table = table_create(NULL);

	put_fields(table, (json_t *)(uintptr_t)result);
	put_fields(table, kind);
	put_fields(table, json_object_get(kind, "nic"));
	put_direction(table, "in", json_object_get(result, "in"), "passed");
	put_direction(table, "out", json_object_get(result, "out"), "delivered");
	table_print(table, 0);
}

static void
put_wire(struct table *table, const json_t *wire)
{
	const json_t *ports = json_object_get(wire, "ports");
	size_t i;

	table_put_field(table, wire, "name");
	for (i = 0; i < 2; i++) {
		const char *port = json_string_value(json_array_get(ports, i));

		table_put(table, "%s", port == NULL ? "-" : port);
	}
	table_put_field(table, wire, "state");
}

void
show_wires(const json_t *result, bool rings __rte_unused)
{
	struct table *table = table_create("NAME|PORT|PORT|STATE");
	const json_t *wire;
	size_t i;

	json_array_foreach(result, i, wire)
		put_wire(table, wire);
	table_print(table, 0);
}

void
show_wire(const json_t *result, bool rings __rte_unused)
{
	struct table *table = table_create("NAME|PORT|PORT|STATE");

	put_wire(table, result);
	table_print(table, 0);
}

void
show_removed(const json_t *result, bool rings __rte_unused)
{
	printf("%s is removed\n", field_text(result, "name"));
}

static void
put_stats(struct table *table, const json_t *port, const char *way, const char *went)
{
	const json_t *d = json_object_get(port, way);
	char text[REASONS_TEXT];

	table_put_field(table, port, "name");
	table_put(table, "%s", way);
	table_put_field(table, d, "packets");
	table_put_field(table, d, "bytes");
	table_put_field(table, d, went);
	table_put_field(table, d, "in_hand");
	table_put_field(table, d, "dropped_total");
	table_put(table, "%s", reasons(d, text, sizeof(text)));
}

void
show_stats(const json_t *result, bool rings __rte_unused)
{
	struct table *table = table_create(
		"PORT|WAY|>PACKETS|>BYTES|>WENT ON|>IN HAND|>DROPPED|REASONS");
	const json_t *port;
	size_t i;

	json_array_foreach(result, i, port) {
		put_stats(table, port, "in", "passed");
		put_stats(table, port, "out", "delivered");
	}
	table_print(table, 0);
}

void
show_lcores(const json_t *result, bool rings __rte_unused)
{
	struct table *table = table_create(
		">CPU|>PATHS|>LOAD|>PACKETS|>ROUNDS|>BUSY CYCLES|>IDLE CYCLES|>YIELDS");
	const json_t *lcore;
	size_t i;

	json_array_foreach(result, i, lcore) {
		bool known = json_is_number(json_object_get(lcore, "load"));

		table_put_field(table, lcore, "cpu");
		table_put_field(table, lcore, "paths");
		table_put(table, "%s%s", field_text(lcore, "load"), known ? " %" : "");
		table_put_field(table, lcore, "packets");
		table_put_field(table, lcore, "rounds");
		table_put_field(table, lcore, "busy_cycles");
		table_put_field(table, lcore, "idle_cycles");
		table_put_field(table, lcore, "yields");
	}
	table_print(table, 0);
}

void
show_logs(const json_t *result, bool rings __rte_unused)
{
	struct table *table = table_create("ROOM|LEVEL");
	const json_t *room;
	size_t i;

	json_array_foreach(result, i, room) {
		table_put_field(table, room, "name");
		table_put_field(table, room, "level");
	}
	table_print(table, 0);
}
