/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * Rings that no driver would write.
 *
 * The rule: the broken ring stops, and only it; its error eventfd is signalled
 * within a second; nothing outside its buffers is written; stopped and set up
 * anew it works again.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto.h"

#define HOLE (1ull << 38) /* nobody's memory */

/* What has to come of it. */
enum verdict {
	BROKEN, /* the ring is stopped, with an error */
	EITHER, /* or the buffer is used: its packet dropped, or (received) all of it seen */
};

struct hostile {
	const char *name;
	void (*write)(struct fe_guest *g, struct fe_vq *vq);
	enum verdict verdict;
	uint64_t without; /* features not to be negotiated */
};

static void
put(struct vring_desc *d, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	*d = (struct vring_desc){.addr = addr, .len = len, .flags = flags, .next = next};
}

/* A good buffer of the guest: 2 KiB. */
static uint64_t
buffer(struct fe_guest *g)
{
	uint64_t gpa = fe_mem_alloc_guarded(&g->mem, 2048, 64);

	assert_true(gpa != 0);
	memset(fe_mem_ptr(&g->mem, gpa, 2048), 0, 2048);
	return gpa;
}

/* The flag that fits the direction of the ring. */
static uint16_t
right(const struct fe_vq *vq)
{
	return vq->index % 2 == 0 ? VRING_DESC_F_WRITE : 0;
}

static uint16_t
wrong(const struct fe_vq *vq)
{
	return right(vq) ^ VRING_DESC_F_WRITE;
}

static void
index_jump(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 100, right(vq), 0);
	vq->next_avail = (uint16_t)(vq->next_avail + vq->conf.size + 1);
	fe_vq_publish(vq);
}

static void
index_backwards(struct fe_guest *g, struct fe_vq *vq)
{
	(void)g;
	vq->next_avail--;
	fe_vq_publish(vq);
}

static void
head_size(struct fe_guest *g, struct fe_vq *vq)
{
	(void)g;
	fe_split_push(vq, vq->conf.size);
}

static void
head_max(struct fe_guest *g, struct fe_vq *vq)
{
	(void)g;
	fe_split_push(vq, 0xffff);
}

static void
loop_self(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 100, right(vq) | VRING_DESC_F_NEXT, 0);
	fe_split_push(vq, 0);
}

static void
loop_all(struct fe_guest *g, struct fe_vq *vq)
{
	uint64_t gpa = buffer(g);

	for (uint32_t i = 0; i < vq->conf.size; i++)
		put(&vq->desc[i], gpa, 16, right(vq) | VRING_DESC_F_NEXT,
			(uint16_t)((i + 1) % vq->conf.size));
	fe_split_push(vq, 0);
}

/* Without a byte in it, the loop cannot run into a limit of the length. */
static void
loop_empty(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 0, right(vq) | VRING_DESC_F_NEXT, 1);
	put(&vq->desc[1], buffer(g), 0, right(vq) | VRING_DESC_F_NEXT, 0);
	fe_split_push(vq, 0);
}

static void
next_range(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 8, right(vq) | VRING_DESC_F_NEXT, vq->conf.size);
	fe_split_push(vq, 0);
}

static void
next_max(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 8, right(vq) | VRING_DESC_F_NEXT, 0xffff);
	fe_split_push(vq, 0);
}

static void
address_hole(struct fe_guest *g, struct fe_vq *vq)
{
	(void)g;
	put(&vq->desc[0], HOLE, 1600, right(vq), 0);
	fe_split_push(vq, 0);
}

static void
address_max(struct fe_guest *g, struct fe_vq *vq)
{
	(void)g;
	put(&vq->desc[0], UINT64_MAX, 1600, right(vq), 0);
	fe_split_push(vq, 0);
}

static void
address_wraps(struct fe_guest *g, struct fe_vq *vq)
{
	(void)g;
	put(&vq->desc[0], -100ull, 1600, right(vq), 0);
	fe_split_push(vq, 0);
}

/* The end of the last region; behind it is nothing. */
static void
address_crosses(struct fe_guest *g, struct fe_vq *vq)
{
	const struct fe_region_conf *last = &g->mem.region[g->mem.n - 1].conf;

	put(&vq->desc[0], last->gpa + last->size - 50, 1600, right(vq), 0);
	fe_split_push(vq, 0);
}

