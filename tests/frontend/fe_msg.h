/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * frontend: a helper per message of the protocol.
 *
 * Thin: each fills the payload and calls fe_conn_set() or fe_conn_query().
 * Returns and errors are those of fe_conn.h. What a helper cannot say wrongly
 * enough, a test says with fe_conn_send().
 */

#ifndef FE_MSG_H
#define FE_MSG_H

#include "fe_conn.h"

int fe_get_features(struct fe_conn *c, uint64_t *features);
int fe_set_features(struct fe_conn *c, uint64_t features);
int fe_set_owner(struct fe_conn *c);
int fe_reset_owner(struct fe_conn *c);
int fe_get_protocol_features(struct fe_conn *c, uint64_t *features);
/** Also remembers them in the connection, which decides about acknowledgements by them. */
int fe_set_protocol_features(struct fe_conn *c, uint64_t features);
int fe_get_queue_num(struct fe_conn *c, uint64_t *num);
int fe_set_mem_table(
	struct fe_conn *c, const struct fe_mem_table *table, const int *fds, unsigned int n_fds);
int fe_get_max_mem_slots(struct fe_conn *c, uint64_t *slots);
int fe_add_mem_reg(struct fe_conn *c, const struct fe_mem_region *region, int fd);
int fe_rem_mem_reg(struct fe_conn *c, const struct fe_mem_region *region);
/** Waits for the answer where LOG_SHMFD is negotiated; its body may be empty, u64 or the log. */
int fe_set_log_base(struct fe_conn *c, uint64_t size, uint64_t offset, int fd);
int fe_set_log_fd(struct fe_conn *c, int fd);
int fe_set_vring_num(struct fe_conn *c, uint32_t index, uint32_t num);
int fe_set_vring_addr(struct fe_conn *c, const struct fe_vring_addr *addr);
int fe_set_vring_base(struct fe_conn *c, uint32_t index, uint32_t base);
int fe_get_vring_base(struct fe_conn *c, uint32_t index, uint32_t *base);
/** fd -1: no descriptor, and the payload says so. */
int fe_set_vring_kick(struct fe_conn *c, uint32_t index, int fd);
int fe_set_vring_call(struct fe_conn *c, uint32_t index, int fd);
int fe_set_vring_err(struct fe_conn *c, uint32_t index, int fd);
int fe_set_vring_enable(struct fe_conn *c, uint32_t index, bool enable);
int fe_set_vring_endian(struct fe_conn *c, uint32_t index, bool big);
int fe_vring_kick(struct fe_conn *c, uint32_t index);
int fe_send_rarp(struct fe_conn *c, const uint8_t mac[6]);
int fe_net_set_mtu(struct fe_conn *c, uint64_t mtu);
int fe_set_backend_req_fd(struct fe_conn *c, int fd);
int fe_get_inflight_fd(struct fe_conn *c, struct fe_inflight *inflight, int *fd);
int fe_set_inflight_fd(struct fe_conn *c, const struct fe_inflight *inflight, int fd);
int fe_reset_device(struct fe_conn *c);
int fe_set_status(struct fe_conn *c, uint64_t status);
int fe_get_status(struct fe_conn *c, uint64_t *status);
/** @param[out] fd  the back-end's own channel, or -1 when the one sent is used. */
int fe_set_device_state_fd(
	struct fe_conn *c, const struct fe_device_state *state, int send_fd, int *fd);
int fe_check_device_state(struct fe_conn *c);

#endif /* FE_MSG_H */
