/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * Ring messages. A ring starts with SET_VRING_KICK and stops with
 * GET_VRING_BASE; enabled and disabled is a state beside that.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vhost/vhost_priv.h"

static struct vhost_ring *
find_ring(struct vhost_dev *dev, struct vhost_request *req, uint64_t index)
{
	if (index < dev->n_rings)
		return &dev->rings[index];
	base_error_set(
		&req->error, EINVAL, "ring %" PRIu64 ", this port has %u", index, dev->n_rings);
	return NULL;
}

static struct vhost_ring *
find_vring(struct vhost_dev *dev, struct vhost_request *req)
{
	return find_ring(dev, req, req->msg.payload.u64 & VHOST_VRING_INDEX_MASK);
}

/* Longest frame from the guest: the MTU, an Ethernet header, two VLAN tags. */
static uint32_t
max_frame(const struct vhost_dev *dev)
{
	return dev->conf.mtu + 14u + 8u;
}

int
vhost_ring_setup(struct vhost_dev *dev, struct vhost_ring *ring, struct base_error *err)
{
	struct virtq_config config = {
		.size = ring->num,
		.desc_uva = ring->desc_uva,
		.avail_uva = ring->avail_uva,
		.used_uva = ring->used_uva,
		.features = dev->features,
		.writable = ring->index % 2 == 0,
		.max_frame = max_frame(dev),
		.mem = dev->mem,
	};
	int ret = virtq_setup(&ring->vq, &config, err);

	if (ret < 0)
		return ret;
	virtq_suppress_kicks(&ring->vq);
	ring->error_told = false;
	return 0;
}

static void
close_kick(struct vhost_ring *ring)
{
	if (ring->kick_fd >= 0)
		close(ring->kick_fd);
	ring->kick_fd = -1;
}

/* Nobody polls it. What it has reached stays, to be asked for or to be continued from. */
static void
ring_stopped(struct vhost_ring *ring)
{
	struct virtq_state state;

	virtq_export(&ring->vq, &state);
	ring->base = state.last_avail;
	virtq_teardown(&ring->vq);
	close_kick(ring);
}

static void
close_deferred(void *fd)
{
	close((int)(intptr_t)fd);
}

/* A data lcore may be about to write to it: its number must not be reused before that is over. */
static void
close_call(struct vhost_dev *dev, struct vhost_ring *ring)
{
	int fd = ring->vq.call_fd;

	ring->vq.call_fd = -1;
	if (fd >= 0)
		dev->env->defer(close_deferred, (void *)(intptr_t)fd);
}

void
vhost_ring_reset(struct vhost_dev *dev, struct vhost_ring *ring)
{
	const struct virtq_state fresh = {0};

	virtq_teardown(&ring->vq);
	(void)virtq_import(&ring->vq, &fresh);
	ring->vq.error = VIRTQ_OK;
	close_kick(ring);
	close_call(dev, ring);
	if (ring->err_fd >= 0)
		close(ring->err_fd);
	ring->err_fd = -1;
	ring->num = 0;
	ring->addr_set = false;
	ring->started = false;
	ring->enabled = false;
	ring->error_told = false;
	ring->base = 0;
}

int
vhost_stop_all_rings(struct vhost_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->n_rings; i++)
		dev->rings[i].started = false;
	if (dev->env->quiesce(dev) < 0)
		return -ETIMEDOUT;
	for (i = 0; i < dev->n_rings; i++)
		if (virtq_is_set_up(&dev->rings[i].vq))
			ring_stopped(&dev->rings[i]);
	return 0;
}

enum vhost_verdict
vhost_reset_owner(struct vhost_dev *dev, struct vhost_request *req __rte_unused)
{
	unsigned int i;

	/* The standard's deprecated message: rings are disabled, nothing more. */
	for (i = 0; i < dev->n_rings; i++)
		dev->rings[i].enabled = false;
	if (dev->env->quiesce(dev) < 0)
		return VHOST_WAIT;
	dev->env->changed(dev);
	return VHOST_OK;
}

