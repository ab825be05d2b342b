/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fe_conn.h"

#define CONNECT_RETRY_NS 2000000l /* between two tries while the back-end is not there yet */

int64_t
fe_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
fe_conn_init(struct fe_conn *c)
{
	memset(c, 0, sizeof(*c));
	c->fd = -1;
	c->listen_fd = -1;
	c->timeout_ms = FE_DEFAULT_TIMEOUT;
}

static int
conn_address(struct fe_conn *c, const char *path, struct sockaddr_un *sun)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sun->sun_path))
		return -ENAMETOOLONG;
	memcpy(sun->sun_path, path, strlen(path) + 1);
	if (c->path != path)
		memcpy(c->path, sun->sun_path, sizeof(c->path));
	return 0;
}

int
fe_conn_connect(struct fe_conn *c, const char *path)
{
	const struct timespec pause = {.tv_nsec = CONNECT_RETRY_NS};
	int64_t deadline = fe_now_ms() + c->timeout_ms;
	struct sockaddr_un sun;
	int fd, ret;

	ret = conn_address(c, path, &sun);
	if (ret < 0)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	while (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		ret = -errno;
		/* There is nothing to wait on for a socket that is not bound yet. */
		if ((ret != -ENOENT && ret != -ECONNREFUSED && ret != -EAGAIN) ||
			fe_now_ms() >= deadline) {
			close(fd);
			return ret;
		}
		nanosleep(&pause, NULL);
	}
	c->fd = fd;
	return 0;
}

int
fe_conn_listen(struct fe_conn *c, const char *path)
{
	struct sockaddr_un sun;
	int ret;

	ret = conn_address(c, path, &sun);
	if (ret < 0)
		return ret;
	c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->listen_fd < 0)
		return -errno;
	unlink(path);
	if (bind(c->listen_fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
		listen(c->listen_fd, 1) < 0) {
		ret = -errno;
		close(c->listen_fd);
		c->listen_fd = -1;
		return ret;
	}
	return 0;
}

/* Wait until events, or a hang-up, show on a descriptor. */
static int
conn_poll(int fd, short events, int64_t deadline)
{
	struct pollfd pfd = {.fd = fd, .events = events};
	int64_t left = deadline - fe_now_ms();
	int ret;

	do {
		ret = poll(&pfd, 1, left > 0 ? (int)left : 0);
		left = deadline - fe_now_ms();
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	return ret == 0 ? -ETIMEDOUT : 0;
}

int
fe_conn_accept(struct fe_conn *c)
{
	int ret = conn_poll(c->listen_fd, POLLIN, fe_now_ms() + c->timeout_ms);

	if (ret < 0)
		return ret;
	c->fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	return c->fd < 0 ? -errno : 0;
}

void
fe_conn_close(struct fe_conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->protocol = 0;
}

void
fe_conn_fini(struct fe_conn *c)
{
	fe_conn_close(c);
	if (c->listen_fd >= 0) {
		close(c->listen_fd);
		unlink(c->path);
	}
	c->listen_fd = -1;
}

/* One error for "the other side is gone", whatever the kernel calls it. */
static int
conn_errno(void)
{
	return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? -ECONNRESET : -errno;
}

int
fe_conn_send_raw(
	struct fe_conn *c, const void *data, size_t len, const int *fds, unsigned int n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(FE_MAX_FDS * sizeof(int))];
	} control;
	int64_t deadline = fe_now_ms() + c->timeout_ms;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;
	ssize_t n;
	int ret;

	if (n_fds > FE_MAX_FDS)
		return -EINVAL;
	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	while (iov.iov_len > 0) {
		ret = conn_poll(c->fd, POLLOUT, deadline);
		if (ret < 0)
			return ret;
		n = sendmsg(c->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return conn_errno();
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
		mh.msg_control = NULL;
		mh.msg_controllen = 0;
	}
	return 0;
}

int
fe_conn_send(struct fe_conn *c, uint32_t request, uint32_t flags, const void *payload,
	uint32_t size, const int *fds, unsigned int n_fds)
{
	struct {
		struct fe_hdr hdr;
		uint8_t payload[FE_MAX_PAYLOAD];
	} __attribute__((packed)) msg;

	if (size > FE_MAX_PAYLOAD)
		return -EINVAL;
	msg.hdr = (struct fe_hdr){.request = request, .flags = flags, .size = size};
	if (size > 0)
		memcpy(msg.payload, payload, size);
	return fe_conn_send_raw(c, &msg, sizeof(msg.hdr) + size, fds, n_fds);
}

