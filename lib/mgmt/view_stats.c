/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Counters of a port, and whether they add up. */

#include "mgmt/view.h"

/*
 * While packets move, the fields of one snapshot are a burst apart. Some
 * later one is not, if the traffic pauses.
 */
#define SNAPSHOTS 4

static uint64_t
sum_drops(const uint64_t *dropped)
{
	uint64_t total = 0;
	unsigned int i;

	for (i = 0; i < PORT_DROP_COUNT; i++)
		total += dropped[i];
	return total;
}

static bool
in_balanced(const struct port_counters *c)
{
	return c->in.packets == c->in.passed + sum_drops(c->in.dropped) + c->in.in_hand;
}

static bool
out_balanced(const struct port_counters *c)
{
	return c->out.packets == c->out.delivered + sum_drops(c->out.dropped) + c->out.in_hand;
}

static void
add_drops(json_t *object, const uint64_t *dropped)
{
	json_t *reasons = json_object();
	unsigned int i;

	for (i = 0; i < PORT_DROP_COUNT; i++)
		if (dropped[i] != 0)
			view_set_u64(reasons, port_drop_name(i), dropped[i]);
	json_object_set_new(object, "dropped", reasons);
	view_set_u64(object, "dropped_total", sum_drops(dropped));
}

static json_t *
in_view(const struct port_counters *c)
{
	json_t *in = json_object();

	view_set_u64(in, "packets", c->in.packets);
	view_set_u64(in, "bytes", c->in.bytes);
	view_set_u64(in, "passed", c->in.passed);
	view_set_u64(in, "in_hand", c->in.in_hand);
	add_drops(in, c->in.dropped);
	view_set_bool(in, "balanced", in_balanced(c));
	return in;
}

static json_t *
out_view(const struct port_counters *c)
{
	json_t *out = json_object();

	view_set_u64(out, "packets", c->out.packets);
	view_set_u64(out, "delivered", c->out.delivered);
	view_set_u64(out, "bytes", c->out.bytes);
	view_set_u64(out, "in_hand", c->out.in_hand);
	add_drops(out, c->out.dropped);
	view_set_bool(out, "balanced", out_balanced(c));
	return out;
}

void
view_add_counters(json_t *object, const struct port *port)
{
	struct port_counters counters;
	unsigned int i;

	for (i = 0; i < SNAPSHOTS; i++) {
		port_counters_get(port, &counters);
		if (in_balanced(&counters) && out_balanced(&counters))
			break;
	}
	json_object_set_new(object, "in", in_view(&counters));
	json_object_set_new(object, "out", out_view(&counters));
}

json_t *
view_stats(const struct port *port)
{
	json_t *object = json_object();

	view_set_string(object, "name", port->conf.name);
	view_add_counters(object, port);
	return object;
}

json_t *
view_stats_all(void)
{
	json_t *list = json_array();
	const struct port *port;

	TAILQ_FOREACH(port, port_all(), next)
		json_array_append_new(list, view_stats(port));
	return list;
}
