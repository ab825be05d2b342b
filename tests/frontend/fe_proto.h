/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * frontend: the vhost-user protocol's numbers and layouts.
 *
 * Own definitions, so that the tests do not share a mistake with the library
 * that the daemon is built on. Native endian, packed.
 */

#ifndef FE_PROTO_H
#define FE_PROTO_H

#include <stdint.h>

enum fe_request {
	FE_GET_FEATURES = 1,
	FE_SET_FEATURES = 2,
	FE_SET_OWNER = 3,
	FE_RESET_OWNER = 4,
	FE_SET_MEM_TABLE = 5,
	FE_SET_LOG_BASE = 6,
	FE_SET_LOG_FD = 7,
	FE_SET_VRING_NUM = 8,
	FE_SET_VRING_ADDR = 9,
	FE_SET_VRING_BASE = 10,
	FE_GET_VRING_BASE = 11,
	FE_SET_VRING_KICK = 12,
	FE_SET_VRING_CALL = 13,
	FE_SET_VRING_ERR = 14,
	FE_GET_PROTOCOL_FEATURES = 15,
	FE_SET_PROTOCOL_FEATURES = 16,
	FE_GET_QUEUE_NUM = 17,
	FE_SET_VRING_ENABLE = 18,
	FE_SEND_RARP = 19,
	FE_NET_SET_MTU = 20,
	FE_SET_BACKEND_REQ_FD = 21,
	FE_IOTLB_MSG = 22,
	FE_SET_VRING_ENDIAN = 23,
	FE_GET_CONFIG = 24,
	FE_SET_CONFIG = 25,
	FE_CREATE_CRYPTO_SESSION = 26,
	FE_CLOSE_CRYPTO_SESSION = 27,
	FE_POSTCOPY_ADVISE = 28,
	FE_POSTCOPY_LISTEN = 29,
	FE_POSTCOPY_END = 30,
	FE_GET_INFLIGHT_FD = 31,
	FE_SET_INFLIGHT_FD = 32,
	FE_GPU_SET_SOCKET = 33,
	FE_RESET_DEVICE = 34,
	FE_VRING_KICK = 35,
	FE_GET_MAX_MEM_SLOTS = 36,
	FE_ADD_MEM_REG = 37,
	FE_REM_MEM_REG = 38,
	FE_SET_STATUS = 39,
	FE_GET_STATUS = 40,
	FE_GET_SHARED_OBJECT = 41,
	FE_SET_DEVICE_STATE_FD = 42,
	FE_CHECK_DEVICE_STATE = 43,
	FE_REQUEST_COUNT,
};

#define FE_FLAG_VERSION	   0x1u
#define FE_FLAG_REPLY	   0x4u
#define FE_FLAG_NEED_REPLY 0x8u

/* Protocol feature bits. */
enum fe_protocol_bit {
	FE_PROTO_MQ = 0,
	FE_PROTO_LOG_SHMFD = 1,
	FE_PROTO_RARP = 2,
	FE_PROTO_REPLY_ACK = 3,
	FE_PROTO_NET_MTU = 4,
	FE_PROTO_BACKEND_REQ = 5,
	FE_PROTO_CONFIG = 9,
	FE_PROTO_INFLIGHT_SHMFD = 12,
	FE_PROTO_RESET_DEVICE = 13,
	FE_PROTO_CONFIGURE_MEM_SLOTS = 15,
	FE_PROTO_STATUS = 16,
	FE_PROTO_DEVICE_STATE = 19,
};

/* Virtio feature bits that are the transport's own. */
#define FE_F_LOG_ALL	       26
#define FE_F_PROTOCOL_FEATURES 30

#define FE_BIT(n)	       (1ull << (n))

/* The payload of KICK, CALL and ERR: a queue index, and whether a descriptor comes along. */
#define FE_VRING_IDX_MASK 0xffull
#define FE_VRING_NOFD	  0x100ull

/* Bits of fe_vring_addr.flags. */
#define FE_VRING_F_LOG 0x1u

/* The device status (SET_STATUS). */
#define FE_STATUS_ACKNOWLEDGE 1u
#define FE_STATUS_DRIVER      2u
#define FE_STATUS_DRIVER_OK   4u
#define FE_STATUS_FEATURES_OK 8u
#define FE_STATUS_SUSPEND     16u
#define FE_STATUS_NEEDS_RESET 64u
#define FE_STATUS_FAILED      128u

#define FE_MEM_TABLE_MAX      8
#define FE_LOG_PAGE	      4096ull

struct fe_hdr {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
} __attribute__((packed));

struct fe_vring_state {
	uint32_t index;
	uint32_t num;
} __attribute__((packed));

struct fe_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
} __attribute__((packed));

struct fe_mem_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t uva;
	uint64_t offset;
} __attribute__((packed));

/* One more region than the protocol allows fits twice over: for the tests that send too many. */
struct fe_mem_table {
	uint32_t n;
	uint32_t padding;
	struct fe_mem_region region[2 * FE_MEM_TABLE_MAX];
} __attribute__((packed));

struct fe_mem_reg {
	uint64_t padding;
	struct fe_mem_region region;
} __attribute__((packed));

struct fe_log {
	uint64_t size;
	uint64_t offset;
} __attribute__((packed));

struct fe_inflight {
	uint64_t size;
	uint64_t offset;
	uint16_t n_queues;
	uint16_t queue_size;
} __attribute__((packed));

struct fe_device_state {
	uint32_t direction; /* 0 save, 1 load */
	uint32_t phase;	    /* 0 stopped */
} __attribute__((packed));

/** The message's name for test output, "?" for none. */
const char *fe_request_name(uint32_t request);

#endif /* FE_PROTO_H */
