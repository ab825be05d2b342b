/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* port: between the files of this room. */

#ifndef PORT_PRIV_H
#define PORT_PRIV_H

#include "base/log.h"
#include "port/port.h"

extern int port_logtype;
extern const struct port_env *port_env;

/* An operation under way: who is told of its end. */
struct port_job {
	struct port *port;
	port_done_fn done;
	void *arg;
	struct base_error error;
};

/* What differs between the kinds of port. Management lcore. */
struct port_ops {
	/** Begin to start. @return 0, and port_started() is called in time; -ENOMEM. */
	int (*start)(struct port *port, struct port_job *job);
	/** Begin to stop; nobody polls the queues any more. As above with port_removed(). */
	int (*remove)(struct port *port, struct port_job *job);
	/** Look for changes. @return true if usability has changed. */
	bool (*check)(struct port *port);
	bool (*rxq_polled)(const struct port_rxq *rxq, bool *discard, enum port_drop *reason);
	enum port_use (*txq_use)(const struct port_txq *txq, enum port_drop *reason);
};

extern const struct port_ops port_vhost_ops;
extern const struct port_ops port_ethdev_ops;
int port_vhost_init(struct base_error *err);

void port_started(struct port_job *job, int result);
void port_removed(struct port_job *job);

/* port_data.c: poll routines, data lcores only. */
uint16_t port_vhost_rx(struct port_rxq *rxq, struct rte_mbuf **pkts, uint16_t n);
uint16_t port_vhost_tx(struct port_txq *txq, struct rte_mbuf **pkts, uint16_t n);
uint16_t port_ethdev_rx(struct port_rxq *rxq, struct rte_mbuf **pkts, uint16_t n);
uint16_t port_ethdev_tx(struct port_txq *txq, struct rte_mbuf **pkts, uint16_t n);

#endif /* PORT_PRIV_H */
