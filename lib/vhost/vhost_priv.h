/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * vhost: between the files of this room.
 *
 * A message's way: hook (library's thread) -> request -> vhost_request_run()
 * on the management lcore -> its row of the message table -> verdict -> hook.
 */

#ifndef VHOST_PRIV_H
#define VHOST_PRIV_H

#include <sys/queue.h>

#include "base/log.h"
#include "vhost/vhost.h"
#include "vhost/vhost_msg.h"

extern int vhost_logtype;

#define VHOST_LOG(level, dev, fmt, ...) \
	BASE_LOG(vhost, level, "%s: " fmt, (dev)->conf.name, ##__VA_ARGS__)
#define VHOST_LOG_RATED(level, dev, fmt, ...) \
	BASE_LOG_RATED(vhost, level, &(dev)->log_limit, "%s: " fmt, (dev)->conf.name, ##__VA_ARGS__)

/** What becomes of a message. */
enum vhost_verdict {
	VHOST_OK,     /**< done; acknowledged if the front-end asked */
	VHOST_REPLY,  /**< done; the message now holds the reply */
	VHOST_PASS,   /**< noted; the library does the rest */
	VHOST_REFUSE, /**< wrong; nack, or the connection closes */
	VHOST_WAIT,   /**< a lcore is late: run me again */
};

/**
 * One front-end. Created by a library thread; from its first request on
 * the management lcore's.
 */
struct vhost_conn {
	struct vhost_dev *dev;
	int vid;
	int fd; /* ours, of the library's socket; -1: not found */
};

/** A message on its way. Owned by the hook while it waits, by the loop once abandoned. */
struct vhost_request {
	struct vhost_conn *conn;
	struct vhost_wire_msg msg;
	int fds[VHOST_MSG_MAX_FDS]; /* -1 where none, or taken over */
	unsigned int n_fds;
	struct base_error error;
};

/* vhost_table.c */
int vhost_request_run(void *request);
const char *vhost_msg_name(uint32_t id);
bool vhost_msg_known(uint32_t id);

/** Refuse with a sentence. */
#define VHOST_REFUSE_MSG(req, fmt, ...) \
	(base_error_set(&(req)->error, EINVAL, fmt, ##__VA_ARGS__), VHOST_REFUSE)

/* Handlers: management lcore. The request's sizes and number of fds are checked by then. */
typedef enum vhost_verdict (*vhost_handler_fn)(struct vhost_dev *dev, struct vhost_request *req);

/* vhost_feature.c */
enum vhost_verdict vhost_get_features(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_set_features(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_set_protocol_features(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_get_queue_num(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_set_mtu(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_set_status(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_get_status(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_send_rarp(struct vhost_dev *dev, struct vhost_request *req);
uint64_t vhost_offered_features(const struct conf_port *conf);
uint64_t vhost_offered_protocol_features(void);

/* vhost_mem.c */
enum vhost_verdict vhost_set_mem_table(struct vhost_dev *dev, struct vhost_request *req);
/** Let go of the memory table: it is unmapped after a grace period. */
void vhost_mem_release(struct vhost_dev *dev);

/* vhost_ring.c */
enum vhost_verdict vhost_reset_owner(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_set_vring_num(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_set_vring_addr(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_set_vring_base(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_get_vring_base(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_set_vring_kick(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_set_vring_call(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_set_vring_err(struct vhost_dev *dev, struct vhost_request *req);
enum vhost_verdict vhost_set_vring_enable(struct vhost_dev *dev, struct vhost_request *req);

/** Translate a started ring's addresses anew. @return 0 or -errno with a sentence. */
int vhost_ring_setup(struct vhost_dev *dev, struct vhost_ring *ring, struct base_error *err);
/** Forget a ring's set-up by the front-end. No lcore polls it any more. */
void vhost_ring_reset(struct vhost_dev *dev, struct vhost_ring *ring);
/** Stop all rings, the state of each kept in `base`. @return 0 or -ETIMEDOUT: call again. */
int vhost_stop_all_rings(struct vhost_dev *dev);

/** Take a descriptor out of the request: the caller owns it then. */
int vhost_request_take_fd(struct vhost_request *req, unsigned int i);

/* vhost_hook.c */
int vhost_hook_register(struct vhost_dev *dev, struct base_error *err);
void vhost_hook_unregister(struct vhost_dev *dev);

/* vhost_socket.c: any thread */
/** Find the library's socket of a new connection, bound its waits. @return our descriptor, -1. */
int vhost_socket_find(int vid, const char *path);
/** The connection is gone. */
void vhost_socket_forget(int vid);
/** Has the other side closed it? */
bool vhost_socket_hung_up(int fd);

/* vhost_dev.c: on the management lcore */
int vhost_dev_claim(struct vhost_dev *dev, struct vhost_conn *conn);
int vhost_conn_closed(void *conn);
/** Find the device of a socket, for the library's threads. */
struct vhost_dev *vhost_dev_by_path(const char *path);

#endif /* VHOST_PRIV_H */