static void
address_is_user(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], fe_mem_uva(&g->mem, buffer(g)), 1600, right(vq), 0);
	fe_split_push(vq, 0);
}

static void
second_in_hole(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 12, right(vq) | VRING_DESC_F_NEXT, 1);
	put(&vq->desc[1], HOLE, 1600, right(vq), 0);
	fe_split_push(vq, 0);
}

static void
length_max(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), UINT32_MAX, right(vq), 0);
	fe_split_push(vq, 0);
}

/* The lengths sum up to 2^32 + 100. */
static void
length_sum_wraps(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 200, right(vq) | VRING_DESC_F_NEXT, 1);
	put(&vq->desc[1], buffer(g), 0xffffff9c, right(vq), 0);
	fe_split_push(vq, 0);
}

static void
wrong_direction(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 1600, wrong(vq), 0);
	fe_split_push(vq, 0);
}

static void
mixed_direction(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 100, right(vq) | VRING_DESC_F_NEXT, 1);
	put(&vq->desc[1], buffer(g), 1600, wrong(vq), 0);
	fe_split_push(vq, 0);
}

static void
zero_length(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 0, right(vq), 0);
	fe_split_push(vq, 0);
}

static void
zero_length_within(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 12, right(vq) | VRING_DESC_F_NEXT, 1);
	put(&vq->desc[1], buffer(g), 0, right(vq) | VRING_DESC_F_NEXT, 2);
	put(&vq->desc[2], buffer(g), 1600, right(vq), 0);
	fe_split_push(vq, 0);
}

static void
header_truncated(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 11, right(vq), 0);
	fe_split_push(vq, 0);
}

static void
header_only(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 12, right(vq), 0);
	fe_split_push(vq, 0);
}

static void
indirect_table(struct fe_guest *g, struct fe_vq *vq, uint32_t len, uint16_t outer_flags)
{
	uint64_t gpa = fe_mem_alloc_guarded(&g->mem, 4096, 16);
	struct vring_desc *table = fe_mem_ptr(&g->mem, gpa, 4096);
	uint64_t data = buffer(g);

	assert_non_null(table);
	for (uint16_t i = 0; i < 256; i++)
		put(&table[i], data, 12, right(vq) | VRING_DESC_F_NEXT, (uint16_t)(i + 1));
	table[len >= 16 ? len / 16 - 1 : 0].flags = right(vq);
	put(&vq->desc[0], gpa, len, outer_flags, 0);
	fe_split_push(vq, 0);
}

static void
indirect_table_of_two(struct fe_guest *g, struct fe_vq *vq)
{
	indirect_table(g, vq, 32, VRING_DESC_F_INDIRECT);
}

static void
indirect_odd(struct fe_guest *g, struct fe_vq *vq)
{
	indirect_table(g, vq, 33, VRING_DESC_F_INDIRECT);
}

static void
indirect_empty(struct fe_guest *g, struct fe_vq *vq)
{
	indirect_table(g, vq, 0, VRING_DESC_F_INDIRECT);
}

static void
indirect_short(struct fe_guest *g, struct fe_vq *vq)
{
	indirect_table(g, vq, 15, VRING_DESC_F_INDIRECT);
}

static void
indirect_and_next(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[1], buffer(g), 100, right(vq), 0);
	indirect_table(g, vq, 32, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT);
	vq->desc[0].next = 1;
}

static void
indirect_longer_than_ring(struct fe_guest *g, struct fe_vq *vq)
{
	indirect_table(g, vq, 16u * (vq->conf.size + 1u), VRING_DESC_F_INDIRECT);
}

static void
indirect_in_hole(struct fe_guest *g, struct fe_vq *vq)
{
	(void)g;
	put(&vq->desc[0], HOLE, 64, VRING_DESC_F_INDIRECT, 0);
	fe_split_push(vq, 0);
}

static void
indirect_crosses(struct fe_guest *g, struct fe_vq *vq)
{
	const struct fe_region_conf *last = &g->mem.region[g->mem.n - 1].conf;

	put(&vq->desc[0], last->gpa + last->size - 16, 64, VRING_DESC_F_INDIRECT, 0);
	fe_split_push(vq, 0);
}

