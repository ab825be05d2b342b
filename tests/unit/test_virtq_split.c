/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * The split ring with a lawful driver: random chains, cuts, tables and rings
 * of all sizes, through the wrap-around of the indices. After every burst all
 * guest memory, the used entries, counters and notifications are compared.
 */

#include "virtq_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit_eal.h"

#define START	  65500
#define HDR_MAX	  12
#define MAX_FRAME 1514
#define SLOT	  2331 /* the borders of regions lie well inside of slots */
#define JUMBO	  9014

#define F(bit)	  (1ull << VIRTQ_F_##bit)

static struct rte_mempool *pool;      /* mbufs of 2 KB */
static struct rte_mempool *tiny_pool; /* few and small: packets need several */
#define TINY_MBUFS 12
#define TINY_DATA  200

static const uint16_t sizes[] = {1, 2, 4, 16, 256, 1024, 32768};

static const struct {
	uint64_t features;
	enum chain_layout worst;
} variants[] = {
	{0, CHAIN_DIRECT},
	{F(VERSION_1), CHAIN_DIRECT},
	{F(VERSION_1) | F(INDIRECT_DESC), CHAIN_MIXED},
	{F(VERSION_1) | F(MRG_RXBUF) | F(IN_ORDER), CHAIN_DIRECT},
	{F(VERSION_1) | F(MRG_RXBUF) | F(INDIRECT_DESC) | F(EVENT_IDX) | F(IN_ORDER), CHAIN_MIXED},
	{F(EVENT_IDX) | F(VERSION_1), CHAIN_DIRECT},
};

static uint32_t
hdr_len(uint64_t features)
{
	return features & (F(VERSION_1) | F(MRG_RXBUF)) ? 12 : 10;
}

static uint16_t
pieces_for(const struct ring *r, uint32_t total, enum chain_layout layout)
{
	uint32_t most = RTE_MIN(total, (uint32_t)CHAIN_MAX_PIECES);

	if (layout == CHAIN_DIRECT)
		most = RTE_MIN(most, (uint32_t)r->size);
	return (uint16_t)(random_one_in(2) ? 1 : random_in(1, most));
}

static enum chain_layout
random_layout(enum chain_layout worst)
{
	return (enum chain_layout)random_in(CHAIN_DIRECT, worst);
}

/* Packets for the device to take, with a header of noise, which it must not heed. */
static void
offer_packets(struct ring *r, enum chain_layout worst, uint32_t n)
{
	uint32_t most = r->vq.max_frame;

	while (n-- > 0) {
		/* Around both limits, and between. */
		uint32_t len = random_one_in(8) ? random_in(0, 20)
			: random_one_in(8)	? random_in(most - 100, most + 100)
			: random_one_in(8)	? random_in(14, most)
						: random_in(14, 600);
		uint32_t total = len + r->vq.hdr_len;
		enum chain_layout layout = random_layout(worst);
		struct chain *c = ring_add(r, total, pieces_for(r, total, layout), layout);
		uint8_t *bytes;

		if (c == NULL)
			break;
		bytes = malloc(total);
		assert_non_null(bytes);
		random_bytes(bytes, total);
		chain_write(r->g, c, 0, bytes, total, false);
		memmove(bytes, bytes + r->vq.hdr_len, len);
		c->frame = bytes;
		c->frame_len = len;
	}
	ring_offer(r);
}

static void
expect_packet(const struct rte_mbuf *m, const struct chain *c)
{
	uint8_t copy[JUMBO];
	const void *bytes;
	uint32_t segs = 0, len = 0;
	const struct rte_mbuf *seg;

	assert_int_equal(m->pkt_len, c->frame_len);
	for (seg = m; seg != NULL; seg = seg->next, segs++)
		len += seg->data_len;
	assert_int_equal(segs, m->nb_segs);
	assert_int_equal(len, m->pkt_len);
	bytes = rte_pktmbuf_read(m, 0, m->pkt_len, copy);
	assert_non_null(bytes);
	assert_memory_equal(bytes, c->frame, c->frame_len);
}

/* Now and then the back-end is replaced: a new one goes on from the exported state. */
static bool
replace_device(struct ring *r)
{
	struct virtq_stats stats = r->vq.stats;
	struct virtq_state state;

	if (!random_one_in(20))
		return false;
	virtq_export(&r->vq, &state);
	memset(&r->vq, 0, sizeof(r->vq));
	r->vq.call_fd = r->call_fd;
	ring_restart(r, state.last_avail);
	r->vq.stats = stats;
	return true;
}

struct tx_run {
	struct ring r;
	struct virtq_stats before;
	bool first;
	uint64_t received;
};

