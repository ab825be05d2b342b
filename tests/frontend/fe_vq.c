/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fe_conn.h"
#include "fe_vq.h"

static int
vq_alloc(struct fe_vq *vq)
{
	uint16_t size = vq->conf.size;

	vq->fifo = calloc(size, sizeof(*vq->fifo));
	vq->links = calloc(size, sizeof(*vq->links));
	vq->chain = calloc(size, sizeof(*vq->chain));
	if (vq->fifo == NULL || vq->links == NULL || vq->chain == NULL)
		return -ENOMEM;
	vq->kickfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vq->callfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vq->errfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (vq->kickfd < 0 || vq->callfd < 0 || vq->errfd < 0)
		return -errno;
	return vq->ops->create(vq);
}

int
fe_vq_init(struct fe_vq *vq, struct fe_mem *mem, uint16_t index, const struct fe_vq_conf *conf)
{
	int ret;

	memset(vq, 0, sizeof(*vq));
	vq->ops = &fe_split_ops;
	vq->mem = mem;
	vq->index = index;
	vq->conf = *conf;
	vq->kickfd = vq->callfd = vq->errfd = -1;
	ret = vq_alloc(vq);
	if (ret < 0) {
		fe_vq_fini(vq);
		return ret;
	}
	fe_vq_reset(vq, 0);
	return 0;
}

void
fe_vq_fini(struct fe_vq *vq)
{
	int *fds[] = {&vq->kickfd, &vq->callfd, &vq->errfd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	free(vq->fifo);
	free(vq->links);
	free(vq->chain);
	vq->fifo = vq->links = NULL;
	vq->chain = NULL;
}

void
fe_vq_reset(struct fe_vq *vq, uint16_t base)
{
	memset(vq->chain, 0, vq->conf.size * sizeof(*vq->chain));
	vq->n_added = vq->n_reaped = 0;
	vq->batch_left = 0;
	vq->fault[0] = '\0';
	fe_event_drain(vq->callfd);
	fe_event_drain(vq->errfd);
	fe_event_drain(vq->kickfd);
	vq->ops->reset(vq, base);
}

int
fe_vq_add(struct fe_vq *vq, const struct fe_sg *sg, unsigned int n_out, unsigned int n_in,
	void *cookie, unsigned int flags)
{
	int ret = vq->ops->add(vq, sg, n_out, n_in, cookie, flags);

	if (ret == 0)
		vq->n_added++;
	return ret;
}

void
fe_vq_publish(struct fe_vq *vq)
{
	vq->ops->publish(vq);
}

bool
fe_vq_kick(struct fe_vq *vq, bool force)
{
	bool wanted = vq->ops->kick_wanted(vq);

	if (!wanted && !force)
		return false;
	eventfd_write(vq->kickfd, 1);
	return true;
}

int
fe_vq_reap(struct fe_vq *vq, struct fe_used *used)
{
	int ret;

	if (vq->fault[0] != '\0')
		return -EPROTO;
	ret = vq->ops->reap(vq, used);
	if (ret == 1)
		vq->n_reaped++;
	return ret;
}

uint64_t
fe_event_drain(int fd)
{
	eventfd_t value = 0;

	return eventfd_read(fd, &value) < 0 ? 0 : value;
}

int
fe_event_wait(int fd, int timeout_ms)
{
	int64_t deadline = fe_now_ms() + timeout_ms;
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	int64_t left = timeout_ms;

	for (;;) {
		int ret = poll(&pfd, 1, left > 0 ? (int)left : 0);

		if (ret < 0 && errno != EINTR)
			return -errno;
		if (ret > 0 && fe_event_drain(fd) > 0)
			return 0;
		left = deadline - fe_now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
	}
}

int
fe_vq_wait(struct fe_vq *vq, int timeout_ms)
{
	int64_t deadline = fe_now_ms() + timeout_ms;
	int ret = 0;

	vq->ops->notify(vq, true);
	/* An old signal may be in the eventfd: only used buffers end the wait. */
	while (ret == 0 && !vq->ops->pending(vq))
		ret = fe_event_wait(vq->callfd, (int)(deadline - fe_now_ms()));
	vq->ops->notify(vq, false);
	return ret;
}

int
fe_vq_check(struct fe_vq *vq)
{
	if (vq->fault[0] != '\0')
		return -EPROTO;
	if (!vq->ops->intact(vq))
		return fe_vq_fault(vq, "ring memory that is the driver's was written to");
	return 0;
}

int
fe_vq_fault(struct fe_vq *vq, const char *fmt, ...)
{
	va_list ap;

	if (vq->fault[0] != '\0')
		return -EPROTO;
	va_start(ap, fmt);
	vsnprintf(vq->fault, sizeof(vq->fault), fmt, ap);
	va_end(ap);
	fprintf(stderr, "frontend: ring %u: %s\n", vq->index, vq->fault);
	return -EPROTO;
}

uint64_t
fe_sum(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum = (sum ^ word) * 0x9e3779b97f4a7c15ull;
		sum ^= sum >> 29;
	}
	for (; len > 0; p++, len--)
		sum = (sum ^ *p) * 0x100000001b3ull;
	return sum;
}
