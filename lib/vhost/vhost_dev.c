/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * Devices: creation and removal, which front-end has them, rings in error.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhost/vhost_priv.h"

/* How long a removal waits for a late lcore before it tries again. */
#define RETRY_NS (10ull * 1000 * 1000)

/*
 * Sockets and their devices, for the library's threads, which know only
 * paths. The lock is held for a look-up or a change, never while waiting.
 */
#define MAX_DEVS 1024
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vhost_dev *registry[MAX_DEVS];

static int
registry_add(struct vhost_dev *dev)
{
	unsigned int i;
	int ret = -ENOSPC;

	pthread_mutex_lock(&registry_lock);
	for (i = 0; i < MAX_DEVS && ret < 0; i++) {
		if (registry[i] != NULL)
			continue;
		registry[i] = dev;
		ret = 0;
	}
	pthread_mutex_unlock(&registry_lock);
	return ret;
}

static void
registry_del(struct vhost_dev *dev)
{
	unsigned int i;

	pthread_mutex_lock(&registry_lock);
	for (i = 0; i < MAX_DEVS; i++)
		if (registry[i] == dev)
			registry[i] = NULL;
	pthread_mutex_unlock(&registry_lock);
}

struct vhost_dev *
vhost_dev_by_path(const char *path)
{
	struct vhost_dev *dev = NULL;
	unsigned int i;

	pthread_mutex_lock(&registry_lock);
	for (i = 0; i < MAX_DEVS && dev == NULL; i++)
		if (registry[i] != NULL && strcmp(registry[i]->path, path) == 0)
			dev = registry[i];
	pthread_mutex_unlock(&registry_lock);
	return dev;
}

struct vhost_dev *
vhost_dev_create(const struct vhost_env *env, const struct conf_port *conf, void *owner)
{
	struct vhost_dev *dev;
	unsigned int i;

	dev = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_CACHE_LINE_ROUNDUP(sizeof(*dev)));
	if (dev == NULL)
		return NULL;
	memset(dev, 0, sizeof(*dev));
	dev->env = env;
	dev->conf = *conf;
	dev->owner = owner;
	memcpy(dev->path, conf->socket, sizeof(dev->path));
	dev->n_rings = 2u * conf->queues;
	dev->offered = vhost_offered_features(conf);
	for (i = 0; i < dev->n_rings; i++) {
		dev->rings[i].index = (uint16_t)i;
		dev->rings[i].kick_fd = -1;
		dev->rings[i].err_fd = -1;
		dev->rings[i].vq.call_fd = -1;
	}
	return dev;
}

void
vhost_dev_destroy(struct vhost_dev *dev)
{
	free(dev);
}

bool
vhost_dev_connected(const struct vhost_dev *dev)
{
	return dev->active != NULL;
}

int
vhost_dev_vid(const struct vhost_dev *dev)
{
	return dev->active == NULL ? -1 : dev->active->vid;
}

static bool
driver_ready(const struct vhost_dev *dev)
{
	return (dev->protocol_features & (1ull << VHOST_PROTOCOL_F_STATUS)) == 0 ||
		(dev->status & VHOST_STATUS_DRIVER_OK) != 0;
}

bool
vhost_ring_runnable(const struct vhost_dev *dev, const struct vhost_ring *ring)
{
	return ring->started && !dev->paused && virtq_is_set_up(&ring->vq) &&
		ring->vq.error == VIRTQ_OK && driver_ready(dev);
}

/* The front-end has gone: everything that it set up is forgotten. No lcore polls its rings. */
static void
forget_front_end(struct vhost_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->n_rings; i++)
		vhost_ring_reset(dev, &dev->rings[i]);
	vhost_mem_release(dev);
	dev->n_mem_descs = 0;
	dev->features = 0;
	dev->features_set = false;
	dev->protocol_features = 0;
	dev->status = 0;
	dev->mtu = 0;
	dev->paused = false;
}

/*
 * The first message of a new front-end can come before the library has seen
 * that the old one has gone: it takes one message at a time from each, and
 * the old one may have left some unread. What its socket says is the truth.
 */
static int
replace_dead(struct vhost_dev *dev)
{
	if (!vhost_socket_hung_up(dev->active->fd))
		return -EBUSY;
	if (vhost_stop_all_rings(dev) < 0)
		return -EAGAIN;
	forget_front_end(dev);
	dev->active = NULL;
	VHOST_LOG(INFO, dev, "front-end disconnected, the next one is there");
	return 0;
}

int
vhost_dev_claim(struct vhost_dev *dev, struct vhost_conn *conn)
{
	int ret;

	if (dev->active == conn)
		return 0;
	if (dev->removing)
		return -EBUSY;
	if (dev->active != NULL) {
		ret = replace_dead(dev);
		if (ret < 0)
			return ret;
	}
	dev->active = conn;
	dev->stats.connections++;
	VHOST_LOG(INFO, dev, "front-end connected");
	return 0;
}

static void
conn_closed_again(void *conn)
{
	vhost_conn_closed(conn);
}

/*
 * Posted by the library's thread. Until the lcores have let go the device
 * stays claimed, so that a front-end that comes back finds it clean: its
 * first message waits behind us, or is refused and it tries again.
 */