/* Compare one dequeue with what the driver had offered. */
static void
check_dequeue(struct tx_run *run, struct rte_mbuf **pkts, uint16_t got, uint16_t n, bool scarce)
{
	struct ring *r = &run->r;
	const struct virtq_stats *now = &r->vq.stats;
	uint16_t used = (uint16_t)(r->used->idx - r->used_idx);
	uint16_t most = RTE_MIN(RTE_MIN(n, ring_owned(r)), (uint16_t)VIRTQ_BURST);
	uint64_t runt = 0, oversize = 0, bytes = 0;
	uint32_t calls;
	uint16_t i, at = 0;

	assert_true(scarce ? used <= most : used == most);
	for (i = 0; i < used; i++) {
		uint16_t position = (uint16_t)(r->used_idx + i);
		const struct chain *c = ring_chain(r, position);
		const struct virtq_split_used_elem *elem = &r->used->ring[position & (r->size - 1)];

		assert_int_equal(elem->id, c->head);
		assert_int_equal(elem->len, 0);
		if (c->frame_len < VIRTQ_MIN_FRAME) {
			runt++;
		} else if (c->frame_len > r->vq.max_frame) {
			oversize++;
		} else {
			assert_true(at < got);
			expect_packet(pkts[at++], c);
			bytes += c->frame_len;
		}
	}
	assert_int_equal(at, got);
	assert_int_equal(now->packets - run->before.packets, got);
	assert_int_equal(now->bytes - run->before.bytes, bytes);
	assert_int_equal(now->runt - run->before.runt, runt);
	assert_int_equal(now->oversize - run->before.oversize, oversize);
	assert_int_equal(now->bursts - run->before.bursts, used > 0);
	assert_int_equal(now->no_mbuf - run->before.no_mbuf > 0, used < most);

	calls = ring_calls(r);
	assert_int_equal(calls, ring_calls_due(r, used, run->first));
	assert_int_equal(now->calls - run->before.calls, calls);
	assert_int_equal(now->calls_suppressed - run->before.calls_suppressed, used > 0 && !calls);
	run->first = run->first && used == 0;
	run->before = *now;
	run->received += used;

	ring_check(r, (uint16_t)(r->used_idx + used));
	guest_check(r->g);
	ring_take_back(r, used);
}

static void
run_transmit(struct guest *g, uint16_t size, uint64_t features, enum chain_layout worst,
	uint32_t max_frame)
{
	struct tx_run run = {.first = true};
	struct rte_mbuf *pkts[100];
	unsigned int least = size > 4096 ? 40 : 200, bursts;
	uint16_t n, got;

	guest_set_slots(g, max_frame + 817);
	ring_init(&run.r, g, size, features, false, max_frame, START);
	assert_int_equal(run.r.vq.hdr_len, hdr_len(features));
	virtq_suppress_kicks(&run.r.vq);
	for (bursts = 0; bursts < least || run.received < 100; bursts++) {
		if (bursts == 100000)
			fail_msg("size %u, features 0x%" PRIx64 ": stuck", size, features);
		run.first |= replace_device(&run.r);
		offer_packets(&run.r, worst, random_in(0, 70));
		ring_arm(&run.r);
		n = (uint16_t)random_in(0, RTE_DIM(pkts));
		got = run.r.vq.dequeue(&run.r.vq, pool, pkts, n);
		check_dequeue(&run, pkts, got, n, false);
		rte_pktmbuf_free_bulk(pkts, got);
	}
	ring_fini(&run.r);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void
test_transmit(void **state)
{
	struct guest *g = *state;
	unsigned int i, j;

	for (i = 0; i < RTE_DIM(sizes); i++)
		for (j = 0; j < RTE_DIM(variants); j++)
			run_transmit(
				g, sizes[i], variants[j].features, variants[j].worst, MAX_FRAME);
}

/* Frames that take several mbufs. */
static void
test_transmit_jumbo(void **state)
{
	unsigned int j;

	for (j = 0; j < RTE_DIM(variants); j++)
		run_transmit(*state, 256, variants[j].features, variants[j].worst, JUMBO);
}

/* Packets held back at random by a receiver, from a pool that runs dry in the middle of bursts. */
static void
test_transmit_without_mbufs_loses_nothing(void **state)
{
	struct guest *g = *state;
	struct tx_run run = {.first = true};
	struct rte_mbuf *pkts[VIRTQ_BURST];
	struct rte_mbuf *held[TINY_MBUFS];
	unsigned int n_held = 0, idle = 0;
	uint16_t got, i;

	guest_set_slots(g, SLOT);
	/* At most 10 mbufs a packet. */
	ring_init(&run.r, g, 256, F(VERSION_1) | F(INDIRECT_DESC), false, MAX_FRAME, START);
	while (run.received < 3000) {
		uint64_t before = run.received;

		offer_packets(&run.r, CHAIN_MIXED, random_in(0, 20));
		ring_arm(&run.r);
		got = run.r.vq.dequeue(&run.r.vq, tiny_pool, pkts, VIRTQ_BURST);
		check_dequeue(&run, pkts, got, VIRTQ_BURST, true);
		for (i = 0; i < got; i++)
			held[n_held++] = pkts[i];
		/* With every mbuf at hand a packet gets through, if there is one. */
		idle = run.received == before && ring_owned(&run.r) > 0 ? idle + 1 : 0;
		assert_true(idle < 2);
		if (idle > 0 || random_one_in(2)) {
			rte_pktmbuf_free_bulk(held, n_held);
			n_held = 0;
		}
	}
	assert_true(run.r.vq.stats.no_mbuf > 100);
	rte_pktmbuf_free_bulk(held, n_held);
	ring_fini(&run.r);
	assert_int_equal(rte_mempool_in_use_count(tiny_pool), 0);
}

/* Buffers for the device to fill. */
static void
offer_buffers(struct ring *r, enum chain_layout worst, bool mergeable, uint32_t n)
{
	/* Where buffers do not add up, one that takes no packet at all would stay for ever. */
	uint32_t least = mergeable && r->size > 2 * CHAIN_MAX_PIECES ? 1 : 20;

	while (n-- > 0) {
		uint32_t total = r->vq.hdr_len +
			(random_one_in(3) ? random_in(least, 60) : random_in(100, 1600));
		enum chain_layout layout = random_layout(worst);

		if (ring_add(r, total, pieces_for(r, total, layout), layout) == NULL)
			break;
	}
	ring_offer(r);
}

/* A packet in one or more segments, some of them empty. */
static struct rte_mbuf *
make_packet(uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_mbuf *last = m;

	assert_non_null(m);
	for (;;) {
		uint32_t most = RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(last));
		uint32_t n = random_one_in(3) ? random_in(0, most) : most;

		random_bytes(rte_pktmbuf_mtod(last, uint8_t *), n);
		last->data_len = (uint16_t)n;
		m->pkt_len += n;
		len -= n;
		if (len == 0)
			return m;
		last->next = rte_pktmbuf_alloc(pool);
		last = last->next;
		assert_non_null(last);
		m->nb_segs++;
	}
}

