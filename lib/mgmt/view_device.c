/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Devices: a vhost port and what its front-end has negotiated. */

#include "mgmt/view.h"
#include "vhost/vhost_msg.h"

/* Bits of the device status (virtio 1.x 2.1). */
static const char *
status_name(unsigned int bit)
{
	static const char *const names[] = {"acknowledge", "driver", "driver_ok", "features_ok",
		NULL, NULL, "needs_reset", "failed"};

	return bit < RTE_DIM(names) ? names[bit] : NULL;
}

static const char *
protocol_feature_name(unsigned int bit)
{
	switch (bit) {
	case VHOST_PROTOCOL_F_MQ:
		return "mq";
	case VHOST_PROTOCOL_F_RARP:
		return "rarp";
	case VHOST_PROTOCOL_F_REPLY_ACK:
		return "reply_ack";
	case VHOST_PROTOCOL_F_NET_MTU:
		return "net_mtu";
	case VHOST_PROTOCOL_F_STATUS:
		return "status";
	default:
		return NULL;
	}
}

static json_t *
bits_view(uint64_t bits, const char *(*name)(unsigned int bit))
{
	json_t *object = json_object();

	view_set_hex(object, "bits", bits);
	json_object_set_new(object, "names", view_bits(bits, name));
	return object;
}

static json_t *
memory_view(const struct vhost_dev *dev)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; dev->mem != NULL && i < dev->mem->n_regions; i++) {
		const struct gmem_region *region = &dev->mem->regions[i];
		json_t *object = json_object();

		view_set_hex(object, "gpa", region->gpa);
		view_set_u64(object, "size", region->size);
		view_set_hex(object, "uva", region->uva);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
counters_view(const struct vhost_dev *dev)
{
	json_t *object = json_object();

	view_set_u64(object, "connections", dev->stats.connections);
	view_set_u64(object, "messages", dev->stats.messages);
	view_set_u64(object, "refused", dev->stats.refused);
	view_set_u64(object, "late", dev->stats.late);
	view_set_u64(object, "mem_tables", dev->stats.mem_tables);
	return object;
}

static unsigned int
count_runnable(const struct vhost_dev *dev)
{
	unsigned int i, n = 0;

	for (i = 0; i < dev->n_rings; i++)
		n += vhost_ring_runnable(dev, &dev->rings[i]);
	return n;
}

json_t *
view_device(const struct port *port)
{
	const struct vhost_dev *dev = port->vhost;
	json_t *object = json_object();
	bool connected;

	view_set_string(object, "name", port->conf.name);
	view_set_string(object, "socket", port->conf.socket);
	view_set_string(object, "mode", port->conf.client ? "client" : "server");
	if (dev == NULL)
		return object;
	connected = vhost_dev_connected(dev);
	view_set_bool(object, "connected", connected);
	json_object_set_new(
		object, "vid", connected ? json_integer(vhost_dev_vid(dev)) : json_null());
	json_object_set_new(object, "offered", bits_view(dev->offered, vhost_feature_name));
	json_object_set_new(object, "features",
		dev->features_set ? bits_view(dev->features, vhost_feature_name) : json_null());
	json_object_set_new(object, "protocol_features",
		bits_view(dev->protocol_features, protocol_feature_name));
	json_object_set_new(object, "status", bits_view(dev->status, status_name));
	json_object_set_new(object, "mtu", dev->mtu == 0 ? json_null() : json_integer(dev->mtu));
	json_object_set_new(object, "memory", memory_view(dev));
	json_object_set_new(object, "counters", counters_view(dev));
	view_set_u64(object, "runnable_rings", count_runnable(dev));
	json_object_set_new(object, "rings", view_rings(port));
	return object;
}

json_t *
view_devices(void)
{
	json_t *list = json_array();
	const struct port *port;

	TAILQ_FOREACH(port, port_all(), next)
		if (port->conf.type == CONF_PORT_VHOST)
			json_array_append_new(list, view_device(port));
	return list;
}
