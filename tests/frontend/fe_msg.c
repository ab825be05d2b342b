/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "fe_msg.h"

static const char *const request_names[FE_REQUEST_COUNT] = {
	[FE_GET_FEATURES] = "GET_FEATURES",
	[FE_SET_FEATURES] = "SET_FEATURES",
	[FE_SET_OWNER] = "SET_OWNER",
	[FE_RESET_OWNER] = "RESET_OWNER",
	[FE_SET_MEM_TABLE] = "SET_MEM_TABLE",
	[FE_SET_LOG_BASE] = "SET_LOG_BASE",
	[FE_SET_LOG_FD] = "SET_LOG_FD",
	[FE_SET_VRING_NUM] = "SET_VRING_NUM",
	[FE_SET_VRING_ADDR] = "SET_VRING_ADDR",
	[FE_SET_VRING_BASE] = "SET_VRING_BASE",
	[FE_GET_VRING_BASE] = "GET_VRING_BASE",
	[FE_SET_VRING_KICK] = "SET_VRING_KICK",
	[FE_SET_VRING_CALL] = "SET_VRING_CALL",
	[FE_SET_VRING_ERR] = "SET_VRING_ERR",
	[FE_GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
	[FE_SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
	[FE_GET_QUEUE_NUM] = "GET_QUEUE_NUM",
	[FE_SET_VRING_ENABLE] = "SET_VRING_ENABLE",
	[FE_SEND_RARP] = "SEND_RARP",
	[FE_NET_SET_MTU] = "NET_SET_MTU",
	[FE_SET_BACKEND_REQ_FD] = "SET_BACKEND_REQ_FD",
	[FE_IOTLB_MSG] = "IOTLB_MSG",
	[FE_SET_VRING_ENDIAN] = "SET_VRING_ENDIAN",
	[FE_GET_CONFIG] = "GET_CONFIG",
	[FE_SET_CONFIG] = "SET_CONFIG",
	[FE_CREATE_CRYPTO_SESSION] = "CREATE_CRYPTO_SESSION",
	[FE_CLOSE_CRYPTO_SESSION] = "CLOSE_CRYPTO_SESSION",
	[FE_POSTCOPY_ADVISE] = "POSTCOPY_ADVISE",
	[FE_POSTCOPY_LISTEN] = "POSTCOPY_LISTEN",
	[FE_POSTCOPY_END] = "POSTCOPY_END",
	[FE_GET_INFLIGHT_FD] = "GET_INFLIGHT_FD",
	[FE_SET_INFLIGHT_FD] = "SET_INFLIGHT_FD",
	[FE_GPU_SET_SOCKET] = "GPU_SET_SOCKET",
	[FE_RESET_DEVICE] = "RESET_DEVICE",
	[FE_VRING_KICK] = "VRING_KICK",
	[FE_GET_MAX_MEM_SLOTS] = "GET_MAX_MEM_SLOTS",
	[FE_ADD_MEM_REG] = "ADD_MEM_REG",
	[FE_REM_MEM_REG] = "REM_MEM_REG",
	[FE_SET_STATUS] = "SET_STATUS",
	[FE_GET_STATUS] = "GET_STATUS",
	[FE_GET_SHARED_OBJECT] = "GET_SHARED_OBJECT",
	[FE_SET_DEVICE_STATE_FD] = "SET_DEVICE_STATE_FD",
	[FE_CHECK_DEVICE_STATE] = "CHECK_DEVICE_STATE",
};

const char *
fe_request_name(uint32_t request)
{
	if (request >= FE_REQUEST_COUNT || request_names[request] == NULL)
		return "?";
	return request_names[request];
}

static int
set_u64(struct fe_conn *c, uint32_t request, uint64_t value)
{
	return fe_conn_set(c, request, &value, sizeof(value), NULL, 0);
}

static int
get_u64(struct fe_conn *c, uint32_t request, uint64_t *value)
{
	return fe_conn_query(c, request, NULL, 0, value, sizeof(*value));
}

static int
set_state(struct fe_conn *c, uint32_t request, uint32_t index, uint32_t num)
{
	const struct fe_vring_state state = {.index = index, .num = num};

	return fe_conn_set(c, request, &state, sizeof(state), NULL, 0);
}

static int
set_vring_fd(struct fe_conn *c, uint32_t request, uint32_t index, int fd)
{
	uint64_t value = (index & FE_VRING_IDX_MASK) | (fd < 0 ? FE_VRING_NOFD : 0);

	return fe_conn_set(c, request, &value, sizeof(value), &fd, fd < 0 ? 0 : 1);
}

int
fe_get_features(struct fe_conn *c, uint64_t *features)
{
	return get_u64(c, FE_GET_FEATURES, features);
}

int
fe_set_features(struct fe_conn *c, uint64_t features)
{
	return set_u64(c, FE_SET_FEATURES, features);
}

int
fe_set_owner(struct fe_conn *c)
{
	return fe_conn_set(c, FE_SET_OWNER, NULL, 0, NULL, 0);
}

int
fe_reset_owner(struct fe_conn *c)
{
	return fe_conn_set(c, FE_RESET_OWNER, NULL, 0, NULL, 0);
}

int
fe_get_protocol_features(struct fe_conn *c, uint64_t *features)
{
	return get_u64(c, FE_GET_PROTOCOL_FEATURES, features);
}

int
fe_set_protocol_features(struct fe_conn *c, uint64_t features)
{
	int ret;

	/* The acknowledgement of this very message is governed by the old state. */
	ret = set_u64(c, FE_SET_PROTOCOL_FEATURES, features);
	if (ret == 0)
		c->protocol = features;
	return ret;
}

int
fe_get_queue_num(struct fe_conn *c, uint64_t *num)
{
	return get_u64(c, FE_GET_QUEUE_NUM, num);
}

int
fe_set_mem_table(
	struct fe_conn *c, const struct fe_mem_table *table, const int *fds, unsigned int n_fds)
{
	uint32_t size = (uint32_t)(offsetof(struct fe_mem_table, region) +
		table->n * sizeof(table->region[0]));

	return fe_conn_set(c, FE_SET_MEM_TABLE, table, size, fds, n_fds);
}

int
fe_get_max_mem_slots(struct fe_conn *c, uint64_t *slots)
{
	return get_u64(c, FE_GET_MAX_MEM_SLOTS, slots);
}

int
fe_add_mem_reg(struct fe_conn *c, const struct fe_mem_region *region, int fd)
{
	const struct fe_mem_reg reg = {.region = *region};

	return fe_conn_set(c, FE_ADD_MEM_REG, &reg, sizeof(reg), &fd, 1);
}

int
fe_rem_mem_reg(struct fe_conn *c, const struct fe_mem_region *region)
{
	const struct fe_mem_reg reg = {.region = *region};

	return fe_conn_set(c, FE_REM_MEM_REG, &reg, sizeof(reg), NULL, 0);
}

int
fe_set_log_base(struct fe_conn *c, uint64_t size, uint64_t offset, int fd)
{
	const struct fe_log log = {.size = size, .offset = offset};
	struct fe_msg msg;
	int ret;

	if ((c->protocol & FE_BIT(FE_PROTO_LOG_SHMFD)) == 0)
		return fe_conn_set(c, FE_SET_LOG_BASE, &log, sizeof(log), &fd, 1);
	ret = fe_conn_send(c, FE_SET_LOG_BASE, FE_FLAG_VERSION, &log, sizeof(log), &fd, 1);
	if (ret < 0)
		return ret;
	ret = fe_conn_recv(c, &msg);
	if (ret < 0)
		return ret;
	if (msg.hdr.request != FE_SET_LOG_BASE || (msg.hdr.flags & FE_FLAG_REPLY) == 0)
		return -EPROTO;
	return 0;
}

int
fe_set_log_fd(struct fe_conn *c, int fd)
{
	return fe_conn_set(c, FE_SET_LOG_FD, NULL, 0, &fd, 1);
}

int
fe_set_vring_num(struct fe_conn *c, uint32_t index, uint32_t num)
{
	return set_state(c, FE_SET_VRING_NUM, index, num);
}

int
fe_set_vring_addr(struct fe_conn *c, const struct fe_vring_addr *addr)
{
	return fe_conn_set(c, FE_SET_VRING_ADDR, addr, sizeof(*addr), NULL, 0);
}

int
fe_set_vring_base(struct fe_conn *c, uint32_t index, uint32_t base)
{
	return set_state(c, FE_SET_VRING_BASE, index, base);
}

int
fe_get_vring_base(struct fe_conn *c, uint32_t index, uint32_t *base)
{
	const struct fe_vring_state ask = {.index = index};
	struct fe_vring_state answer;
	int ret = fe_conn_query(c, FE_GET_VRING_BASE, &ask, sizeof(ask), &answer, sizeof(answer));

	if (ret < 0)
		return ret;
	if (answer.index != index)
		return -EPROTO;
	*base = answer.num;
	return 0;
}

int
fe_set_vring_kick(struct fe_conn *c, uint32_t index, int fd)
{
	return set_vring_fd(c, FE_SET_VRING_KICK, index, fd);
}

int
fe_set_vring_call(struct fe_conn *c, uint32_t index, int fd)
{
	return set_vring_fd(c, FE_SET_VRING_CALL, index, fd);
}

int
fe_set_vring_err(struct fe_conn *c, uint32_t index, int fd)
{
	return set_vring_fd(c, FE_SET_VRING_ERR, index, fd);
}

int
fe_set_vring_enable(struct fe_conn *c, uint32_t index, bool enable)
{
	return set_state(c, FE_SET_VRING_ENABLE, index, enable);
}

int
fe_set_vring_endian(struct fe_conn *c, uint32_t index, bool big)
{
	return set_state(c, FE_SET_VRING_ENDIAN, index, big);
}

int
fe_vring_kick(struct fe_conn *c, uint32_t index)
{
	return set_state(c, FE_VRING_KICK, index, 0);
}

int
fe_send_rarp(struct fe_conn *c, const uint8_t mac[6])
{
	uint64_t value = 0;

	memcpy(&value, mac, 6);
	return set_u64(c, FE_SEND_RARP, value);
}

int
fe_net_set_mtu(struct fe_conn *c, uint64_t mtu)
{
	return set_u64(c, FE_NET_SET_MTU, mtu);
}

int
fe_set_backend_req_fd(struct fe_conn *c, int fd)
{
	return fe_conn_set(c, FE_SET_BACKEND_REQ_FD, NULL, 0, &fd, 1);
}

int
fe_get_inflight_fd(struct fe_conn *c, struct fe_inflight *inflight, int *fd)
{
	struct fe_msg msg;
	int ret = fe_conn_send(
		c, FE_GET_INFLIGHT_FD, FE_FLAG_VERSION, inflight, sizeof(*inflight), NULL, 0);

	if (ret < 0)
		return ret;
	ret = fe_conn_recv(c, &msg);
	if (ret < 0)
		return ret;
	if (msg.hdr.size != sizeof(*inflight) || msg.n_fds != 1) {
		while (msg.n_fds > 0)
			close(msg.fds[--msg.n_fds]);
		return -EPROTO;
	}
	memcpy(inflight, &msg.payload, sizeof(*inflight));
	*fd = msg.fds[0];
	return 0;
}

int
fe_set_inflight_fd(struct fe_conn *c, const struct fe_inflight *inflight, int fd)
{
	return fe_conn_set(c, FE_SET_INFLIGHT_FD, inflight, sizeof(*inflight), &fd, 1);
}

int
fe_reset_device(struct fe_conn *c)
{
	return fe_conn_set(c, FE_RESET_DEVICE, NULL, 0, NULL, 0);
}

int
fe_set_status(struct fe_conn *c, uint64_t status)
{
	return set_u64(c, FE_SET_STATUS, status);
}

int
fe_get_status(struct fe_conn *c, uint64_t *status)
{
	return get_u64(c, FE_GET_STATUS, status);
}

int
fe_set_device_state_fd(struct fe_conn *c, const struct fe_device_state *state, int send_fd, int *fd)
{
	struct fe_msg msg;
	int ret = fe_conn_send(
		c, FE_SET_DEVICE_STATE_FD, FE_FLAG_VERSION, state, sizeof(*state), &send_fd, 1);

	*fd = -1;
	if (ret < 0)
		return ret;
	ret = fe_conn_recv(c, &msg);
	if (ret < 0)
		return ret;
	/* Bits 0..7: the error; bit 8: no descriptor comes with the answer. */
	if (msg.n_fds == 1 && (msg.payload.u64 & 0x1ff) == 0) {
		*fd = msg.fds[0];
		return 0;
	}
	while (msg.n_fds > 0)
		close(msg.fds[--msg.n_fds]);
	if (msg.hdr.size != sizeof(msg.payload.u64))
		return -EPROTO;
	return (msg.payload.u64 & 0xff) != 0 ? -EREMOTEIO : 0;
}

int
fe_check_device_state(struct fe_conn *c)
{
	uint64_t value;
	int ret = get_u64(c, FE_CHECK_DEVICE_STATE, &value);

	return ret < 0 ? ret : value != 0 ? -EREMOTEIO : 0;
}