struct rx_run {
	struct ring r;
	struct virtq_stats before;
	bool mergeable;
	bool first;
	uint64_t delivered;
};

/*
 * What must become of a packet when `taken` buffers of the ring are used
 * already in this burst: the number of buffers that it takes. 0: there is no
 * room now. -1: there never will be.
 */
static int
buffers_due(const struct rx_run *run, struct ring *r, uint16_t taken, uint32_t len)
{
	uint32_t space = 0;
	uint16_t n = 0;

	do {
		if (taken + n == ring_owned(r))
			return ring_owned(r) == r->size && taken == 0 ? -1 : 0;
		space += ring_chain(r, (uint16_t)(r->used_idx + taken + n))->total;
		n++;
		if (!run->mergeable && space < len)
			return -1;
	} while (space < len);
	return n;
}

/*
 * Put into the shadow what one packet must have left in `n` buffers, and check
 * their used entries.
 */
static void
apply_packet(struct rx_run *run, uint16_t taken, int n, const struct rte_mbuf *m)
{
	struct ring *r = &run->r;
	uint32_t left = m->pkt_len + r->vq.hdr_len, offset = 0;
	uint8_t bytes[HDR_MAX + 6000] = {0};
	const void *frame;
	int i;

	if (r->vq.hdr_len == 12)
		bytes[10] = (uint8_t)n;
	assert_true(left <= sizeof(bytes) && n < 256);
	frame = rte_pktmbuf_read(m, 0, m->pkt_len, bytes + r->vq.hdr_len);
	assert_non_null(frame);
	if (frame != bytes + r->vq.hdr_len)
		memcpy(bytes + r->vq.hdr_len, frame, m->pkt_len);
	for (i = 0; i < n; i++) {
		uint16_t position = (uint16_t)(r->used_idx + taken + i);
		const struct chain *c = ring_chain(r, position);
		const struct virtq_split_used_elem *elem = &r->used->ring[position & (r->size - 1)];
		uint32_t len = RTE_MIN(left, c->total);

		assert_int_equal(elem->id, c->head);
		assert_int_equal(elem->len, len);
		chain_write(r->g, c, 0, bytes + offset, len, true);
		offset += len;
		left -= len;
	}
	assert_int_equal(left, 0);
}