int
vhost_conn_closed(void *arg)
{
	struct vhost_conn *conn = arg;
	struct vhost_dev *dev = conn->dev;

	if (dev->active == conn) {
		if (vhost_stop_all_rings(dev) < 0) {
			VHOST_LOG_RATED(
				WARNING, dev, "disconnected, and a data lcore does not respond");
			if (base_timer_add(dev->env->loop, RETRY_NS, 0, conn_closed_again, conn) ==
				NULL)
				VHOST_LOG(ERR, dev, "out of memory: its rings stay attached");
			return 0;
		}
		forget_front_end(dev);
		dev->active = NULL;
		dev->env->changed(dev);
		VHOST_LOG(INFO, dev, "front-end disconnected");
	}
	if (conn->fd >= 0)
		close(conn->fd);
	free(conn);
	return 0;
}

/* Start and removal: what the helper thread needs, and what it found. */
struct dev_job {
	struct vhost_dev *dev;
	vhost_done_fn done;
	void *arg;
	struct base_error error;
};

static int
job_start(void *arg)
{
	struct dev_job *job = arg;

	return vhost_hook_register(job->dev, &job->error);
}

static void
job_started(void *arg, int result)
{
	struct dev_job *job = arg;
	struct vhost_dev *dev = job->dev;

	if (result == 0)
		dev->registered = true;
	else
		registry_del(dev);
	job->done(job->arg, result, &job->error);
	free(job);
}

static struct dev_job *
job_create(struct vhost_dev *dev, vhost_done_fn done, void *arg)
{
	struct dev_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->dev = dev;
	job->done = done;
	job->arg = arg;
	return job;
}

int
vhost_dev_start(struct vhost_dev *dev, vhost_done_fn done, void *arg)
{
	struct dev_job *job = job_create(dev, done, arg);

	if (job == NULL)
		return -ENOMEM;
	if (registry_add(dev) < 0 ||
		base_worker_submit(dev->env->worker, job_start, job_started, job) < 0) {
		registry_del(dev);
		free(job);
		return -ENOMEM;
	}
	return 0;
}

static int
job_remove(void *arg)
{
	struct dev_job *job = arg;

	if (job->dev->registered)
		vhost_hook_unregister(job->dev);
	return 0;
}

/* After the closing of its last connection, which was posted before us. */
static void
finish_removal(void *arg)
{
	struct dev_job *job = arg;
	struct vhost_dev *dev = job->dev;

	if (dev->active != NULL) {
		if (base_timer_add(dev->env->loop, RETRY_NS, 0, finish_removal, job) == NULL)
			VHOST_LOG(ERR, dev, "out of memory: the port stays");
		return;
	}
	registry_del(dev);
	job->done(job->arg, 0, &job->error);
	free(job);
	free(dev);
}

static void
job_removed(void *arg, int result __rte_unused)
{
	finish_removal(arg);
}

int
vhost_dev_remove(struct vhost_dev *dev, vhost_done_fn done, void *arg)
{
	struct dev_job *job;

	if (dev->removing)
		return -EALREADY;
	job = job_create(dev, done, arg);
	if (job == NULL)
		return -ENOMEM;
	dev->removing = true;
	if (base_worker_submit(dev->env->worker, job_remove, job_removed, job) < 0) {
		dev->removing = false;
		free(job);
		return -ENOMEM;
	}
	return 0;
}

/*
 * Data lcores write to the call eventfd. We have put it into non-blocking mode,
 * but the mode belongs to the open file, which the front-end shares: it could
 * take it back, fill the counter, and have a lcore hang. Emptying the counter
 * lets the lcore go; then this front-end has to.
 */
static bool
call_is_trap(int fd)
{
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
	eventfd_t value;

	if (flags < 0 || (flags & O_NONBLOCK) != 0)
		return false;
	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	(void)!eventfd_read(fd, &value);
	return true;
}

static void
check_calls(struct vhost_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->n_rings; i++) {
		if (!call_is_trap(dev->rings[i].vq.call_fd))
			continue;
		VHOST_LOG_RATED(ERR, dev,
			"the front-end has made the call eventfd of ring %u blocking: "
			"disconnecting",
			i);
		if (dev->active != NULL && dev->active->fd >= 0)
			(void)shutdown(dev->active->fd, SHUT_RDWR);
	}
}

void
vhost_dev_check_rings(struct vhost_dev *dev)
{
	bool any = false;
	unsigned int i;

	check_calls(dev);
	for (i = 0; i < dev->n_rings; i++) {
		struct vhost_ring *ring = &dev->rings[i];

		if (!ring->started || ring->vq.error == VIRTQ_OK || ring->error_told)
			continue;
		ring->error_told = true;
		ring->errors++;
		any = true;
		VHOST_LOG_RATED(WARNING, dev, "ring %u stops for an error of the guest: %s",
			ring->index, virtq_error_text(ring->vq.error));
		/* The front-end's eventfd, in non-blocking mode; a full counter tells as much. */
		if (ring->err_fd >= 0)
			(void)!eventfd_write(ring->err_fd, 1);
	}
	if (any)
		dev->env->changed(dev);
}
