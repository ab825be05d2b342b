/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * Ports that are vhost-user devices. Queue n receives from ring 2n + 1 and
 * transmits to ring 2n. Control.
 */

#include <errno.h>
#include <string.h>

#include <rte_net.h>
#include <rte_arp.h>

#include "port/port_priv.h"

static struct port *
port_of(const struct vhost_dev *dev)
{
	return dev->owner;
}

static void
update_link(struct port *port)
{
	unsigned int i;

	/* A pause is not for anyone to see. */
	if (port->vhost->paused)
		return;
	port->link_up = false;
	for (i = 0; i < port->vhost->n_rings; i++)
		port->link_up |= vhost_ring_runnable(port->vhost, &port->vhost->rings[i]);
}

static int
env_quiesce(struct vhost_dev *dev)
{
	update_link(port_of(dev));
	return port_env->quiesce();
}

static void
env_changed(struct vhost_dev *dev)
{
	update_link(port_of(dev));
	port_env->changed();
}

static void
env_defer(void (*fn)(void *arg), void *arg)
{
	port_env->defer(fn, arg);
}

/* The RARP goes out as if the guest had sent it, on its first queue. */
static void
env_announce(struct vhost_dev *dev, const uint8_t mac[6])
{
	struct port *port = port_of(dev);
	struct rte_ether_addr addr;
	struct rte_mbuf *frame, *none = NULL;

	memcpy(addr.addr_bytes, mac, sizeof(addr.addr_bytes));
	frame = rte_net_make_rarp_packet(port_env->pool, &addr);
	if (frame == NULL) {
		BASE_LOG(port, WARNING, "%s: no mbuf for an announcement", port->conf.name);
		return;
	}
	/* One that still waits says the same. */
	if (!__atomic_compare_exchange_n(
		    &port->rxq[0].inject, &none, frame, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		rte_pktmbuf_free(frame);
}

static struct vhost_env vhost_env = {
	.quiesce = env_quiesce,
	.changed = env_changed,
	.defer = env_defer,
	.announce = env_announce,
};

int
port_vhost_init(struct base_error *err)
{
	vhost_env.loop = port_env->loop;
	vhost_env.worker = port_env->worker;
	return vhost_init(err);
}

static void
started(void *arg, int result, const struct base_error *err)
{
	struct port_job *job = arg;
	struct port *port = job->port;

	if (result < 0) {
		job->error = *err;
		vhost_dev_destroy(port->vhost);
		port->vhost = NULL;
	}
	port_started(job, result);
}

static int
start(struct port *port, struct port_job *job)
{
	uint16_t i;

	port->vhost = vhost_dev_create(&vhost_env, &port->conf, port);
	if (port->vhost == NULL)
		return -ENOMEM;
	for (i = 0; i < port->n_queues; i++) {
		port->txq[i].vq = &port->vhost->rings[2 * i].vq;
		port->txq[i].burst = port_vhost_tx;
		port->rxq[i].vq = &port->vhost->rings[2 * i + 1].vq;
		port->rxq[i].burst = port_vhost_rx;
	}
	if (vhost_dev_start(port->vhost, started, job) < 0) {
		vhost_dev_destroy(port->vhost);
		return -ENOMEM;
	}
	return 0;
}

static void
removed(void *arg, int result __rte_unused, const struct base_error *err __rte_unused)
{
	struct port_job *job = arg;
	struct port *port = job->port;
	uint16_t i;

	/* The virtqueues go with the device. */
	for (i = 0; i < port->n_queues; i++) {
		port->txq[i].vq = NULL;
		port->rxq[i].vq = NULL;
	}
	port->vhost = NULL;
	port_removed(job);
}

static int
remove_port(struct port *port, struct port_job *job)
{
	return vhost_dev_remove(port->vhost, removed, job);
}

static bool
check(struct port *port)
{
	/* It reports a change by itself. */
	vhost_dev_check_rings(port->vhost);
	return false;
}

static bool
rxq_polled(const struct port_rxq *rxq, bool *discard, enum port_drop *reason)
{
	const struct vhost_dev *dev = rxq->port->vhost;
	const struct vhost_ring *ring = &dev->rings[2 * rxq->index + 1];

	/* The protocol wants the packets of a disabled transmit ring consumed and discarded. */
	*discard = !ring->enabled;
	*reason = PORT_DROP_RING_DISABLED;
	return vhost_ring_runnable(dev, ring);
}

static enum port_use
txq_use(const struct port_txq *txq, enum port_drop *reason)
{
	const struct vhost_dev *dev = txq->port->vhost;
	const struct vhost_ring *ring = &dev->rings[2 * txq->index];

	if (dev->paused)
		return PORT_HELD;
	if (!vhost_dev_connected(dev))
		*reason = PORT_DROP_NO_DEVICE;
	else if (!vhost_ring_runnable(dev, ring))
		*reason = PORT_DROP_RING_STOPPED;
	else if (!ring->enabled)
		*reason = PORT_DROP_RING_DISABLED;
	else
		return PORT_OPEN;
	return PORT_CLOSED;
}

const struct port_ops port_vhost_ops = {
	.start = start,
	.remove = remove_port,
	.check = check,
	.rxq_polled = rxq_polled,
	.txq_use = txq_use,
};