enum vhost_verdict
vhost_set_vring_num(struct vhost_dev *dev, struct vhost_request *req)
{
	struct vhost_ring *ring = find_ring(dev, req, req->msg.payload.state.index);
	uint32_t num = req->msg.payload.state.num;

	if (ring == NULL)
		return VHOST_REFUSE;
	if (num == 0 || num > VIRTQ_MAX_SIZE || !rte_is_power_of_2(num))
		return VHOST_REFUSE_MSG(req, "ring %u: size %u, expected a power of two up to %u",
			ring->index, num, VIRTQ_MAX_SIZE);
	if (ring->started && num != ring->num)
		return VHOST_REFUSE_MSG(req, "ring %u is running", ring->index);
	ring->num = (uint16_t)num;
	return VHOST_OK;
}

/* Also sent for a running ring, when logging is switched: indices stay, addresses are read anew. */
enum vhost_verdict
vhost_set_vring_addr(struct vhost_dev *dev, struct vhost_request *req)
{
	const struct vhost_msg_addr *addr = &req->msg.payload.addr;
	struct vhost_ring *ring = find_ring(dev, req, addr->index);
	uint64_t desc = addr->desc, avail = addr->avail, used = addr->used;
	int ret;

	if (ring == NULL)
		return VHOST_REFUSE;
	if (ring->started &&
		(desc != ring->desc_uva || avail != ring->avail_uva || used != ring->used_uva)) {
		dev->paused = true;
		if (dev->env->quiesce(dev) < 0)
			return VHOST_WAIT;
		dev->paused = false;
		ring->desc_uva = desc;
		ring->avail_uva = avail;
		ring->used_uva = used;
		ret = vhost_ring_setup(dev, ring, &req->error);
		dev->env->changed(dev);
		return ret < 0 ? VHOST_REFUSE : VHOST_OK;
	}
	ring->desc_uva = desc;
	ring->avail_uva = avail;
	ring->used_uva = used;
	ring->addr_set = true;
	return VHOST_OK;
}

enum vhost_verdict
vhost_set_vring_base(struct vhost_dev *dev, struct vhost_request *req)
{
	struct vhost_ring *ring = find_ring(dev, req, req->msg.payload.state.index);
	uint32_t base = req->msg.payload.state.num;

	if (ring == NULL)
		return VHOST_REFUSE;
	if (ring->started)
		return VHOST_REFUSE_MSG(req, "ring %u is running", ring->index);
	if (base > UINT16_MAX)
		return VHOST_REFUSE_MSG(
			req, "ring %u: base 0x%x of a split ring has 16 bits", ring->index, base);
	ring->base = (uint16_t)base;
	return VHOST_OK;
}

/* The answer is true only once nobody polls the ring: until then the message waits. */
enum vhost_verdict
vhost_get_vring_base(struct vhost_dev *dev, struct vhost_request *req)
{
	struct vhost_ring *ring = find_ring(dev, req, req->msg.payload.state.index);

	if (ring == NULL)
		return VHOST_REFUSE;
	ring->started = false;
	if (virtq_is_set_up(&ring->vq)) {
		if (dev->env->quiesce(dev) < 0)
			return VHOST_WAIT;
		ring_stopped(ring);
		dev->env->changed(dev);
	}
	req->msg.payload.state.num = ring->base;
	req->msg.size = sizeof(req->msg.payload.state);
	VHOST_LOG(DEBUG, dev, "ring %u stopped at %u", ring->index, ring->base);
	return VHOST_REPLY;
}

/*
 * A ring is drained when it stops, so that it goes on behind what is used. A
 * front-end whose back-end was lost without an answer may not know where that
 * is: virtio_user begins again at 0, with the ring as it was. The ring's
 * memory has the truth.
 */
static void
adopt_used(struct vhost_dev *dev, struct vhost_ring *ring)
{
	uint16_t used = virtq_guest_used_idx(&ring->vq);
	struct virtq_state state = {.last_avail = used, .last_used = used};

	if (used != ring->base)
		VHOST_LOG(NOTICE, dev, "ring %u: base %u, but the used index is %u: taking that",
			ring->index, ring->base, used);
	ring->base = used;
	(void)virtq_import(&ring->vq, &state);
}

