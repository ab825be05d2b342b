/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * Ports that are ethdevs: a NIC by PCI address, or a virtual device by its
 * devargs, plugged in at run time. Probing and configuring may take long and
 * run on the helper thread; nobody polls the device meanwhile. Control.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_errno.h>

#include "port/port_priv.h"

#define N_DESC 1024

/* What a device has in descriptors, offloads and the rest, for our number of queues. */
struct eth_plan {
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	uint16_t n_rx_desc;
	uint16_t n_tx_desc;
};

static int
fail(struct port_job *job, int code, const char *what)
{
	return base_error_set(
		&job->error, code, "%s: %s: %s", job->port->conf.device, what, strerror(code));
}

/* The device's name is the first item of its devargs. */
static int
find_eth_port(const char *devargs, uint16_t *eth_port)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	size_t len = strcspn(devargs, ",");

	if (len >= sizeof(name))
		return -EINVAL;
	memcpy(name, devargs, len);
	name[len] = '\0';
	return rte_eth_dev_get_port_by_name(name, eth_port);
}

static int
probe(struct port *port, struct port_job *job)
{
	int ret;

	/* It is there already if an EAL argument asked for it. */
	if (find_eth_port(port->conf.device, &port->eth_port) == 0)
		return 0;
	ret = rte_dev_probe(port->conf.device);
	if (ret < 0)
		return fail(job, -ret, "cannot probe the device");
	ret = find_eth_port(port->conf.device, &port->eth_port);
	if (ret < 0)
		return fail(job, ENODEV, "the device was probed, but there is no port of its name");
	return 0;
}

/* By what the device says of frames and of MTUs; the rest of a frame is its headers. */
static uint32_t
largest_mtu(const struct rte_eth_dev_info *info)
{
	uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;

	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu)
		overhead = info->max_rx_pktlen - info->max_mtu;
	return RTE_MIN((uint32_t)info->max_mtu,
		info->max_rx_pktlen - RTE_MIN(overhead, info->max_rx_pktlen));
}

static int
make_plan(struct port *port, struct port_job *job, struct eth_plan *plan)
{
	int ret;

	memset(plan, 0, sizeof(*plan));
	ret = rte_eth_dev_info_get(port->eth_port, &plan->info);
	if (ret < 0)
		return fail(job, -ret, "cannot ask the device for its properties");
	if (port->n_queues > plan->info.max_rx_queues || port->n_queues > plan->info.max_tx_queues)
		return base_error_set(&job->error, EINVAL,
			"%s: %u queues, the device has %u receive and %u transmit queues",
			port->conf.device, port->n_queues, plan->info.max_rx_queues,
			plan->info.max_tx_queues);
	if (port->conf.mtu > largest_mtu(&plan->info))
		return base_error_set(&job->error, EINVAL,
			"%s: MTU %u, the device allows %u at most", port->conf.device,
			port->conf.mtu, largest_mtu(&plan->info));

	plan->conf.rxmode.mtu = port->conf.mtu;
	/* A jumbo frame takes several mbufs. */
	plan->conf.rxmode.offloads = plan->info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	plan->conf.txmode.offloads = plan->info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (port->n_queues > 1 && (plan->info.flow_type_rss_offloads & RTE_ETH_RSS_IP) != 0) {
		plan->conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		plan->conf.rx_adv_conf.rss_conf.rss_hf = plan->info.flow_type_rss_offloads &
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP);
	}
	plan->n_rx_desc = N_DESC;
	plan->n_tx_desc = N_DESC;
	return 0;
}

static int
set_up_queues(struct port *port, struct port_job *job, const struct eth_plan *plan)
{
	int socket = rte_eth_dev_socket_id(port->eth_port);
	unsigned int where = socket < 0 ? (unsigned int)SOCKET_ID_ANY : (unsigned int)socket;
	uint16_t i;
	int ret;

	for (i = 0; i < port->n_queues; i++) {
		ret = rte_eth_rx_queue_setup(
			port->eth_port, i, plan->n_rx_desc, where, NULL, port_env->pool);
		if (ret < 0)
			return fail(job, -ret, "cannot set up a receive queue");
		ret = rte_eth_tx_queue_setup(port->eth_port, i, plan->n_tx_desc, where, NULL);
		if (ret < 0)
			return fail(job, -ret, "cannot set up a transmit queue");
	}
	return 0;
}