static void
conn_collect_fds(struct msghdr *mh, struct fe_msg *msg)
{
	struct cmsghdr *cmsg;
	unsigned int n;

	for (cmsg = CMSG_FIRSTHDR(mh); cmsg != NULL; cmsg = CMSG_NXTHDR(mh, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(msg->fds, CMSG_DATA(cmsg), n * sizeof(int));
		msg->n_fds = n;
	}
}

/* Read exactly len bytes; descriptors, if any, go to msg. */
static int
conn_read(struct fe_conn *c, void *buf, size_t len, struct fe_msg *msg, int64_t deadline)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(FE_MAX_FDS * sizeof(int))];
	} control;
	size_t got = 0;
	ssize_t n;
	int ret;

	while (got < len) {
		struct iovec iov = {.iov_base = (char *)buf + got, .iov_len = len - got};
		struct msghdr mh = {.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control)};

		ret = conn_poll(c->fd, POLLIN, deadline);
		if (ret < 0)
			return ret;
		n = recvmsg(c->fd, &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return conn_errno();
		if (n == 0)
			return -ECONNRESET;
		conn_collect_fds(&mh, msg);
		got += (size_t)n;
	}
	return 0;
}

int
fe_conn_recv(struct fe_conn *c, struct fe_msg *msg)
{
	int64_t deadline = fe_now_ms() + c->timeout_ms;
	int ret;

	memset(msg, 0, sizeof(*msg));
	ret = conn_read(c, &msg->hdr, sizeof(msg->hdr), msg, deadline);
	if (ret < 0)
		return ret;
	if (msg->hdr.size > sizeof(msg->payload))
		return -EPROTO;
	return conn_read(c, &msg->payload, msg->hdr.size, msg, deadline);
}

static void
conn_drop_fds(struct fe_msg *msg)
{
	for (unsigned int i = 0; i < msg->n_fds; i++)
		close(msg->fds[i]);
	msg->n_fds = 0;
}

/* An answer to this very request, with the header flags that QEMU insists on. */
static int
conn_recv_reply(struct fe_conn *c, uint32_t request, struct fe_msg *msg)
{
	int ret = fe_conn_recv(c, msg);

	conn_drop_fds(msg);
	if (ret < 0)
		return ret;
	if (msg->hdr.request != request || msg->hdr.flags != (FE_FLAG_VERSION | FE_FLAG_REPLY)) {
		fprintf(stderr, "frontend: answer to %s has request %u, flags %#x\n",
			fe_request_name(request), msg->hdr.request, msg->hdr.flags);
		return -EPROTO;
	}
	return 0;
}

int
fe_conn_recv_ack(struct fe_conn *c, uint32_t request)
{
	struct fe_msg msg;
	int ret = conn_recv_reply(c, request, &msg);

	if (ret < 0)
		return ret;
	if (msg.hdr.size != sizeof(msg.payload.u64))
		return -EPROTO;
	return msg.payload.u64 != 0 ? -EREMOTEIO : 0;
}

int
fe_conn_set(struct fe_conn *c, uint32_t request, const void *payload, uint32_t size, const int *fds,
	unsigned int n_fds)
{
	bool ack = c->need_reply && (c->protocol & FE_BIT(FE_PROTO_REPLY_ACK)) != 0;
	int ret = fe_conn_send(c, request, FE_FLAG_VERSION | (ack ? FE_FLAG_NEED_REPLY : 0),
		payload, size, fds, n_fds);

	return ret < 0 || !ack ? ret : fe_conn_recv_ack(c, request);
}

int
fe_conn_query(struct fe_conn *c, uint32_t request, const void *payload, uint32_t size, void *reply,
	uint32_t reply_size)
{
	struct fe_msg msg;
	int ret = fe_conn_send(c, request, FE_FLAG_VERSION, payload, size, NULL, 0);

	if (ret < 0)
		return ret;
	ret = conn_recv_reply(c, request, &msg);
	if (ret < 0)
		return ret;
	if (msg.hdr.size != reply_size)
		return -EPROTO;
	memcpy(reply, &msg.payload, reply_size);
	return 0;
}

int
fe_conn_barrier(struct fe_conn *c)
{
	uint64_t features;

	return fe_conn_query(c, FE_GET_FEATURES, NULL, 0, &features, sizeof(features));
}

int
fe_conn_wait_closed(struct fe_conn *c, int timeout_ms)
{
	int64_t deadline = fe_now_ms() + timeout_ms;
	char sink[256];
	ssize_t n;
	int ret;

	for (;;) {
		ret = conn_poll(c->fd, POLLIN, deadline);
		if (ret < 0)
			return ret;
		n = recv(c->fd, sink, sizeof(sink), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
	}
}
