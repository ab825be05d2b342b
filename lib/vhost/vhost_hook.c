/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * The library's side: sockets, its callbacks, and the hook that every message
 * goes through. Everything here runs on threads of librte_vhost or on the
 * helper thread, and touches no device but through requests.
 *
 * The hook gets a pointer to the library's private message context: the
 * message, and behind the largest payload the descriptors that came with it.
 * Where they stand depends on the DPDK release, and there is no accessor;
 * vhost_init() looks the release up at run time.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_version.h>
#include <rte_vhost.h>

#include "vhost/vhost_priv.h"

/* How long a message may wait for a late lcore before we say so, and before we give up on it. */
#define ALARM_NS       (1000ull * 1000 * 1000)
#define LAST_RESORT_NS (60ull * 1000 * 1000 * 1000)
/* How long the management lcore may take for one attempt. */
#define ATTEMPT_NS (10ull * 1000 * 1000 * 1000)

static struct {
	unsigned int first_release; /* year * 100 + month */
	size_t fds;
	size_t fd_num;
} const tail_layouts[] = {
	{2503, 1084, 1116},
	{2211, 644, 676},
};

static size_t tail_fds;
static size_t tail_fd_num;

/* By vid. Library's threads: w in new_connection and destroy_connection, r in the hook. */
static struct vhost_conn *conns[RTE_MAX_VHOST_DEVICE];

int
vhost_init(struct base_error *err)
{
	unsigned int release = (unsigned int)(rte_version_year() * 100 + rte_version_month());
	unsigned int i;

	for (i = 0; i < RTE_DIM(tail_layouts); i++) {
		if (release < tail_layouts[i].first_release)
			continue;
		tail_fds = tail_layouts[i].fds;
		tail_fd_num = tail_layouts[i].fd_num;
		return 0;
	}
	return base_error_set(
		err, ENOTSUP, "DPDK %s is too old, expected 22.11 or later", rte_version());
}

static int *
msg_fds(void *ctx)
{
	return (int *)((uint8_t *)ctx + tail_fds);
}

static int *
msg_fd_num(void *ctx)
{
	return (int *)((uint8_t *)ctx + tail_fd_num);
}

