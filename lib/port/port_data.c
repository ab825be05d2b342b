/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* The poll routines of ports. Data. */

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "port/port_priv.h"

uint16_t
port_vhost_rx(struct port_rxq *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	return rxq->vq->dequeue(rxq->vq, rxq->pool, pkts, n);
}

/* A whole mbuf of its own, which can go back to its pool as it is. */
static __rte_always_inline bool
is_plain(const struct rte_mbuf *pkt, const struct rte_mempool *pool)
{
	return RTE_MBUF_DIRECT(pkt) && pkt->nb_segs == 1 && rte_mbuf_refcnt_read(pkt) == 1 &&
		pkt->pool == pool;
}

/* Free the packets of a burst: all at once if all are plain, as they mostly are. */
static __rte_always_inline void
free_burst(struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mempool *pool = pkts[0]->pool;
	uint16_t i;

	for (i = 0; i < n; i++)
		if (unlikely(!is_plain(pkts[i], pool)))
			break;
	if (likely(i > 0))
		rte_mempool_put_bulk(pool, (void **)pkts, i);
	if (unlikely(i < n))
		rte_pktmbuf_free_bulk(&pkts[i], n - i);
}

uint16_t
port_vhost_tx(struct port_txq *txq, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t done = txq->vq->enqueue(txq->vq, pkts, n);

	if (done > 0)
		free_burst(pkts, done);
	return done;
}

uint16_t
port_ethdev_rx(struct port_rxq *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t bytes = 0;
	uint16_t i;

	n = rte_eth_rx_burst(rxq->eth_port, rxq->eth_queue, pkts, n);
	for (i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	rxq->packets += n;
	rxq->bytes += bytes;
	return n;
}

/* Drop the first packet. */
static uint16_t
drop_first(struct port_txq *txq, struct rte_mbuf **pkts, enum port_drop reason)
{
	txq->dropped[reason]++;
	rte_pktmbuf_free(pkts[0]);
	return 1;
}

/*
 * A NIC that takes nothing for a second although its link is up will not
 * take this packet: without it the queue may go on.
 */
static uint16_t
tx_stuck(struct port_txq *txq, struct rte_mbuf **pkts)
{
	uint64_t now = rte_rdtsc();

	if (txq->stuck_since == 0)
		txq->stuck_since = now;
	if (now - txq->stuck_since < rte_get_tsc_hz())
		return 0;
	txq->stuck_since = 0;
	return drop_first(txq, pkts, PORT_DROP_TX_ERROR);
}

uint16_t
port_ethdev_tx(struct port_txq *txq, struct rte_mbuf **pkts, uint16_t n)
{
	uint32_t sizes[PORT_BURST];
	uint16_t fit, sent, i;
	uint64_t bytes = 0;

	for (fit = 0; fit < n; fit++) {
		sizes[fit] = pkts[fit]->pkt_len;
		if (unlikely(sizes[fit] > txq->max_frame))
			break;
	}
	if (unlikely(fit == 0))
		return drop_first(txq, pkts, PORT_DROP_TOO_BIG);

	sent = rte_eth_tx_burst(txq->eth_port, txq->eth_queue, pkts, fit);
	if (unlikely(sent == 0))
		return tx_stuck(txq, pkts);
	txq->stuck_since = 0;
	for (i = 0; i < sent; i++)
		bytes += sizes[i];
	txq->packets += sent;
	txq->bytes += bytes;
	return sent;
}