static void
indirect_huge(struct fe_guest *g, struct fe_vq *vq)
{
	put(&vq->desc[0], buffer(g), 0xfffffff0, VRING_DESC_F_INDIRECT, 0);
	fe_split_push(vq, 0);
}

static void
indirect_within_indirect(struct fe_guest *g, struct fe_vq *vq)
{
	uint64_t gpa = fe_mem_alloc_guarded(&g->mem, 64, 16);
	struct vring_desc *table = fe_mem_ptr(&g->mem, gpa, 64);

	put(&table[0], gpa + 16, 16, VRING_DESC_F_INDIRECT, 0);
	put(&table[1], buffer(g), 1600, right(vq), 0);
	put(&vq->desc[0], gpa, 32, VRING_DESC_F_INDIRECT, 0);
	fe_split_push(vq, 0);
}

static void
indirect_loop(struct fe_guest *g, struct fe_vq *vq)
{
	uint64_t gpa = fe_mem_alloc_guarded(&g->mem, 64, 16);
	struct vring_desc *table = fe_mem_ptr(&g->mem, gpa, 64);

	put(&table[0], buffer(g), 0, right(vq) | VRING_DESC_F_NEXT, 1);
	put(&table[1], buffer(g), 0, right(vq) | VRING_DESC_F_NEXT, 0);
	put(&vq->desc[0], gpa, 32, VRING_DESC_F_INDIRECT, 0);
	fe_split_push(vq, 0);
}

static void
indirect_next_range(struct fe_guest *g, struct fe_vq *vq)
{
	uint64_t gpa = fe_mem_alloc_guarded(&g->mem, 64, 16);
	struct vring_desc *table = fe_mem_ptr(&g->mem, gpa, 64);

	put(&table[0], buffer(g), 20, right(vq) | VRING_DESC_F_NEXT, 2);
	put(&vq->desc[0], gpa, 32, VRING_DESC_F_INDIRECT, 0);
	fe_split_push(vq, 0);
}

/*
 * EITHER for loops with bytes in them and lengths beyond all memory: a frame
 * that is too long may be dropped before the end of its chain is looked for.
 */
static const struct hostile hostiles[] = {
	{"index jump", index_jump, BROKEN, 0},
	{"index backwards", index_backwards, BROKEN, 0},
	{"head beyond the ring", head_size, BROKEN, 0},
	{"head 0xffff", head_max, BROKEN, 0},
	{"loop of one", loop_self, EITHER, 0},
	{"loop of all", loop_all, EITHER, 0},
	{"loop of empty ones", loop_empty, BROKEN, 0},
	{"next beyond the ring", next_range, BROKEN, 0},
	{"next 0xffff", next_max, BROKEN, 0},
	{"address in a hole", address_hole, BROKEN, 0},
	{"address 2^64 - 1", address_max, BROKEN, 0},
	{"address wraps", address_wraps, BROKEN, 0},
	{"address crosses the end", address_crosses, BROKEN, 0},
	{"a user address", address_is_user, BROKEN, 0},
	{"second segment in a hole", second_in_hole, BROKEN, 0},
	{"length 2^32 - 1", length_max, EITHER, 0},
	{"sum of lengths wraps", length_sum_wraps, EITHER, 0},
	{"wrong direction", wrong_direction, BROKEN, 0},
	{"mixed direction", mixed_direction, BROKEN, 0},
	{"length 0", zero_length, EITHER, 0},
	{"length 0 within a chain", zero_length_within, EITHER, 0},
	{"header truncated", header_truncated, EITHER, 0},
	{"header only", header_only, EITHER, 0},
	{"indirect length odd", indirect_odd, BROKEN, 0},
	{"indirect length 0", indirect_empty, BROKEN, 0},
	{"indirect length 15", indirect_short, BROKEN, 0},
	{"indirect with next", indirect_and_next, BROKEN, 0},
	{"indirect longer than the ring", indirect_longer_than_ring, EITHER, 0},
	{"indirect in a hole", indirect_in_hole, BROKEN, 0},
	{"indirect crosses the end", indirect_crosses, BROKEN, 0},
	{"indirect huge", indirect_huge, BROKEN, 0},
	{"indirect within indirect", indirect_within_indirect, BROKEN, 0},
	{"indirect loop", indirect_loop, BROKEN, 0},
	{"indirect next beyond the table", indirect_next_range, BROKEN, 0},
	{"indirect not negotiated", indirect_table_of_two, BROKEN,
		FE_BIT(VIRTIO_RING_F_INDIRECT_DESC)},
};