static void
close_fds(int *fds, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void
request_free(void *arg)
{
	struct vhost_request *req = arg;

	close_fds(req->fds, req->n_fds);
	free(req);
}

/* Copy a message out of the library's context; the descriptors change hands. */
static struct vhost_request *
request_create(struct vhost_conn *conn, void *ctx)
{
	struct vhost_request *req = calloc(1, sizeof(*req));
	int n = *msg_fd_num(ctx);
	int *fds = msg_fds(ctx);
	uint32_t size;

	n = RTE_MIN(RTE_MAX(n, 0), VHOST_MSG_MAX_FDS);
	if (req == NULL) {
		close_fds(fds, (unsigned int)n);
		return NULL;
	}
	req->conn = conn;
	req->n_fds = (unsigned int)n;
	memcpy(req->fds, fds, sizeof(int) * (unsigned int)n);
	memcpy(&req->msg, ctx, VHOST_MSG_HEADER_LEN);
	/* The library has read no more than its own union holds, which is larger than ours. */
	size = RTE_MIN(req->msg.size, (uint32_t)sizeof(req->msg.payload));
	memcpy(&req->msg.payload, (uint8_t *)ctx + VHOST_MSG_HEADER_LEN, size);
	return req;
}

/*
 * Have the management lcore handle the request. While a lcore is late the
 * request is run again and again: its answer would not be true before, and
 * the front-end would take away memory that is in use.
 */
static int
request_wait(struct vhost_request *req, bool *abandoned)
{
	struct vhost_dev *dev = req->conn->dev;
	uint64_t begin = base_now_ns();
	bool told = false;
	int verdict;

	*abandoned = false;
	for (;;) {
		verdict = base_loop_call(
			dev->env->loop, vhost_request_run, req, request_free, ATTEMPT_NS);
		if (verdict != VHOST_WAIT)
			break;
		if (!told && base_now_ns() - begin > ALARM_NS) {
			told = true;
			VHOST_LOG(WARNING, dev, "%s waits for a data lcore that does not respond",
				vhost_msg_name(req->msg.request));
		}
		if (base_now_ns() - begin > LAST_RESORT_NS) {
			VHOST_LOG(ERR, dev, "%s: no data lcore response in 60 s, disconnecting",
				vhost_msg_name(req->msg.request));
			return VHOST_REFUSE;
		}
	}
	if (verdict < 0) {
		*abandoned = verdict == -ETIMEDOUT;
		VHOST_LOG(ERR, dev, "%s: the management lcore did not answer: %s",
			vhost_msg_name(req->msg.request), strerror(-verdict));
		return VHOST_REFUSE;
	}
	return verdict;
}

static enum rte_vhost_msg_result
hook_message(int vid, void *ctx)
{
	struct vhost_conn *conn = __atomic_load_n(&conns[vid], __ATOMIC_ACQUIRE);
	struct vhost_request *req;
	bool abandoned;
	int verdict;

	if (conn == NULL)
		return RTE_VHOST_MSG_RESULT_ERR;
	req = request_create(conn, ctx);
	*msg_fd_num(ctx) = 0;
	if (req == NULL)
		return RTE_VHOST_MSG_RESULT_ERR;

	verdict = request_wait(req, &abandoned);
	if (abandoned)
		return RTE_VHOST_MSG_RESULT_ERR;
	if (verdict == VHOST_REPLY || verdict == VHOST_PASS)
		memcpy(ctx, &req->msg,
			VHOST_MSG_HEADER_LEN +
				RTE_MIN(req->msg.size, (uint32_t)sizeof(req->msg.payload)));
	request_free(req);

	switch (verdict) {
	case VHOST_OK:
		return RTE_VHOST_MSG_RESULT_OK;
	case VHOST_REPLY:
		return RTE_VHOST_MSG_RESULT_REPLY;
	case VHOST_PASS:
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	default:
		return RTE_VHOST_MSG_RESULT_ERR;
	}
}

static const struct rte_vhost_user_extern_ops extern_ops = {
	.pre_msg_handle = hook_message,
};

/*
 * A front-end has connected. This must not wait: it may run under a mutex of
 * the library. Whether the device is free is asked with the first message.
 */
static int
hook_new_connection(int vid)
{
	char path[PATH_MAX];
	struct vhost_conn *conn;

	if (vid < 0 || vid >= RTE_MAX_VHOST_DEVICE ||
		rte_vhost_get_ifname(vid, path, sizeof(path)) < 0)
		return -1;
	conn = calloc(1, sizeof(*conn));
	if (conn == NULL)
		return -1;
	conn->vid = vid;
	conn->dev = vhost_dev_by_path(path);
	if (conn->dev == NULL || rte_vhost_extern_callback_register(vid, &extern_ops, NULL) < 0) {
		free(conn);
		return -1;
	}
	conn->fd = vhost_socket_find(vid, path);
	__atomic_store_n(&conns[vid], conn, __ATOMIC_RELEASE);
	return 0;
}

/* The front-end is gone, and so is vid once we return. */
static void
hook_destroy_connection(int vid)
{
	struct vhost_conn *conn;

	if (vid < 0 || vid >= RTE_MAX_VHOST_DEVICE)
		return;
	conn = __atomic_exchange_n(&conns[vid], NULL, __ATOMIC_ACQ_REL);
	if (conn == NULL)
		return;
	vhost_socket_forget(vid);
	/* Not refused and not waited for: our memory stays until the lcores let go. */
	if (base_loop_post(conn->dev->env->loop, vhost_conn_closed, conn) < 0)
		free(conn);
}

/* The library wants to call these, whatever it does with the device. */
static int
hook_new_device(int vid __rte_unused)
{
	return 0;
}

static void
hook_destroy_device(int vid __rte_unused)
{
}

static const struct rte_vhost_device_ops device_ops = {
	.new_device = hook_new_device,
	.destroy_device = hook_destroy_device,
	.new_connection = hook_new_connection,
	.destroy_connection = hook_destroy_connection,
};

/* What a killed daemon has left behind is in the way; what somebody serves is not ours. */
static int
remove_stale_socket(const char *path, struct base_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct stat st;
	int fd, ret;

	if (lstat(path, &st) < 0)
		return errno == ENOENT
			? 0
			: base_error_set(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return base_error_set(err, EEXIST, "%s is there and is not a socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return base_error_set(err, errno, "socket: %s", strerror(errno));
	memcpy(addr.sun_path, path, RTE_MIN(strlen(path) + 1, sizeof(addr.sun_path)));
	ret = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? errno : 0;
	close(fd);
	if (ret != ECONNREFUSED)
		return base_error_set(err, EADDRINUSE, "%s: another process serves it", path);
	if (unlink(path) < 0)
		return base_error_set(err, errno, "%s: %s", path, strerror(errno));
	return 0;
}

/* The library does not say why it cannot listen or connect. The folder is the usual reason. */
static int
check_folder(const char *path, struct base_error *err)
{
	char folder[CONF_SOCKET_MAX];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash == NULL || slash == folder)
		return 0;
	*slash = '\0';
	if (access(folder, W_OK | X_OK) < 0)
		return base_error_set(
			err, errno, "%s: folder %s: %s", path, folder, strerror(errno));
	return 0;
}

/* Helper thread. */
int
vhost_hook_register(struct vhost_dev *dev, struct base_error *err)
{
	uint64_t flags = dev->conf.client ? RTE_VHOST_USER_CLIENT : 0;
	int ret;

	if (dev->conf.client && !dev->conf.reconnect)
		flags |= RTE_VHOST_USER_NO_RECONNECT;
	if (!dev->conf.client) {
		ret = check_folder(dev->path, err);
		if (ret == 0)
			ret = remove_stale_socket(dev->path, err);
		if (ret < 0)
			return ret;
	}
	if (rte_vhost_driver_register(dev->path, flags) < 0)
		return base_error_set(
			err, EINVAL, "%s: the vhost library refuses the socket", dev->path);
	if (rte_vhost_driver_callback_register(dev->path, &device_ops) < 0 ||
		rte_vhost_driver_set_protocol_features(
			dev->path, vhost_offered_protocol_features()) < 0) {
		rte_vhost_driver_unregister(dev->path);
		return base_error_set(
			err, EINVAL, "%s: the vhost library refuses our callbacks", dev->path);
	}
	if (rte_vhost_driver_start(dev->path) < 0) {
		rte_vhost_driver_unregister(dev->path);
		return base_error_set(err, EIO,
			dev->conf.client ? "%s: nobody listens there" : "%s: cannot listen there",
			dev->path);
	}
	if (!dev->conf.client && chmod(dev->path, dev->conf.socket_mode) < 0) {
		ret = errno;
		rte_vhost_driver_unregister(dev->path);
		return base_error_set(err, ret, "%s: chmod: %s", dev->path, strerror(ret));
	}
	return 0;
}

/* Helper thread. The library calls no destroy_connection for what it closes here. */
void
vhost_hook_unregister(struct vhost_dev *dev)
{
	unsigned int vid;

	rte_vhost_driver_unregister(dev->path);
	for (vid = 0; vid < RTE_DIM(conns); vid++) {
		struct vhost_conn *conn = __atomic_load_n(&conns[vid], __ATOMIC_ACQUIRE);

		/* A vid that is in use again has a connection of another device by now. */
		if (conn == NULL || conn->dev != dev ||
			!__atomic_compare_exchange_n(&conns[vid], &conn, NULL, false,
				__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			continue;
		vhost_socket_forget((int)vid);
		if (base_loop_post(dev->env->loop, vhost_conn_closed, conn) < 0)
			free(conn);
	}
}