static int
configure(struct port *port, struct port_job *job)
{
	struct eth_plan plan;
	int ret;

	ret = make_plan(port, job, &plan);
	if (ret < 0)
		return ret;
	ret = rte_eth_dev_configure(port->eth_port, port->n_queues, port->n_queues, &plan.conf);
	if (ret < 0)
		return fail(job, -ret, "cannot configure the device");
	/* Not every driver takes the MTU with the configuration, or can change it. */
	ret = rte_eth_dev_set_mtu(port->eth_port, port->conf.mtu);
	if (ret < 0 && ret != -ENOTSUP)
		return fail(job, -ret, "cannot set the MTU");
	ret = rte_eth_dev_adjust_nb_rx_tx_desc(port->eth_port, &plan.n_rx_desc, &plan.n_tx_desc);
	if (ret < 0)
		return fail(job, -ret, "no number of descriptors suits the device");
	ret = set_up_queues(port, job, &plan);
	if (ret < 0)
		return ret;
	ret = rte_eth_dev_start(port->eth_port);
	if (ret < 0)
		return fail(job, -ret, "cannot start the device");
	/* A wire carries frames for whoever is at its other end. */
	ret = rte_eth_promiscuous_enable(port->eth_port);
	if (ret < 0 && ret != -ENOTSUP)
		return fail(job, -ret, "cannot set promiscuous mode");
	return 0;
}

static void
take_down(struct port *port)
{
	struct rte_eth_dev_info info;
	bool known = rte_eth_dev_info_get(port->eth_port, &info) == 0;

	(void)rte_eth_dev_stop(port->eth_port);
	(void)rte_eth_dev_close(port->eth_port);
	if (known && info.device != NULL && rte_dev_remove(info.device) < 0)
		BASE_LOG(port, WARNING, "%s: the device cannot be unplugged: %s", port->conf.name,
			rte_strerror(rte_errno));
	port->eth_port = RTE_MAX_ETHPORTS;
}

/* Helper thread. */
static int
job_start(void *arg)
{
	struct port_job *job = arg;
	int ret;

	ret = probe(job->port, job);
	if (ret < 0)
		return ret;
	ret = configure(job->port, job);
	if (ret < 0)
		take_down(job->port);
	return ret;
}

static bool
read_link(const struct port *port)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(port->eth_port, &link) == 0 &&
		link.link_status == RTE_ETH_LINK_UP;
}

static void
job_started(void *arg, int result)
{
	struct port_job *job = arg;
	struct port *port = job->port;
	uint16_t i;

	if (result == 0) {
		for (i = 0; i < port->n_queues; i++) {
			port->rxq[i].eth_port = port->eth_port;
			port->rxq[i].eth_queue = i;
			port->rxq[i].burst = port_ethdev_rx;
			port->txq[i].eth_port = port->eth_port;
			port->txq[i].eth_queue = i;
			port->txq[i].burst = port_ethdev_tx;
		}
		port->link_up = read_link(port);
	}
	port_started(job, result);
}

static int
start(struct port *port __rte_unused, struct port_job *job)
{
	return base_worker_submit(port_env->worker, job_start, job_started, job);
}

/* Helper thread. */
static int
job_remove(void *arg)
{
	struct port_job *job = arg;

	take_down(job->port);
	return 0;
}

static void
job_removed(void *arg, int result __rte_unused)
{
	port_removed(arg);
}

static int
remove_port(struct port *port __rte_unused, struct port_job *job)
{
	return base_worker_submit(port_env->worker, job_remove, job_removed, job);
}

static bool
check(struct port *port)
{
	bool up = read_link(port);

	if (up == port->link_up)
		return false;
	port->link_up = up;
	BASE_LOG(port, INFO, "%s: link %s", port->conf.name, up ? "up" : "down");
	return true;
}

static bool
rxq_polled(const struct port_rxq *rxq, bool *discard, enum port_drop *reason __rte_unused)
{
	*discard = false;
	return rxq->burst != NULL;
}

static enum port_use
txq_use(const struct port_txq *txq, enum port_drop *reason)
{
	*reason = PORT_DROP_LINK_DOWN;
	return txq->port->link_up ? PORT_OPEN : PORT_CLOSED;
}

const struct port_ops port_ethdev_ops = {
	.start = start,
	.remove = remove_port,
	.check = check,
	.rxq_polled = rxq_polled,
	.txq_use = txq_use,
};