/* Keep something to deliver on the wire until the ring is broken, or the buffer is used. */
static bool
wait_broken(struct fe_guest *peer, struct fe_vq *vq, uint16_t used)
{
	int64_t deadline = fe_now_ms() + PROTO_ERR_MS;

	while (fe_now_ms() < deadline && vq->used->idx == used) {
		if (vq->index % 2 == 0) {
			fe_pkt_build(peer->frame, 200, 0, 0);
			fe_guest_send(peer, 0, peer->frame, 200);
		}
		if (fe_event_wait(vq->errfd, 10) == 0)
			return true;
	}
	return false;
}

/* The ring of the same device that is not broken goes on. */
static int
check_other_ring(struct fe_guest *g, struct fe_guest *peer, const struct fe_vq *vq)
{
	struct flow f;
	int ret;

	if (vq->index % 2 == 0)
		flow_init(&f, g, peer, 0);
	else
		flow_init(&f, peer, g, 0);
	f.size_max = 1000;
	ret = flow_finish(&f, 1, 50, 3000);
	flow_fini(&f);
	return ret;
}

/* A new driver on the same connection. */
static int
recover(struct fe_guest *g, struct fe_guest *peer)
{
	uint32_t base;
	int ret = 0;

	for (uint32_t i = 0; i < 2 && ret == 0; i++)
		ret = fe_get_vring_base(&g->conn, i, &base);
	if (ret == 0)
		ret = fe_set_status(&g->conn, 0);
	if (ret < 0)
		return ret;
	fe_guest_reset(g);
	ret = fe_guest_start(g);
	return ret < 0 ? ret : flow_exchange(g, peer, 50);
}

static int
complain(const struct hostile *h, unsigned int ring, const char *what)
{
	fprintf(stderr, "\"%s\" in ring %u: %s\n", h->name, ring, what);
	return 1;
}

/*
 * Give the subject b1 an empty ring and write something hostile into it.
 * For a receive ring this needs a guest that has posted nothing.
 */
static int
check_hostile(const struct hostile *h, unsigned int ring, struct fe_guest *peer)
{
	struct fe_guest_conf conf;
	struct fe_guest g;
	struct fe_vq *vq;
	uint16_t used;
	bool broken;
	int failed = 0;

	proto_subject_conf(&conf, "b1");
	conf.features &= ~h->without;
	conf.watch = 0;
	assert_int_equal(fe_guest_create(&g, &conf), 0);
	if (ring == 0)
		fe_guest_rx(&g, 0)->free = NULL;
	assert_int_equal(proto_guest_up(&g), 0);
	vq = &g.queues[ring].vq;
	fe_event_drain(vq->errfd);
	used = vq->used->idx;
	h->write(&g, vq);
	broken = wait_broken(peer, vq, used);
	if (!broken && h->verdict == BROKEN)
		failed += complain(h, ring, "no error told");
	if (broken && vq->used->idx != used)
		failed += complain(h, ring, "stopped, but the buffer was used");
	/* One buffer that is too small for a packet waits for more of them. */
	if (!broken && h->verdict == EITHER && vq->used->idx == used && ring == 1)
		failed += complain(h, ring, "neither stopped nor used");
	if (check_other_ring(&g, peer, vq) != 0)
		failed += complain(h, ring, "the other ring does not go on");
	if (!fe_guard_intact(&g.mem, vq->desc_gpa, vq->conf.size * sizeof(struct vring_desc)))
		failed += complain(h, ring, "memory around the descriptors changed");
	if (recover(&g, peer) != 0)
		failed += complain(h, ring, "does not work after a new start");
	if (!proto_alive())
		failed += complain(h, ring, "daemon or bystanders suffer");
	fe_guest_destroy(&g);
	return failed;
}