static enum vhost_verdict
start_ring(struct vhost_dev *dev, struct vhost_ring *ring, struct vhost_request *req)
{
	if (!dev->features_set)
		return VHOST_REFUSE_MSG(req, "ring %u: features are not negotiated", ring->index);
	if (ring->num == 0 || !ring->addr_set)
		return VHOST_REFUSE_MSG(
			req, "ring %u: size and addresses are not set", ring->index);
	if (vhost_ring_setup(dev, ring, &req->error) < 0)
		return VHOST_REFUSE;
	adopt_used(dev, ring);
	ring->started = true;
	/* Without protocol features there is no SET_VRING_ENABLE: a ring starts enabled. */
	if ((dev->features & (1ull << VHOST_F_PROTOCOL_FEATURES)) == 0)
		ring->enabled = true;
	VHOST_LOG(
		INFO, dev, "ring %u starts: size %u, base %u", ring->index, ring->num, ring->base);
	virtq_call(&ring->vq);
	dev->env->changed(dev);
	return VHOST_OK;
}

enum vhost_verdict
vhost_set_vring_kick(struct vhost_dev *dev, struct vhost_request *req)
{
	struct vhost_ring *ring = find_vring(dev, req);
	enum vhost_verdict verdict;

	if (ring == NULL)
		return VHOST_REFUSE;
	if (!ring->started) {
		verdict = start_ring(dev, ring, req);
		if (verdict != VHOST_OK)
			return verdict;
	}
	/* Rings are polled: the descriptor is kept for a later sleep, and never read. */
	close_kick(ring);
	if (req->n_fds > 0)
		ring->kick_fd = vhost_request_take_fd(req, 0);
	return VHOST_OK;
}

/*
 * Data lcores write to it: whatever else it might be could block them. An
 * eventfd that is not in non-blocking mode could too.
 */
static int
check_eventfd(int fd, struct base_error *err)
{
	char link[64], target[64];
	ssize_t len;
	int flags;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 0)
		return base_error_set(err, errno, "%s: %s", link, strerror(errno));
	target[len] = '\0';
	if (strcmp(target, "anon_inode:[eventfd]") != 0)
		return base_error_set(err, EINVAL, "the descriptor is no eventfd but %s", target);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return base_error_set(err, errno, "eventfd: fcntl: %s", strerror(errno));
	return 0;
}

enum vhost_verdict
vhost_set_vring_call(struct vhost_dev *dev, struct vhost_request *req)
{
	struct vhost_ring *ring = find_vring(dev, req);

	if (ring == NULL)
		return VHOST_REFUSE;
	if (req->n_fds > 0 && check_eventfd(req->fds[0], &req->error) < 0)
		return VHOST_REFUSE;
	close_call(dev, ring);
	if (req->n_fds == 0)
		return VHOST_OK;
	ring->vq.call_fd = vhost_request_take_fd(req, 0);
	/* What went to the old one since the guest last looked would be lost. */
	if (ring->started)
		virtq_call(&ring->vq);
	return VHOST_OK;
}

enum vhost_verdict
vhost_set_vring_err(struct vhost_dev *dev, struct vhost_request *req)
{
	struct vhost_ring *ring = find_vring(dev, req);

	if (ring == NULL)
		return VHOST_REFUSE;
	if (req->n_fds > 0 && check_eventfd(req->fds[0], &req->error) < 0)
		return VHOST_REFUSE;
	if (ring->err_fd >= 0)
		close(ring->err_fd);
	ring->err_fd = req->n_fds > 0 ? vhost_request_take_fd(req, 0) : -1;
	return VHOST_OK;
}

enum vhost_verdict
vhost_set_vring_enable(struct vhost_dev *dev, struct vhost_request *req)
{
	struct vhost_ring *ring = find_ring(dev, req, req->msg.payload.state.index);
	uint32_t num = req->msg.payload.state.num;

	if (ring == NULL)
		return VHOST_REFUSE;
	if (num > 1)
		return VHOST_REFUSE_MSG(
			req, "ring %u: enable %u, expected 0 or 1", ring->index, num);
	if (ring->enabled == (num == 1))
		return VHOST_OK;
	ring->enabled = num == 1;
	if (ring->started && num == 0 && dev->env->quiesce(dev) < 0) {
		ring->enabled = true;
		return VHOST_WAIT;
	}
	dev->env->changed(dev);
	return VHOST_OK;
}
