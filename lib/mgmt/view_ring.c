/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Rings: everything that there is to know of one. */

#include "lcore/lcore.h"
#include "mgmt/view.h"

static json_t *
ring_counters(const struct vhost_ring *ring)
{
	const struct virtq_stats *stats = &ring->vq.stats;
	json_t *object = json_object();
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{"packets", stats->packets},
		{"bytes", stats->bytes},
		{"bursts", stats->bursts},
		{"runt", stats->runt},
		{"oversize", stats->oversize},
		{"rx_too_small", stats->rx_too_small},
		{"no_mbuf", stats->no_mbuf},
		{"calls", stats->calls},
		{"calls_suppressed", stats->calls_suppressed},
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(counters); i++)
		view_set_u64(object, counters[i].name, counters[i].value);
	return object;
}

/* The features that matter to this ring, as words. */
static json_t *
ring_features(const struct vhost_dev *dev, const struct vhost_ring *ring)
{
	json_t *names = json_array();

	if (!virtq_is_set_up(&ring->vq))
		return names;
	json_array_append_new(names, json_string("split"));
	if (ring->vq.event_idx)
		json_array_append_new(names, json_string("event_idx"));
	if (ring->vq.indirect)
		json_array_append_new(names, json_string("indirect_desc"));
	if ((dev->features & (1ull << VIRTQ_F_MRG_RXBUF)) != 0)
		json_array_append_new(names, json_string("mrg_rxbuf"));
	if ((dev->features & (1ull << VIRTQ_F_IN_ORDER)) != 0)
		json_array_append_new(names, json_string("in_order"));
	return names;
}

/* The CPU of the lcore that polls it, -1 if none does. */
static int
ring_cpu(const struct port *port, unsigned int index)
{
	const struct port_txq *txq = &port->txq[index / 2];
	const struct port_rxq *rxq = &port->rxq[index / 2];
	enum port_drop reason;
	bool discard;

	if (index % 2 == 0)
		return port_txq_use(txq, &reason) == PORT_OPEN ? lcore_cpu(txq->owner) : -1;
	return port_rxq_polled(rxq, &discard, &reason) ? lcore_cpu(rxq->owner) : -1;
}

static void
add_addresses(json_t *object, const struct vhost_ring *ring)
{
	json_t *addresses;

	if (!ring->addr_set) {
		json_object_set_new(object, "addresses", json_null());
		return;
	}
	addresses = json_object();
	view_set_hex(addresses, "desc", ring->desc_uva);
	view_set_hex(addresses, "avail", ring->avail_uva);
	view_set_hex(addresses, "used", ring->used_uva);
	json_object_set_new(object, "addresses", addresses);
}

static void
add_indices(json_t *object, const struct vhost_ring *ring)
{
	struct virtq_state state;
	bool mapped = virtq_is_set_up(&ring->vq);

	virtq_export(&ring->vq, &state);
	view_set_u64(object, "last_avail", state.last_avail);
	view_set_u64(object, "last_used", state.last_used);
	json_object_set_new(object, "guest_avail_idx",
		mapped ? json_integer(virtq_guest_avail_idx(&ring->vq)) : json_null());
	json_object_set_new(object, "guest_used_idx",
		mapped ? json_integer(virtq_guest_used_idx(&ring->vq)) : json_null());
}

json_t *
view_ring(const struct port *port, unsigned int index)
{
	const struct vhost_dev *dev = port->vhost;
	const struct vhost_ring *ring = &dev->rings[index];
	json_t *object = json_object();
	int cpu = ring_cpu(port, index);

	view_set_string(object, "device", port->conf.name);
	view_set_u64(object, "index", index);
	view_set_string(object, "direction", index % 2 == 0 ? "receive" : "transmit");
	view_set_u64(object, "size", ring->num);
	view_set_bool(object, "started", ring->started);
	view_set_bool(object, "enabled", ring->enabled);
	view_set_bool(object, "runnable", vhost_ring_runnable(dev, ring));
	view_set_string(object, "error", virtq_error_name(ring->vq.error));
	view_set_u64(object, "errors", ring->errors);
	json_object_set_new(object, "polled_by", cpu < 0 ? json_null() : json_integer(cpu));
	add_indices(object, ring);
	add_addresses(object, ring);
	json_object_set_new(object, "features", ring_features(dev, ring));
	json_object_set_new(object, "counters", ring_counters(ring));
	return object;
}

static void
append_rings(json_t *list, const struct port *port)
{
	unsigned int i;

	for (i = 0; port->vhost != NULL && i < port->vhost->n_rings; i++)
		json_array_append_new(list, view_ring(port, i));
}

json_t *
view_rings(const struct port *port)
{
	json_t *list = json_array();

	append_rings(list, port);
	return list;
}

json_t *
view_rings_all(void)
{
	json_t *list = json_array();
	const struct port *port;

	TAILQ_FOREACH(port, port_all(), next)
		append_rings(list, port);
	return list;
}