/* Buffers behind those used so far may hold anything: a packet that did not fit was begun there. */
static void
forgive_rest(struct ring *r, uint16_t taken)
{
	uint16_t i, position = (uint16_t)(r->used_idx + taken);

	for (; position != r->avail_idx; position++) {
		const struct chain *c = ring_chain(r, position);

		for (i = 0; i < c->n_pieces; i++)
			memcpy(r->g->shadow + (c->pieces[i].gpa - ARENA_GPA),
				r->g->arena + (c->pieces[i].gpa - ARENA_GPA), c->pieces[i].len);
	}
}

static void
check_enqueue(struct rx_run *run, struct rte_mbuf **pkts, uint16_t n, uint16_t done)
{
	struct ring *r = &run->r;
	const struct virtq_stats *now = &r->vq.stats;
	uint64_t too_small = 0, packets = 0, bytes = 0;
	uint16_t taken = 0, i;
	uint32_t calls;

	for (i = 0; i < n && i < VIRTQ_BURST; i++) {
		uint32_t len = pkts[i]->pkt_len + r->vq.hdr_len;
		int due = ring_owned(r) == 0 ? 0 : buffers_due(run, r, taken, len);

		if (due <= 0)
			forgive_rest(r, taken);
		if (due == 0)
			break;
		if (due < 0) {
			too_small++;
			continue;
		}
		assert_true(i < done);
		apply_packet(run, taken, due, pkts[i]);
		packets++;
		bytes += pkts[i]->pkt_len;
		taken = (uint16_t)(taken + due);
	}
	assert_int_equal(done, i);
	assert_int_equal(now->packets - run->before.packets, packets);
	assert_int_equal(now->bytes - run->before.bytes, bytes);
	assert_int_equal(now->rx_too_small - run->before.rx_too_small, too_small);
	assert_int_equal(now->bursts - run->before.bursts, taken > 0);
	calls = ring_calls(r);
	assert_int_equal(calls, ring_calls_due(r, taken, run->first));
	assert_int_equal(now->calls - run->before.calls, calls);
	run->first = run->first && taken == 0;
	run->before = *now;
	run->delivered += packets;

	ring_check(r, (uint16_t)(r->used_idx + taken));
	guest_check(r->g);
	ring_take_back(r, taken);
}

static void
run_receive(struct guest *g, uint16_t size, uint64_t features, enum chain_layout worst)
{
	struct rx_run run = {.first = true, .mergeable = (features & F(MRG_RXBUF)) != 0};
	unsigned int least = size > 4096 ? 40 : 200, bursts;
	struct rte_mbuf *pkts[80];
	uint16_t i, n, done;

	guest_set_slots(g, SLOT);
	ring_init(&run.r, g, size, features, true, MAX_FRAME, START);
	virtq_suppress_kicks(&run.r.vq);
	for (bursts = 0; bursts < least || run.delivered < 50; bursts++) {
		if (bursts == 100000)
			fail_msg("size %u, features 0x%" PRIx64
				 ": stuck with %u buffers, the first of %u bytes",
				size, features, ring_owned(&run.r),
				ring_chain(&run.r, run.r.used_idx)->total);
		run.first |= replace_device(&run.r);
		offer_buffers(&run.r, worst, run.mergeable, random_in(0, 100));
		ring_arm(&run.r);
		n = (uint16_t)random_in(0, RTE_DIM(pkts));
		for (i = 0; i < n; i++)
			pkts[i] = make_packet(
				random_one_in(10) ? random_in(0, 5000) : random_in(14, 400));
		done = run.r.vq.enqueue(&run.r.vq, pkts, n);
		check_enqueue(&run, pkts, n, done);
		rte_pktmbuf_free_bulk(pkts, n);
	}
	ring_fini(&run.r);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void
test_receive(void **state)
{
	struct guest *g = *state;
	unsigned int i, j;

	for (i = 0; i < RTE_DIM(sizes); i++)
		for (j = 0; j < RTE_DIM(variants); j++)
			run_receive(g, sizes[i], variants[j].features, variants[j].worst);
}

static int
group_setup(void **state)
{
	static struct guest g;

	guest_init(&g, 0);
	*state = &g;
	return 0;
}

static int
group_teardown(void **state)
{
	guest_fini(*state);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transmit),
		cmocka_unit_test(test_transmit_jumbo),
		cmocka_unit_test(test_transmit_without_mbufs_loses_nothing),
		cmocka_unit_test(test_receive),
	};

	random_init();
	if (unit_eal_init("64") < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("big", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	tiny_pool = rte_pktmbuf_pool_create(
		"tiny", TINY_MBUFS, 0, 0, RTE_PKTMBUF_HEADROOM + TINY_DATA, 0);
	if (pool == NULL || tiny_pool == NULL)
		return 1;
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
