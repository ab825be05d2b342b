/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* The daemon as a whole: versions, totals, mbufs, log levels. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mempool.h>
#include <rte_version.h>

#include "lcore/lcore.h"
#include "mgmt/mgmt_priv.h"
#include "mgmt/view.h"

#define MEMPOOL_NAME "ringferry_mbufs"
#define SECOND_NS    1000000000ull
#define LOG_PREFIX   "ringferry."

json_t *
view_version(void)
{
	json_t *object = json_object();

	view_set_string(object, "version", RINGFERRY_VERSION);
	view_set_string(object, "dpdk", rte_version());
	view_set_u64(object, "pid", (uint64_t)getpid());
	view_set_u64(object, "uptime", (base_now_ns() - mgmt.started_ns) / SECOND_NS);
	view_set_string(object, "config_file", mgmt.config_file);
	view_set_string(object, "run_directory", mgmt.conf->run_directory);
	return object;
}

static void
add_totals(json_t *object)
{
	unsigned int ports = 0, up = 0, connected = 0, wires = 0;
	const struct fwd_wire *wire;
	const struct port *port;

	TAILQ_FOREACH(port, port_all(), next) {
		ports++;
		up += port->state == PORT_RUNNING && port->link_up;
		connected += port->vhost != NULL && vhost_dev_connected(port->vhost);
	}
	TAILQ_FOREACH(wire, fwd_wires(), next)
		wires++;
	view_set_u64(object, "ports", ports);
	view_set_u64(object, "ports_up", up);
	view_set_u64(object, "devices_connected", connected);
	view_set_u64(object, "wires", wires);
}

json_t *
view_status(void)
{
	json_t *object = json_object();

	view_set_u64(object, "uptime", (base_now_ns() - mgmt.started_ns) / SECOND_NS);
	add_totals(object);
	view_set_u64(object, "lcores", lcore_count());
	view_set_string(object, "idle_policy", conf_idle_policy_name(mgmt.conf->idle_policy));
	view_set_u64(object, "publications", lcore_publications());
	view_set_u64(object, "timeouts", lcore_timeouts());
	return object;
}

json_t *
view_mempool(void)
{
	struct rte_mempool *pool = rte_mempool_lookup(MEMPOOL_NAME);
	json_t *object = json_object();

	view_set_string(object, "name", MEMPOOL_NAME);
	if (pool == NULL)
		return object;
	view_set_u64(object, "size", pool->size);
	view_set_u64(object, "available", rte_mempool_avail_count(pool));
	view_set_u64(object, "in_use", rte_mempool_in_use_count(pool));
	view_set_u64(object, "element_size", pool->elt_size);
	return object;
}

/* "id 42: ringferry.vhost, level is info". @return NULL for a type that is not ours. */
static json_t *
log_view(char *line)
{
	char *name = strstr(line, LOG_PREFIX);
	unsigned int id;
	json_t *object;

	if (name == NULL || sscanf(line, "id %u:", &id) != 1)
		return NULL;
	name += strlen(LOG_PREFIX);
	name[strcspn(name, ", \n")] = '\0';
	object = json_object();
	view_set_string(object, "name", name);
	view_set_string(object, "level", base_log_level_name(rte_log_get_level(id)));
	return object;
}

/* The library tells its log types only as text; no list of ours to be forgotten. */
json_t *
view_logs(void)
{
	json_t *list = json_array();
	char *text = NULL, *line, *end;
	size_t len = 0;
	FILE *stream = open_memstream(&text, &len);

	if (stream == NULL)
		return list;
	rte_log_dump(stream);
	fclose(stream);
	for (line = text; line != NULL; line = end) {
		json_t *object;

		end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		object = log_view(line);
		if (object != NULL)
			json_array_append_new(list, object);
	}
	free(text);
	return list;
}
