/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fe_guest.h"
#include "model.h"

#define MODEL_RINGS 32
#define MODEL_CHAIN 64
#define MODEL_HDR   FE_NET_HDR_SIZE

struct model_ring {
	uint32_t num;
	struct fe_vring_addr addr;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t last_avail, last_used;
	int kick, call;
	bool enabled, started;
};

struct model {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	uint64_t offered, features;
	enum model_fault fault;
	pthread_t thread;
	int listen_fd;
	int stop_fd;
	struct fe_conn conn;
	struct fe_mem_region region[FE_MEM_TABLE_MAX];
	uint8_t *map[FE_MEM_TABLE_MAX];
	unsigned int n_regions;
	uint64_t status;
	struct model_ring ring[MODEL_RINGS];
	uint64_t packets;
	uint8_t packet[FE_PKT_MAX + MODEL_HDR];
};

struct model_chain {
	struct fe_sg sg[MODEL_CHAIN];
	unsigned int n;
	uint16_t head;
	uint32_t len;
};

static void *
model_ptr(const struct model *m, uint64_t addr, bool user)
{
	for (unsigned int i = 0; i < m->n_regions; i++) {
		uint64_t from = user ? m->region[i].uva : m->region[i].gpa;

		if (addr >= from && addr - from < m->region[i].size)
			return m->map[i] + (addr - from);
	}
	return NULL;
}

static void
model_translate(struct model *m)
{
	for (unsigned int i = 0; i < MODEL_RINGS; i++) {
		struct model_ring *r = &m->ring[i];

		r->desc = model_ptr(m, r->addr.desc, true);
		r->avail = model_ptr(m, r->addr.avail, true);
		r->used = model_ptr(m, r->addr.used, true);
	}
}

static void
model_unmap(struct model *m)
{
	for (unsigned int i = 0; i < m->n_regions; i++)
		munmap(m->map[i], m->region[i].size);
	m->n_regions = 0;
}

static void
model_set_mem(struct model *m, struct fe_msg *msg)
{
	const struct fe_mem_table *table = (const void *)msg->payload.raw;

	model_unmap(m);
	for (unsigned int i = 0; i < table->n && i < msg->n_fds && i < FE_MEM_TABLE_MAX; i++) {
		void *map = mmap(NULL, table->region[i].size, PROT_READ | PROT_WRITE, MAP_SHARED,
			msg->fds[i], (off_t)table->region[i].offset);

		if (map == MAP_FAILED)
			break;
		m->map[i] = map;
		m->region[i] = table->region[i];
		m->n_regions++;
	}
	model_translate(m);
}

static void
model_set_fd(int *slot, struct fe_msg *msg)
{
	if (*slot >= 0)
		close(*slot);
	*slot = msg->n_fds > 0 ? dup(msg->fds[0]) : -1;
}

static bool
model_has(const struct model *m, unsigned int bit)
{
	return (m->features & FE_BIT(bit)) != 0;
}

/* Walk one available chain. */
static bool
model_pop(struct model *m, struct model_ring *r, struct model_chain *chain)
{
	const struct vring_desc *table = r->desc;
	uint16_t at;

	if (__atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE) == r->last_avail)
		return false;
	at = chain->head = r->avail->ring[r->last_avail % r->num];
	r->last_avail++;
	chain->n = 0;
	chain->len = 0;
	if ((table[at].flags & VRING_DESC_F_INDIRECT) != 0) {
		table = model_ptr(m, table[at].addr, false);
		at = 0;
	}
	for (;;) {
		chain->sg[chain->n++] = (struct fe_sg){table[at].addr, table[at].len};
		chain->len += table[at].len;
		if ((table[at].flags & VRING_DESC_F_NEXT) == 0 || chain->n == MODEL_CHAIN)
			return true;
		at = table[at].next;
	}
}

