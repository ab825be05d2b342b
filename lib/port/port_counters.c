/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* What a port has counted, from its queues and their virtqueues. */

#include <string.h>

#include "port/port_priv.h"

static const char *const drop_names[PORT_DROP_COUNT] = {
	[PORT_DROP_RUNT] = "runt",
	[PORT_DROP_OVERSIZE] = "oversize",
	[PORT_DROP_NO_WIRE] = "no_wire",
	[PORT_DROP_RING_DISABLED] = "ring_disabled",
	[PORT_DROP_NO_DEVICE] = "no_device",
	[PORT_DROP_RING_STOPPED] = "ring_stopped",
	[PORT_DROP_LINK_DOWN] = "link_down",
	[PORT_DROP_TOO_BIG] = "too_big",
	[PORT_DROP_RX_TOO_SMALL] = "rx_too_small",
	[PORT_DROP_TX_ERROR] = "tx_error",
	[PORT_DROP_PORT_REMOVED] = "port_removed",
};

const char *
port_drop_name(enum port_drop reason)
{
	return (unsigned int)reason < PORT_DROP_COUNT ? drop_names[reason] : "?";
}

static void
add_rxq(const struct port_rxq *rxq, struct port_counters *counters)
{
	unsigned int i;

	counters->in.packets += rxq->packets;
	counters->in.bytes += rxq->bytes;
	counters->in.passed += rxq->passed;
	for (i = 0; i < PORT_DROP_COUNT; i++)
		counters->in.dropped[i] += rxq->dropped[i];
	if (rxq->vq != NULL) {
		const struct virtq_stats *stats = &rxq->vq->stats;

		counters->in.packets += stats->packets + stats->runt + stats->oversize;
		counters->in.bytes += stats->bytes;
		counters->in.dropped[PORT_DROP_RUNT] += stats->runt;
		counters->in.dropped[PORT_DROP_OVERSIZE] += stats->oversize;
	}
}

static void
add_txq(const struct port_txq *txq, struct port_counters *counters)
{
	unsigned int i;

	counters->out.packets += txq->offered;
	counters->out.delivered += txq->packets;
	counters->out.bytes += txq->bytes;
	counters->out.in_hand += txq->n_pending;
	for (i = 0; i < PORT_DROP_COUNT; i++)
		counters->out.dropped[i] += txq->dropped[i];
	if (txq->vq != NULL) {
		const struct virtq_stats *stats = &txq->vq->stats;

		counters->out.delivered += stats->packets;
		counters->out.bytes += stats->bytes;
		counters->out.dropped[PORT_DROP_RX_TOO_SMALL] += stats->rx_too_small;
	}
}

void
port_counters_get(const struct port *port, struct port_counters *counters)
{
	uint16_t i;

	memset(counters, 0, sizeof(*counters));
	for (i = 0; i < port->n_queues; i++) {
		add_rxq(&port->rxq[i], counters);
		add_txq(&port->txq[i], counters);
	}
}
