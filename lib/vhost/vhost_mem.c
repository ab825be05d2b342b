/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * SET_MEM_TABLE: rings are quiesced, the new table mapped, rings translated
 * anew, the old table unmapped after the lcores have let go. If the new table
 * is wrong, the old one stays and the rings go on.
 */

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vhost/vhost_priv.h"

static void
read_descs(const struct vhost_request *req, struct gmem_desc *descs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct vhost_msg_region *region = &req->msg.payload.memory.regions[i];

		descs[i].gpa = region->gpa;
		descs[i].size = region->size;
		descs[i].uva = region->uva;
		descs[i].offset = region->offset;
	}
}

static void
read_files(const struct vhost_request *req, uint64_t files[][2], unsigned int n)
{
	struct stat st;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (fstat(req->fds[i], &st) < 0)
			memset(&st, 0, sizeof(st));
		files[i][0] = (uint64_t)st.st_dev;
		files[i][1] = (uint64_t)st.st_ino;
	}
}

/* Addresses alone do not tell: the same layout can be backed by other files. */
static bool
table_unchanged(const struct vhost_dev *dev, const struct gmem_desc *descs, uint64_t files[][2],
	unsigned int n)
{
	return dev->mem != NULL && dev->n_mem_descs == n &&
		memcmp(dev->mem_descs, descs, n * sizeof(descs[0])) == 0 &&
		memcmp(dev->mem_files, files, n * sizeof(files[0])) == 0;
}

static void
destroy_mem(void *mem)
{
	gmem_destroy(mem);
}

void
vhost_mem_release(struct vhost_dev *dev)
{
	dev->env->defer(destroy_mem, dev->mem);
	dev->mem = NULL;
}

/* Every started ring moves to the new table; one that is not inside it stops. */
static void
translate_rings(struct vhost_dev *dev)
{
	struct base_error err;
	unsigned int i;

	for (i = 0; i < dev->n_rings; i++) {
		struct vhost_ring *ring = &dev->rings[i];

		if (!ring->started)
			continue;
		if (vhost_ring_setup(dev, ring, &err) < 0) {
			VHOST_LOG_RATED(WARNING, dev, "ring %u stops, the new memory lacks it: %s",
				i, err.text);
			continue;
		}
		/* A notification lost over the change would leave the guest waiting. */
		virtq_call(&ring->vq);
	}
}

enum vhost_verdict
vhost_set_mem_table(struct vhost_dev *dev, struct vhost_request *req)
{
	unsigned int n = req->msg.payload.memory.n_regions;
	struct gmem_desc descs[GMEM_MAX_REGIONS] = {0};
	uint64_t files[GMEM_MAX_REGIONS][2] = {0};
	struct gmem *mem;

	if (n == 0 || n > GMEM_MAX_REGIONS)
		return VHOST_REFUSE_MSG(
			req, "%u memory regions, expected 1 to %u", n, GMEM_MAX_REGIONS);
	if (req->msg.size < 8 + n * sizeof(struct vhost_msg_region))
		return VHOST_REFUSE_MSG(
			req, "%u bytes do not hold %u memory regions", req->msg.size, n);
	read_descs(req, descs, n);
	read_files(req, files, n);
	if (table_unchanged(dev, descs, files, n))
		return VHOST_OK;

	mem = gmem_create(descs, req->fds, n, &req->error);
	if (mem == NULL)
		return VHOST_REFUSE;
	/* From here on a wait is resumed with the same message, so the pause may stay. */
	dev->paused = true;
	if (dev->env->quiesce(dev) < 0) {
		gmem_destroy(mem);
		return VHOST_WAIT;
	}
	/* Nobody uses it; what is deferred is only the time that unmapping takes. */
	vhost_mem_release(dev);
	dev->mem = mem;
	dev->n_mem_descs = n;
	memcpy(dev->mem_descs, descs, sizeof(descs));
	memcpy(dev->mem_files, files, sizeof(files));
	dev->stats.mem_tables++;
	translate_rings(dev);
	dev->paused = false;
	dev->env->changed(dev);
	VHOST_LOG(INFO, dev, "memory: %u regions, %" PRIu64 " MiB", n, gmem_size(mem) >> 20);
	return VHOST_OK;
}
