/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Ports and wires. */

#include <stdio.h>

#include <rte_ethdev.h>
#include <rte_ether.h>

#include "mgmt/view.h"

static json_t *
offered_features(const struct conf_port *conf)
{
	json_t *names = json_array();
	unsigned int i;

	for (i = 0; i < CONF_FEATURE_COUNT; i++)
		if ((conf->features & (1u << i)) != 0)
			json_array_append_new(names, json_string(conf_feature_name(i)));
	return names;
}

static json_t *
vhost_view(const struct port *port)
{
	const struct vhost_dev *dev = port->vhost;
	json_t *object = json_object();
	char mode[8];

	view_set_string(object, "socket", port->conf.socket);
	view_set_string(object, "mode", port->conf.client ? "client" : "server");
	if (port->conf.client) {
		view_set_bool(object, "reconnect", port->conf.reconnect);
	} else {
		snprintf(mode, sizeof(mode), "0%o", port->conf.socket_mode);
		view_set_string(object, "socket_mode", mode);
	}
	json_object_set_new(object, "features", offered_features(&port->conf));
	view_set_bool(object, "connected", dev != NULL && vhost_dev_connected(dev));
	json_object_set_new(object, "vid",
		dev != NULL && vhost_dev_connected(dev) ? json_integer(vhost_dev_vid(dev))
							: json_null());
	return object;
}

static void
add_link(json_t *object, uint16_t id)
{
	struct rte_eth_link link;
	bool known = rte_eth_link_get_nowait(id, &link) == 0;

	view_set_string(
		object, "link", known && link.link_status == RTE_ETH_LINK_UP ? "up" : "down");
	json_object_set_new(object, "speed",
		known && link.link_status == RTE_ETH_LINK_UP &&
				link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN
			? json_integer(link.link_speed)
			: json_null());
}

static void
add_identity(json_t *object, uint16_t id)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	char text[RTE_ETHER_ADDR_FMT_SIZE];

	view_set_string(
		object, "driver", rte_eth_dev_info_get(id, &info) == 0 ? info.driver_name : NULL);
	if (rte_eth_macaddr_get(id, &mac) < 0)
		return;
	rte_ether_format_addr(text, sizeof(text), &mac);
	view_set_string(object, "mac", text);
}

/* What the NIC has lost or refused itself. */
static void
add_nic_counters(json_t *object, uint16_t id)
{
	struct rte_eth_stats stats;
	json_t *nic = json_object();

	if (rte_eth_stats_get(id, &stats) == 0) {
		view_set_u64(nic, "imissed", stats.imissed);
		view_set_u64(nic, "ierrors", stats.ierrors);
		view_set_u64(nic, "oerrors", stats.oerrors);
		view_set_u64(nic, "rx_nombuf", stats.rx_nombuf);
	}
	json_object_set_new(object, "nic", nic);
}

static json_t *
ethdev_view(const struct port *port)
{
	json_t *object = json_object();

	view_set_string(object, "device", port->conf.device);
	/* While it starts or goes, it is the helper thread's. */
	if (port->state != PORT_RUNNING || !rte_eth_dev_is_valid_port(port->eth_port))
		return object;
	view_set_u64(object, "port_id", port->eth_port);
	add_identity(object, port->eth_port);
	add_link(object, port->eth_port);
	add_nic_counters(object, port->eth_port);
	return object;
}

json_t *
view_port(const struct port *port)
{
	const struct fwd_wire *wire = fwd_wire_of(port);
	json_t *object = json_object();

	view_set_string(object, "name", port->conf.name);
	view_set_string(object, "type", conf_port_type_name(port->conf.type));
	view_set_string(object, "state", port_state_name(port));
	view_set_string(object, "wire", wire == NULL ? NULL : wire->name);
	view_set_u64(object, "queues", port->n_queues);
	view_set_u64(object, "mtu", port->conf.mtu);
	view_add_counters(object, port);
	if (port->conf.type == CONF_PORT_VHOST)
		json_object_set_new(object, "vhost", vhost_view(port));
	else
		json_object_set_new(object, "ethdev", ethdev_view(port));
	return object;
}

json_t *
view_ports(void)
{
	json_t *list = json_array();
	const struct port *port;

	TAILQ_FOREACH(port, port_all(), next)
		json_array_append_new(list, view_port(port));
	return list;
}

static bool
port_up(const struct port *port)
{
	return port->state == PORT_RUNNING && port->link_up;
}

static json_t *
view_wire(const struct fwd_wire *wire)
{
	json_t *object = json_object();
	json_t *ports = json_array();

	view_set_string(object, "name", wire->name);
	json_array_append_new(ports, json_string(wire->port[0]->conf.name));
	json_array_append_new(ports, json_string(wire->port[1]->conf.name));
	json_object_set_new(object, "ports", ports);
	view_set_string(
		object, "state", port_up(wire->port[0]) && port_up(wire->port[1]) ? "up" : "down");
	return object;
}

json_t *
view_wires(void)
{
	json_t *list = json_array();
	const struct fwd_wire *wire;

	TAILQ_FOREACH(wire, fwd_wires(), next)
		json_array_append_new(list, view_wire(wire));
	return list;
}
