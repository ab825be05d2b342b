/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* fwd: running a path. Data lcores only. */

#ifndef FWD_DATA_H
#define FWD_DATA_H

#include <string.h>

#include "fwd/fwd.h"

/* Send what the queue has in hand. @return packets done with. */
static inline uint16_t
fwd_flush(struct port_txq *txq)
{
	uint16_t done = txq->burst(txq, txq->pending, txq->n_pending);

	txq->n_pending -= done;
	if (done > 0 && txq->n_pending > 0)
		memmove(txq->pending, &txq->pending[done],
			txq->n_pending * sizeof(txq->pending[0]));
	return done;
}

/* A frame of the management lcore's, sent as if the port had. @return 0 or 1. */
static inline uint16_t
fwd_take_injected(struct port_rxq *rxq, struct rte_mbuf **pkt)
{
	if (likely(__atomic_load_n(&rxq->inject, __ATOMIC_RELAXED) == NULL))
		return 0;
	*pkt = __atomic_exchange_n(&rxq->inject, NULL, __ATOMIC_ACQUIRE);
	rxq->packets++;
	rxq->bytes += (*pkt)->pkt_len;
	return 1;
}

static inline uint16_t
fwd_discard(const struct fwd_path *path)
{
	struct rte_mbuf *pkts[PORT_BURST];
	uint16_t n = path->rxq->burst(path->rxq, pkts, PORT_BURST);

	if (n == 0)
		n = fwd_take_injected(path->rxq, pkts);
	if (n == 0)
		return 0;
	if (path->blame != NULL) {
		path->rxq->passed += n;
		path->blame->offered += n;
		path->blame->dropped[path->reason] += n;
	} else {
		path->rxq->dropped[path->reason] += n;
	}
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

/**
 * One burst from source to destination. Without room there, the source is
 * left alone: that is the wire's back-pressure.
 *
 * @return packets that moved.
 */
static inline uint16_t
fwd_path_run(const struct fwd_path *path)
{
	struct rte_mbuf *pkts[PORT_BURST];
	struct port_txq *txq = path->txq;
	uint16_t budget = PORT_BURST;
	uint16_t n, done;

	if (unlikely(txq == NULL))
		return fwd_discard(path);
	if (unlikely(txq->n_pending > 0)) {
		done = fwd_flush(txq);
		if (txq->n_pending > 0)
			return done;
	}
	if (unlikely(path->rxq == NULL))
		return 0;
	if (txq->vq != NULL) {
		budget = RTE_MIN(budget, virtq_room(txq->vq));
		if (budget == 0)
			return 0;
	}
	n = path->rxq->burst(path->rxq, pkts, budget);
	if (n == 0) {
		n = fwd_take_injected(path->rxq, pkts);
		if (n == 0)
			return 0;
	}
	path->rxq->passed += n;
	txq->offered += n;
	done = txq->burst(txq, pkts, n);
	if (unlikely(done < n)) {
		memcpy(txq->pending, &pkts[done], (n - done) * sizeof(pkts[0]));
		txq->n_pending = n - done;
	}
	return n;
}

#endif /* FWD_DATA_H */
