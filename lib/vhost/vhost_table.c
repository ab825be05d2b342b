/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * The message table, and what is checked of a message before its handler
 * sees it. A message that has no row is refused: the library would handle
 * some of them on rings and memory that it does not have.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "vhost/vhost_priv.h"

BASE_LOG_REGISTER(vhost);

/* How many descriptors a message brings. */
enum fd_policy {
	FDS_NONE,
	FDS_VRING,  /* one, or none with VHOST_VRING_NO_FD in the payload */
	FDS_MEMORY, /* one per region */
};

struct msg_row {
	const char *name;
	uint32_t min_size;
	uint32_t max_size;
	enum fd_policy fds;
	vhost_handler_fn handler; /* NULL: the library's alone */
};

#define SIZE_U64   8, 8
#define SIZE_STATE 8, 8
/* A message without payload: front-ends differ in whether they send an empty one. */
#define SIZE_NONE 0, 8

static const struct msg_row msg_table[VHOST_MSG_MAX] = {
	[VHOST_MSG_GET_FEATURES] = {"GET_FEATURES", SIZE_NONE, FDS_NONE, vhost_get_features},
	[VHOST_MSG_SET_FEATURES] = {"SET_FEATURES", SIZE_U64, FDS_NONE, vhost_set_features},
	[VHOST_MSG_SET_OWNER] = {"SET_OWNER", SIZE_NONE, FDS_NONE, NULL},
	[VHOST_MSG_RESET_OWNER] = {"RESET_OWNER", SIZE_NONE, FDS_NONE, vhost_reset_owner},
	[VHOST_MSG_SET_MEM_TABLE] = {"SET_MEM_TABLE", 8, sizeof(struct vhost_msg_memory),
		FDS_MEMORY, vhost_set_mem_table},
	[VHOST_MSG_SET_VRING_NUM] = {"SET_VRING_NUM", SIZE_STATE, FDS_NONE, vhost_set_vring_num},
	[VHOST_MSG_SET_VRING_ADDR] = {"SET_VRING_ADDR", sizeof(struct vhost_msg_addr),
		sizeof(struct vhost_msg_addr), FDS_NONE, vhost_set_vring_addr},
	[VHOST_MSG_SET_VRING_BASE] = {"SET_VRING_BASE", SIZE_STATE, FDS_NONE, vhost_set_vring_base},
	[VHOST_MSG_GET_VRING_BASE] = {"GET_VRING_BASE", SIZE_STATE, FDS_NONE, vhost_get_vring_base},
	[VHOST_MSG_SET_VRING_KICK] = {"SET_VRING_KICK", SIZE_U64, FDS_VRING, vhost_set_vring_kick},
	[VHOST_MSG_SET_VRING_CALL] = {"SET_VRING_CALL", SIZE_U64, FDS_VRING, vhost_set_vring_call},
	[VHOST_MSG_SET_VRING_ERR] = {"SET_VRING_ERR", SIZE_U64, FDS_VRING, vhost_set_vring_err},
	[VHOST_MSG_GET_PROTOCOL_FEATURES] = {"GET_PROTOCOL_FEATURES", SIZE_NONE, FDS_NONE, NULL},
	[VHOST_MSG_SET_PROTOCOL_FEATURES] = {"SET_PROTOCOL_FEATURES", SIZE_U64, FDS_NONE,
		vhost_set_protocol_features},
	[VHOST_MSG_GET_QUEUE_NUM] = {"GET_QUEUE_NUM", SIZE_NONE, FDS_NONE, vhost_get_queue_num},
	[VHOST_MSG_SET_VRING_ENABLE] = {"SET_VRING_ENABLE", SIZE_STATE, FDS_NONE,
		vhost_set_vring_enable},
	[VHOST_MSG_SEND_RARP] = {"SEND_RARP", SIZE_U64, FDS_NONE, vhost_send_rarp},
	[VHOST_MSG_NET_SET_MTU] = {"NET_SET_MTU", SIZE_U64, FDS_NONE, vhost_set_mtu},
	[VHOST_MSG_SET_STATUS] = {"SET_STATUS", SIZE_U64, FDS_NONE, vhost_set_status},
	[VHOST_MSG_GET_STATUS] = {"GET_STATUS", SIZE_NONE, FDS_NONE, vhost_get_status},
};

bool
vhost_msg_known(uint32_t id)
{
	return id < VHOST_MSG_MAX && msg_table[id].name != NULL;
}

const char *
vhost_msg_name(uint32_t id)
{
	return vhost_msg_known(id) ? msg_table[id].name : "unknown message";
}

int
vhost_request_take_fd(struct vhost_request *req, unsigned int i)
{
	int fd = req->fds[i];

	req->fds[i] = -1;
	return fd;
}

static unsigned int
expected_fds(const struct msg_row *row, const struct vhost_request *req)
{
	switch (row->fds) {
	case FDS_VRING:
		return (req->msg.payload.u64 & VHOST_VRING_NO_FD) != 0 ? 0 : 1;
	case FDS_MEMORY:
		return req->msg.payload.memory.n_regions;
	case FDS_NONE:
	default:
		return 0;
	}
}

static int
check_message(const struct msg_row *row, struct vhost_request *req)
{
	uint32_t size = req->msg.size;
	unsigned int fds;

	if (size < row->min_size || size > row->max_size)
		return base_error_set(&req->error, EINVAL, "%u bytes of payload, expected %u%s",
			size, row->min_size, row->min_size == row->max_size ? "" : " or more");
	fds = expected_fds(row, req);
	if (req->n_fds != fds)
		return base_error_set(
			&req->error, EINVAL, "%u file descriptors, expected %u", req->n_fds, fds);
	return 0;
}

static enum vhost_verdict
run_row(struct vhost_dev *dev, struct vhost_request *req)
{
	const struct msg_row *row;

	if (!vhost_msg_known(req->msg.request))
		return VHOST_REFUSE_MSG(req, "not supported");
	row = &msg_table[req->msg.request];
	if (check_message(row, req) < 0)
		return VHOST_REFUSE;
	return row->handler == NULL ? VHOST_PASS : row->handler(dev, req);
}

/* On the management lcore: the entry for all messages. @return enum vhost_verdict. */
int
vhost_request_run(void *request)
{
	struct vhost_request *req = request;
	struct vhost_dev *dev = req->conn->dev;
	enum vhost_verdict verdict;
	int claimed;

	claimed = vhost_dev_claim(dev, req->conn);
	if (claimed == -EAGAIN)
		return VHOST_WAIT;
	if (claimed < 0) {
		VHOST_LOG_RATED(
			WARNING, dev, "a second front-end has connected, refused: one is attached");
		return VHOST_REFUSE;
	}
	verdict = run_row(dev, req);
	if (verdict == VHOST_WAIT) {
		dev->stats.late++;
		return verdict;
	}
	dev->stats.messages++;
	VHOST_LOG(DEBUG, dev, "%s (%u): verdict %d", vhost_msg_name(req->msg.request),
		req->msg.request, verdict);
	if (verdict == VHOST_REFUSE) {
		dev->stats.refused++;
		VHOST_LOG_RATED(WARNING, dev, "%s (%u) refused: %s",
			vhost_msg_name(req->msg.request), req->msg.request, req->error.text);
	}
	return verdict;
}
