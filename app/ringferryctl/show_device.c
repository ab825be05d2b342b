/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Results as text: devices and rings. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "command.h"
#include "table.h"

#define MIB (1024 * 1024)

static uint64_t
memory_size(const json_t *device)
{
	const json_t *region;
	uint64_t size = 0;
	size_t i;

	json_array_foreach(json_object_get(device, "memory"), i, region)
		size += field_u64(region, "size");
	return size;
}

/* The names of a field with bits and names; "-" if there is none. */
static const char *
names_of(const json_t *device, const char *key)
{
	return field_text(json_object_get(device, key), "names");
}

void
show_devices(const json_t *result, bool rings __rte_unused)
{
	struct table *table = table_create("NAME|CONNECTED|>MEMORY MiB|>RINGS|>RUNNABLE|>MESSAGES|"
					   ">REFUSED|FEATURES");
	const json_t *device;
	size_t i;

	json_array_foreach(result, i, device) {
		const json_t *counters = json_object_get(device, "counters");

		table_put_field(table, device, "name");
		table_put_field(table, device, "connected");
		table_put(table, "%" PRIu64, memory_size(device) / MIB);
		table_put(table, "%zu", json_array_size(json_object_get(device, "rings")));
		table_put_field(table, device, "runnable_rings");
		table_put_field(table, counters, "messages");
		table_put_field(table, counters, "refused");
		table_put(table, "%s", names_of(device, "features"));
	}
	table_print(table, 0);
}

static void
put_bits(struct table *table, const json_t *device, const char *key, const char *title)
{
	const json_t *field = json_object_get(device, key);

	if (json_is_object(field))
		table_put_pair(table, title, "%s  %s", field_text(field, "bits"),
			field_text(field, "names"));
	else
		table_put_pair(table, title, "-");
}

static void
put_memory(struct table *table, const json_t *device)
{
	const json_t *memory = json_object_get(device, "memory");
	const json_t *region;
	size_t i;

	if (json_array_size(memory) == 0)
		table_put_pair(table, "memory", "-");
	json_array_foreach(memory, i, region)
		table_put_pair(table, i == 0 ? "memory" : "", "%s at %s (%s in the front-end)",
			field_text(region, "size"), field_text(region, "gpa"),
			field_text(region, "uva"));
}

void
show_device(const json_t *result, bool rings)
{
	const json_t *counters = json_object_get(result, "counters");
	const json_t *list = json_object_get(result, "rings");
	struct table *table = table_create(NULL);

	table_put_pair(table, "name", "%s", field_text(result, "name"));
	table_put_pair(table, "socket", "%s (%s)", field_text(result, "socket"),
		field_text(result, "mode"));
	table_put_pair(table, "connected", "%s", field_text(result, "connected"));
	put_bits(table, result, "offered", "offered");
	put_bits(table, result, "features", "features");
	put_bits(table, result, "protocol_features", "protocol");
	put_bits(table, result, "status", "status");
	table_put_pair(table, "mtu", "%s", field_text(result, "mtu"));
	put_memory(table, result);
	table_put_pair(table, "messages",
		"%s, %s refused, %s late; %s connections, %s memory tables",
		field_text(counters, "messages"), field_text(counters, "refused"),
		field_text(counters, "late"), field_text(counters, "connections"),
		field_text(counters, "mem_tables"));
	table_put_pair(table, "rings", "%zu, %s runnable", json_array_size(list),
		field_text(result, "runnable_rings"));
	table_print(table, 0);
	if (!rings)
		return;
	printf("\n");
	show_rings(list, true);
}

static const char *
ring_state(const json_t *ring)
{
	if (strcmp(field_text(ring, "error"), "none") != 0)
		return "error";
	if (!json_is_true(json_object_get(ring, "started")))
		return "stopped";
	if (!json_is_true(json_object_get(ring, "runnable")))
		return "waiting";
	return json_is_true(json_object_get(ring, "enabled")) ? "running" : "disabled";
}

static void
show_indices(const json_t *rings)
{
	struct table *table = table_create("DEVICE|>RING|DIRECTION|STATE|>SIZE|>CPU|>AVAIL|>GUEST|"
					   ">USED|>GUEST|>PACKETS|>ERRORS|ERROR");
	const json_t *ring;
	size_t i;

	json_array_foreach(rings, i, ring) {
		table_put_field(table, ring, "device");
		table_put_field(table, ring, "index");
		table_put_field(table, ring, "direction");
		table_put(table, "%s", ring_state(ring));
		table_put_field(table, ring, "size");
		table_put_field(table, ring, "polled_by");
		table_put_field(table, ring, "last_avail");
		table_put_field(table, ring, "guest_avail_idx");
		table_put_field(table, ring, "last_used");
		table_put_field(table, ring, "guest_used_idx");
		table_put_field(table, json_object_get(ring, "counters"), "packets");
		table_put_field(table, ring, "errors");
		table_put_field(table, ring, "error");
	}
	table_print(table, 0);
}

static void
show_addresses(const json_t *rings)
{
	struct table *table = table_create("DEVICE|>RING|>DESCRIPTORS|>AVAILABLE|>USED|>CALLS|"
					   ">NOT WANTED|>NO MBUF|FEATURES");
	const json_t *ring;
	size_t i;

	json_array_foreach(rings, i, ring) {
		const json_t *addresses = json_object_get(ring, "addresses");
		const json_t *counters = json_object_get(ring, "counters");

		table_put_field(table, ring, "device");
		table_put_field(table, ring, "index");
		table_put_field(table, addresses, "desc");
		table_put_field(table, addresses, "avail");
		table_put_field(table, addresses, "used");
		table_put_field(table, counters, "calls");
		table_put_field(table, counters, "calls_suppressed");
		table_put_field(table, counters, "no_mbuf");
		table_put_field(table, ring, "features");
	}
	table_print(table, 0);
}

void
show_rings(const json_t *result, bool rings __rte_unused)
{
	show_indices(result);
	printf("\n");
	show_addresses(result);
}