static void
check_all(unsigned int ring)
{
	struct fe_guest peer;
	int failed = 0;

	for (size_t i = 0; i < PROTO_LEN(hostiles); i++) {
		proto_subject_up(&peer, "b2");
		failed += check_hostile(&hostiles[i], ring, &peer);
		fe_guest_destroy(&peer);
		if (!daemon_alive(&proto_daemon))
			fail_msg("the daemon died of \"%s\" in ring %u", hostiles[i].name, ring);
	}
	assert_int_equal(failed, 0);
}

static void
test_hostile_transmit(void **state)
{
	(void)state;
	check_all(1);
}

static void
test_hostile_receive(void **state)
{
	(void)state;
	check_all(0);
}

/* Not an error: what is legal and looks odd. */
static void
test_odd_but_legal(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	struct vring_desc *desc;
	struct fe_vq *vq;
	uint64_t gpa;

	(void)state;
	proto_subject_conf(&conf, "b1");
	conf.features &= ~FE_BIT(VIRTIO_F_IN_ORDER);
	conf.watch = 0;
	proto_subjects_up(g, &conf);
	vq = &fe_guest_tx(&g[0], 0)->vq;
	desc = vq->desc;
	gpa = buffer(&g[0]);
	/* One byte per descriptor, linked backwards, as many as the ring has. */
	fe_pkt_build(
		(uint8_t *)fe_mem_ptr(&g[0].mem, gpa, 2048) + FE_NET_HDR_SIZE, FE_PKT_MIN, 7, 1);
	for (uint16_t i = 0; i < vq->conf.size; i++)
		put(&desc[vq->conf.size - 1 - i], gpa + i, 1,
			i + 1 < vq->conf.size ? VRING_DESC_F_NEXT : 0,
			(uint16_t)(vq->conf.size - 2 - i));
	desc[0].len = FE_NET_HDR_SIZE + FE_PKT_MIN - (vq->conf.size - 1u);
	fe_split_push(vq, (uint16_t)(vq->conf.size - 1));
	assert_int_equal(fe_guest_wait_rx(&g[1], 0, PROTO_WAIT_MS), 0);
	assert_int_equal(fe_guest_recv(&g[1], 0, g[1].frame, FE_PKT_MAX, NULL), FE_PKT_MIN);
	assert_memory_equal(g[1].frame,
		(uint8_t *)fe_mem_ptr(&g[0].mem, gpa, 2048) + FE_NET_HDR_SIZE, FE_PKT_MIN);
	proto_subjects_down(g);
}

/* What a guest does to its own ring while the daemon reads it. */
static void
test_scribbling(void **state)
{
	struct fe_guest_conf conf;
	struct fe_guest g[2];
	unsigned int seed = 4711;

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct fe_vq *vq;

		proto_subject_conf(&conf, "b1");
		conf.watch = 0;
		proto_subjects_up(g, &conf);
		vq = &g[0].queues[round % 2].vq;
		for (int i = 0; i < 200; i++) {
			uint8_t *bytes = (uint8_t *)vq->desc;

			for (int b = 0; b < 64; b++)
				bytes[(uint32_t)rand_r(&seed) % (vq->conf.size * 16u)] = (uint8_t)
					rand_r(&seed);
			vq->avail->ring[(uint32_t)rand_r(&seed) % vq->conf.size] =
				(uint16_t)((uint32_t)rand_r(&seed) % (vq->conf.size + 1u));
			vq->avail->idx++;
			fe_pkt_build(g[1].frame, 100, 0, 0);
			fe_guest_send(&g[1], 0, g[1].frame, 100);
		}
		assert_true(proto_alive());
		proto_subjects_down(g);
	}
	assert_true(proto_subjects_work());
}

static const struct CMUnitTest tests[] = {
	proto_test(test_hostile_transmit),
	proto_test(test_hostile_receive),
	proto_test(test_odd_but_legal),
	proto_test(test_scribbling),
};

const struct proto_group proto_hostile = {"hostile", tests, PROTO_LEN(tests)};
