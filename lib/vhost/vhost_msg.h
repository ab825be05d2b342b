/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * vhost: the protocol's constants and payloads (QEMU's vhost-user
 * specification), and the view of a message that the library's hooks give.
 */

#ifndef VHOST_MSG_H
#define VHOST_MSG_H

#include <stdint.h>

#include <rte_common.h>

enum vhost_msg_id {
	VHOST_MSG_GET_FEATURES = 1,
	VHOST_MSG_SET_FEATURES = 2,
	VHOST_MSG_SET_OWNER = 3,
	VHOST_MSG_RESET_OWNER = 4,
	VHOST_MSG_SET_MEM_TABLE = 5,
	VHOST_MSG_SET_VRING_NUM = 8,
	VHOST_MSG_SET_VRING_ADDR = 9,
	VHOST_MSG_SET_VRING_BASE = 10,
	VHOST_MSG_GET_VRING_BASE = 11,
	VHOST_MSG_SET_VRING_KICK = 12,
	VHOST_MSG_SET_VRING_CALL = 13,
	VHOST_MSG_SET_VRING_ERR = 14,
	VHOST_MSG_GET_PROTOCOL_FEATURES = 15,
	VHOST_MSG_SET_PROTOCOL_FEATURES = 16,
	VHOST_MSG_GET_QUEUE_NUM = 17,
	VHOST_MSG_SET_VRING_ENABLE = 18,
	VHOST_MSG_SEND_RARP = 19,
	VHOST_MSG_NET_SET_MTU = 20,
	VHOST_MSG_SET_STATUS = 39,
	VHOST_MSG_GET_STATUS = 40,
	VHOST_MSG_MAX = 64, /* ids from here on are unknown to every front-end we know of */
};

#define VHOST_MSG_F_NEED_REPLY (1u << 3)

/* In the payload of SET_VRING_KICK, CALL and ERR. */
#define VHOST_VRING_INDEX_MASK	   0xffull
#define VHOST_VRING_NO_FD	   (1ull << 8)

#define VHOST_PROTOCOL_F_MQ	   0
#define VHOST_PROTOCOL_F_RARP	   2
#define VHOST_PROTOCOL_F_REPLY_ACK 3
#define VHOST_PROTOCOL_F_NET_MTU   4
#define VHOST_PROTOCOL_F_STATUS	   16

/* Feature bits beside those that the engine implements. */
#define VHOST_F_NET_MTU		  3
#define VHOST_F_GUEST_ANNOUNCE	  21
#define VHOST_F_MQ		  22
#define VHOST_F_PROTOCOL_FEATURES 30

/* Device status, virtio 1.x 2.1. */
#define VHOST_STATUS_DRIVER_OK	 4
#define VHOST_STATUS_FEATURES_OK 8

#define VHOST_MSG_MAX_FDS	 8

struct vhost_msg_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t uva;
	uint64_t offset;
} __rte_packed;

struct vhost_msg_memory {
	uint32_t n_regions;
	uint32_t padding;
	struct vhost_msg_region regions[VHOST_MSG_MAX_FDS];
} __rte_packed;

struct vhost_msg_state {
	uint32_t index;
	uint32_t num;
} __rte_packed;

struct vhost_msg_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
} __rte_packed;

/* The largest of the payloads that we read, and the header in front of it. */
struct vhost_wire_msg {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	union {
		uint64_t u64;
		struct vhost_msg_state state;
		struct vhost_msg_addr addr;
		struct vhost_msg_memory memory;
	} payload;
} __rte_packed;

#define VHOST_MSG_HEADER_LEN 12

#endif /* VHOST_MSG_H */