/* Between the packet and a chain, in either direction. */
static uint32_t
model_copy(struct model *m, const struct model_chain *chain, uint8_t *data, uint32_t len, bool out)
{
	uint32_t done = 0;

	for (unsigned int i = 0; i < chain->n && done < len; i++) {
		uint32_t n = chain->sg[i].len < len - done ? chain->sg[i].len : len - done;
		uint8_t *p = model_ptr(m, chain->sg[i].gpa, false);

		if (out)
			memcpy(p, data + done, n);
		else
			memcpy(data + done, p, n);
		done += n;
	}
	return done;
}

static void
model_used(struct model_ring *r, uint16_t head, uint32_t len)
{
	struct vring_used_elem *elem = &r->used->ring[r->last_used % r->num];

	elem->id = head;
	elem->len = len;
	r->last_used++;
}

static void
model_publish(struct model *m, struct model_ring *r, uint16_t old)
{
	bool call;

	__atomic_store_n(&r->used->idx, r->last_used, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (model_has(m, VIRTIO_RING_F_EVENT_IDX))
		call = vring_need_event(r->avail->ring[r->num], r->last_used, old) != 0;
	else
		call = (r->avail->flags & VRING_AVAIL_F_NO_INTERRUPT) == 0;
	if (call && r->call >= 0 && m->fault != MODEL_NO_CALL)
		eventfd_write(r->call, 1);
}

/* The rule to break when a receive buffer is used. */
static void
model_break_rx(struct model *m, struct model_ring *r, const struct model_chain *chain,
	uint32_t *len, uint16_t *head)
{
	uint8_t *first = model_ptr(m, chain->sg[0].gpa, false);

	if (m->fault == MODEL_USED_ID)
		*head = (uint16_t)((*head + r->num - 1) % r->num);
	else if (m->fault == MODEL_USED_RANGE)
		*head = (uint16_t)r->num;
	else if (m->fault == MODEL_USED_LEN)
		*len = chain->len + 1;
	else if (m->fault == MODEL_USED_JUMP)
		r->last_used = (uint16_t)(r->last_used + r->num);
	else if (m->fault == MODEL_OVERRUN)
		first[chain->sg[0].len] = 0;
	else if (m->fault == MODEL_UNDERRUN)
		first[-1] = 0;
	else if (m->fault == MODEL_BEYOND_USED)
		first[chain->sg[0].len - 1] = 0;
	else if (m->fault == MODEL_CHANGE_DESC)
		r->desc[chain->head].flags |= VRING_DESC_F_NEXT;
	else if (m->fault == MODEL_CHANGE_AVAIL)
		r->avail->idx++;
	else if (m->fault == MODEL_RING_GUARD)
		((uint8_t *)r->used)[sizeof(struct vring_used) +
			r->num * sizeof(struct vring_used_elem) + 2] = 0;
}

/* Deliver the packet. @return false if there is no room: nothing has happened. */
static bool
model_deliver(struct model *m, struct model_ring *r, uint32_t len)
{
	struct virtio_net_hdr_v1 *hdr = (void *)m->packet;
	uint16_t avail = r->last_avail, used = r->last_used;
	uint16_t *n_buffers = NULL;
	struct model_chain chain;
	uint32_t done = 0;
	uint16_t count = 0;

	hdr->num_buffers = 1;
	do {
		uint32_t n, used_len;

		if (!model_pop(m, r, &chain)) {
			r->last_avail = avail;
			r->last_used = used;
			return false;
		}
		if (count == 0)
			n_buffers = model_ptr(m, chain.sg[0].gpa + MODEL_HDR - 2, false);
		n = used_len = model_copy(m, &chain, m->packet + done, len - done, true);
		model_break_rx(m, r, &chain, &used_len, &chain.head);
		model_used(r, chain.head, used_len);
		done += n;
		count++;
	} while (done < len && model_has(m, VIRTIO_NET_F_MRG_RXBUF));
	*n_buffers = (uint16_t)(m->fault == MODEL_NUM_BUFFERS ? count + 1 : count);
	model_publish(m, r, used);
	return true;
}

/* A device that does not promise the order may use buffers in any. */
static void
model_reverse(struct model_ring *r, uint16_t from, uint16_t n)
{
	struct vring_used_elem *ring = r->used->ring;

	for (uint16_t i = 0; i < n / 2; i++) {
		struct vring_used_elem *a = &ring[(uint16_t)(from + i) % r->num];
		struct vring_used_elem *b = &ring[(uint16_t)(from + n - 1 - i) % r->num];
		struct vring_used_elem swap = *a;

		*a = *b;
		*b = swap;
	}
}

static bool
model_loop_pair(struct model *m, struct model_ring *rx, struct model_ring *tx)
{
	uint16_t old = tx->last_used;
	struct model_chain chain;
	uint16_t batch = 0;

	while (model_pop(m, tx, &chain)) {
		uint32_t len = model_copy(m, &chain, m->packet, sizeof(m->packet), false);
		bool seventh = m->packets % 7 == 6;

		if (m->fault == MODEL_DAMAGE)
			m->packet[MODEL_HDR + FE_PKT_MIN - 1] ^= 1;
		if (!(m->fault == MODEL_LOSE && seventh) && !model_deliver(m, rx, len)) {
			tx->last_avail--;
			break;
		}
		if (m->fault == MODEL_TWICE && seventh)
			model_deliver(m, rx, len);
		if (m->fault == MODEL_CHANGE_OUT)
			*(uint8_t *)model_ptr(m, chain.sg[0].gpa, false) ^= 1;
		m->packets++;
		batch++;
		if (!model_has(m, VIRTIO_F_IN_ORDER))
			model_used(tx, chain.head, 0);
		else /* one entry, in the first slot, for the batch */
			tx->used->ring[old % tx->num] = (struct vring_used_elem){.id = chain.head};
	}
	if (batch == 0)
		return false;
	tx->last_used = (uint16_t)(old + batch);
	if (m->fault == MODEL_REVERSE)
		model_reverse(tx, old, batch);
	model_publish(m, tx, old);
	return true;
}

static bool
model_runs(const struct model_ring *r)
{
	return r->started && r->enabled && r->desc != NULL && r->avail != NULL && r->used != NULL;
}

static bool
model_run(struct model *m)
{
	bool busy = false;

	for (unsigned int i = 0; i < MODEL_RINGS; i += 2) {
		if (model_runs(&m->ring[i]) && model_runs(&m->ring[i + 1]))
			busy |= model_loop_pair(m, &m->ring[i], &m->ring[i + 1]);
	}
	return busy;
}

static void
model_reply(struct model *m, const struct fe_msg *msg, const void *data, uint32_t size)
{
	fe_conn_send(
		&m->conn, msg->hdr.request, FE_FLAG_VERSION | FE_FLAG_REPLY, data, size, NULL, 0);
}

static void
model_reply_u64(struct model *m, const struct fe_msg *msg, uint64_t value)
{
	model_reply(m, msg, &value, sizeof(value));
}

static void
model_stop_ring(struct model *m, struct fe_msg *msg, struct model_ring *r)
{
	msg->payload.state.num = (uint16_t)(r->last_avail + (m->fault == MODEL_BASE ? 1 : 0));
	r->started = false;
	model_reply(m, msg, &msg->payload.state, sizeof(msg->payload.state));
}

/* @return true if it has been answered. */
static bool
model_handle_query(struct model *m, struct fe_msg *msg, struct model_ring *r)
{
	switch (msg->hdr.request) {
	case FE_GET_FEATURES:
		model_reply_u64(m, msg, m->offered);
		return true;
	case FE_GET_PROTOCOL_FEATURES:
		model_reply_u64(m, msg, FE_GUEST_PROTOCOL);
		return true;
	case FE_GET_QUEUE_NUM:
		model_reply_u64(m, msg, MODEL_RINGS / 2);
		return true;
	case FE_GET_STATUS:
		model_reply_u64(m, msg, m->status);
		return true;
	case FE_GET_VRING_BASE:
		model_stop_ring(m, msg, r);
		return true;
	default:
		return false;
	}
}

static void
model_handle_set(struct model *m, struct fe_msg *msg, struct model_ring *r)
{
	switch (msg->hdr.request) {
	case FE_SET_FEATURES:
		m->features = msg->payload.u64;
		if (m->fault == MODEL_HANG_UP)
			fe_conn_close(&m->conn);
		break;
	case FE_SET_STATUS:
		m->status = msg->payload.u64;
		break;
	case FE_SET_MEM_TABLE:
		model_set_mem(m, msg);
		break;
	case FE_SET_VRING_NUM:
		r->num = msg->payload.state.num;
		break;
	case FE_SET_VRING_BASE:
		r->last_avail = r->last_used = (uint16_t)msg->payload.state.num;
		break;
	case FE_SET_VRING_ADDR:
		memcpy(&r->addr, msg->payload.raw, sizeof(r->addr));
		model_translate(m);
		break;
	case FE_SET_VRING_KICK:
		model_set_fd(&r->kick, msg);
		r->started = true;
		break;
	case FE_SET_VRING_CALL:
		model_set_fd(&r->call, msg);
		break;
	case FE_SET_VRING_ENABLE:
		r->enabled = msg->payload.state.num != 0;
		break;
	default:
		break;
	}
}

static void
model_handle(struct model *m, struct fe_msg *msg)
{
	struct model_ring *r = &m->ring[msg->payload.state.index % MODEL_RINGS];

	if (m->fault == MODEL_MUTE)
		return;
	if (model_handle_query(m, msg, r))
		return;
	model_handle_set(m, msg, r);
	if ((msg->hdr.flags & FE_FLAG_NEED_REPLY) != 0 && m->conn.fd >= 0)
		model_reply_u64(m, msg, m->fault == MODEL_NACK);
}

static void
model_disconnect(struct model *m)
{
	fe_conn_close(&m->conn);
	for (unsigned int i = 0; i < MODEL_RINGS; i++) {
		struct model_ring *r = &m->ring[i];

		if (r->kick >= 0)
			close(r->kick);
		if (r->call >= 0)
			close(r->call);
		*r = (struct model_ring){.kick = -1, .call = -1};
	}
	model_unmap(m);
	m->status = 0;
}

static void
model_socket(struct model *m)
{
	struct fe_msg msg;

	if (m->conn.fd < 0) {
		m->conn.fd = accept4(m->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		return;
	}
	if (fe_conn_recv(&m->conn, &msg) < 0) {
		model_disconnect(m);
		return;
	}
	model_handle(m, &msg);
	while (msg.n_fds > 0)
		close(msg.fds[--msg.n_fds]);
}

static void *
model_thread(void *arg)
{
	struct model *m = arg;
	bool busy = false;

	for (;;) {
		struct pollfd pfd[2] = {
			{.fd = m->stop_fd, .events = POLLIN},
			{.fd = m->conn.fd >= 0 ? m->conn.fd : m->listen_fd, .events = POLLIN},
		};

		poll(pfd, 2, busy ? 0 : 1);
		if (pfd[0].revents != 0)
			return NULL;
		if (pfd[1].revents != 0)
			model_socket(m);
		busy = model_run(m);
	}
}

struct model *
model_create(const char *path, uint64_t features, enum model_fault fault)
{
	struct model *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->offered = features;
	m->fault = fault;
	fe_conn_init(&m->conn);
	for (unsigned int i = 0; i < MODEL_RINGS; i++)
		m->ring[i].kick = m->ring[i].call = -1;
	m->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (m->stop_fd < 0 || fe_conn_listen(&m->conn, path) < 0)
		goto fail;
	m->listen_fd = m->conn.listen_fd;
	if (pthread_create(&m->thread, NULL, model_thread, m) != 0)
		goto fail;
	return m;
fail:
	fe_conn_fini(&m->conn);
	if (m->stop_fd >= 0)
		close(m->stop_fd);
	free(m);
	return NULL;
}

void
model_destroy(struct model *m)
{
	if (m == NULL)
		return;
	eventfd_write(m->stop_fd, 1);
	pthread_join(m->thread, NULL);
	model_disconnect(m);
	fe_conn_fini(&m->conn);
	close(m->stop_fd);
	free(m);
}
