/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * The split ring with a hostile driver. Each case offers a good chain and then
 * a bad one: the good one is served, the ring stops with exactly the error
 * named, nothing but the good buffer has been written, and the ring works
 * again once it is set up again.
 */

#include "virtq_model.h"
#include "virtq_spoil.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "unit_eal.h"

#define F(bit) (1ull << VIRTQ_F_##bit)
#define BASIC  F(VERSION_1)
#define TABLES (F(VERSION_1) | F(INDIRECT_DESC))
#define SIZE   64
#define FRAME  1514
#define PIECE  400 /* length of each piece of the bad chain, where a case does not change it */
#define PIECES 3

static struct rte_mempool *pool;

/* A table lies at any address. */
typedef struct virtq_split_desc __attribute__((aligned(1))) loose_desc;

/* The bad chain's descriptor i, in the ring or in its table. */
static loose_desc *
entry(struct ring *r, struct chain *c, unsigned int i)
{
	loose_desc *table;

	if (c->table_slot == UINT32_MAX)
		return &r->desc[c->descs[i]];
	table = (void *)guest_at(r->g, r->desc[c->head].addr);
	return &table[i];
}

static void
avail_ahead(struct ring *r, struct chain *c)
{
	(void)c;
	r->avail->idx = (uint16_t)(r->used_idx + SIZE + 1);
}

static void
avail_back(struct ring *r, struct chain *c)
{
	(void)c;
	r->avail->idx = (uint16_t)(r->used_idx - 1);
}

static void
head_just_outside(struct ring *r, struct chain *c)
{
	/* What lies there looks like a good descriptor. */
	r->desc[SIZE] = (struct virtq_split_desc){.addr = c->pieces[0].gpa,
		.len = PIECE,
		.flags = r->vq.writable ? VIRTQ_DESC_F_WRITE : 0};
	r->avail->ring[(r->avail_idx - 1) & (SIZE - 1)] = SIZE;
}

static void
head_far_outside(struct ring *r, struct chain *c)
{
	(void)c;
	r->avail->ring[(r->avail_idx - 1) & (SIZE - 1)] = 0xffff;
}

static void
next_outside(struct ring *r, struct chain *c)
{
	entry(r, c, 1)->next = SIZE;
}

static void
next_far_outside(struct ring *r, struct chain *c)
{
	entry(r, c, 0)->next = 0xffff;
}

/* Short pieces: a loop of long ones is a frame that is too long before it is a loop. */
static void
loop_to_self(struct ring *r, struct chain *c)
{
	entry(r, c, 0)->len = 1;
	entry(r, c, 0)->next = c->table_slot == UINT32_MAX ? c->head : 0;
}

static void
loop_of_two(struct ring *r, struct chain *c)
{
	loose_desc *one = entry(r, c, 0), *two = entry(r, c, 1);

	one->len = two->len = 1;
	one->next = c->table_slot == UINT32_MAX ? c->descs[1] : 1;
	two->next = c->table_slot == UINT32_MAX ? c->descs[0] : 0;
	two->flags |= VIRTQ_DESC_F_NEXT;
}

static void
nested_at_once(struct ring *r, struct chain *c)
{
	loose_desc *first = entry(r, c, 0);

	first->addr = r->desc[c->head].addr;
	first->len = 16;
	first->flags = VIRTQ_DESC_F_INDIRECT;
}

static void
nested_later(struct ring *r, struct chain *c)
{
	loose_desc *second = entry(r, c, 1);

	entry(r, c, 0)->flags |= VIRTQ_DESC_F_NEXT;
	entry(r, c, 0)->next = 1;
	second->addr = r->desc[c->head].addr;
	second->len = 16;
	second->flags = VIRTQ_DESC_F_INDIRECT;
}

static void
indirect_and_next(struct ring *r, struct chain *c)
{
	r->desc[c->head].flags |= VIRTQ_DESC_F_NEXT;
}

static void
indirect_empty(struct ring *r, struct chain *c)
{
	r->desc[c->head].len = 0;
}

static void
indirect_half_entry(struct ring *r, struct chain *c)
{
	r->desc[c->head].len = 8;
}

static void
indirect_odd_length(struct ring *r, struct chain *c)
{
	r->desc[c->head].len += 1;
}

static void
indirect_by_flag(struct ring *r, struct chain *c)
{
	r->desc[c->head].flags = VIRTQ_DESC_F_INDIRECT;
}

static void
table_in_hole(struct ring *r, struct chain *c)
{
	r->desc[c->head].addr = ARENA_GPA + ARENA_SIZE;
}

/* The table begins with the last bytes of memory: entry 0 is there, entry 1 is not. */
static void
table_runs_out(struct ring *r, struct chain *c)
{
	struct virtq_split_desc first = *entry(r, c, 0);
	uint64_t gpa = ARENA_GPA + ARENA_SIZE - sizeof(first);

	first.flags |= VIRTQ_DESC_F_NEXT;
	first.next = 1;
	guest_write(r->g, gpa, &first, sizeof(first));
	r->desc[c->head].addr = gpa;
}

static void
table_cut_short(struct ring *r, struct chain *c)
{
	table_runs_out(r, c);
	r->desc[c->head].addr += 8;
}

static void
buffer_in_hole(struct ring *r, struct chain *c)
{
	entry(r, c, 0)->addr = ARENA_GPA - 4096;
}

static void
buffer_at_zero(struct ring *r, struct chain *c)
{
	entry(r, c, 1)->addr = 0;
}

static void
buffer_runs_out(struct ring *r, struct chain *c)
{
	entry(r, c, 0)->addr = ARENA_GPA + ARENA_SIZE - PIECE + 1;
}

static void
buffer_wraps_around(struct ring *r, struct chain *c)
{
	entry(r, c, 1)->addr = UINT64_MAX - 7;
}

/* Its end, computed without care, lies in memory again. */
static void
buffer_wraps_into_memory(struct ring *r, struct chain *c)
{
	entry(r, c, 0)->addr = 0 - 64ull;
	entry(r, c, 0)->len = RINGS_GPA + 4096;
}

static void
wrong_direction(struct ring *r, struct chain *c)
{
	entry(r, c, 0)->flags ^= VIRTQ_DESC_F_WRITE;
}

static void
wrong_direction_later(struct ring *r, struct chain *c)
{
	entry(r, c, 1)->flags ^= VIRTQ_DESC_F_WRITE;
}

static void
short_header(struct ring *r, struct chain *c)
{
	entry(r, c, 0)->len = 11;
	entry(r, c, 0)->flags &= (uint16_t)~VIRTQ_DESC_F_NEXT;
}

static void
short_header_in_two(struct ring *r, struct chain *c)
{
	entry(r, c, 0)->len = 4;
	entry(r, c, 1)->len = 7;
	entry(r, c, 1)->flags &= (uint16_t)~VIRTQ_DESC_F_NEXT;
}

static void
empty_first(struct ring *r, struct chain *c)
{
	entry(r, c, 0)->len = 0;
}

static void
empty_later(struct ring *r, struct chain *c)
{
	entry(r, c, 1)->len = 0;
}

static const struct hostile {
	const char *name;
	void (*spoil)(struct ring *r, struct chain *c);
	enum virtq_error error;
	bool in_table;	/* the chain lies in an indirect table */
	bool none_good; /* not even the first chain is found */
} cases[] = {
	{"avail ahead", avail_ahead, VIRTQ_ERR_AVAIL_IDX, false, true},
	{"avail back", avail_back, VIRTQ_ERR_AVAIL_IDX, false, true},
	{"head just outside", head_just_outside, VIRTQ_ERR_HEAD},
	{"head far outside", head_far_outside, VIRTQ_ERR_HEAD},
	{"next outside", next_outside, VIRTQ_ERR_NEXT},
	{"next far outside", next_far_outside, VIRTQ_ERR_NEXT},
	{"next outside table", next_far_outside, VIRTQ_ERR_NEXT, true},
	{"loop to self", loop_to_self, VIRTQ_ERR_LOOP},
	{"loop to self in table", loop_to_self, VIRTQ_ERR_LOOP, true},
	{"loop of two", loop_of_two, VIRTQ_ERR_LOOP},
	{"loop of two in table", loop_of_two, VIRTQ_ERR_LOOP, true},
	{"nested at once", nested_at_once, VIRTQ_ERR_INDIRECT, true},
	{"nested later", nested_later, VIRTQ_ERR_INDIRECT, true},
	{"indirect and next", indirect_and_next, VIRTQ_ERR_INDIRECT, true},
	{"indirect empty", indirect_empty, VIRTQ_ERR_INDIRECT, true},
	{"indirect half entry", indirect_half_entry, VIRTQ_ERR_INDIRECT, true},
	{"indirect odd length", indirect_odd_length, VIRTQ_ERR_INDIRECT, true},
	{"indirect not negotiated", indirect_by_flag, VIRTQ_ERR_INDIRECT},
	{"table in hole", table_in_hole, VIRTQ_ERR_ADDRESS, true},
	{"table runs out", table_runs_out, VIRTQ_ERR_ADDRESS, true},
	{"table cut short", table_cut_short, VIRTQ_ERR_ADDRESS, true},
	{"buffer in hole", buffer_in_hole, VIRTQ_ERR_ADDRESS},
	{"buffer in hole, table", buffer_in_hole, VIRTQ_ERR_ADDRESS, true},
	{"buffer at zero", buffer_at_zero, VIRTQ_ERR_ADDRESS},
	{"buffer runs out", buffer_runs_out, VIRTQ_ERR_ADDRESS},
	{"buffer wraps around", buffer_wraps_around, VIRTQ_ERR_ADDRESS},
	{"buffer wraps into memory", buffer_wraps_into_memory, VIRTQ_ERR_ADDRESS},
	{"wrong direction", wrong_direction, VIRTQ_ERR_DIRECTION},
	{"wrong direction later", wrong_direction_later, VIRTQ_ERR_DIRECTION},
	{"wrong direction in table", wrong_direction_later, VIRTQ_ERR_DIRECTION, true},
	{"short header", short_header, VIRTQ_ERR_HEADER},
	{"short header in two", short_header_in_two, VIRTQ_ERR_HEADER},
	{"short header in table", short_header, VIRTQ_ERR_HEADER, true},
	{"empty first", empty_first, VIRTQ_ERR_LENGTH},
	{"empty later", empty_later, VIRTQ_ERR_LENGTH},
	{"empty in table", empty_later, VIRTQ_ERR_LENGTH, true},
};

/* A chain of PIECES pieces in order, whatever the model has diced. */
static struct chain *
add_plain(struct ring *r, bool in_table)
{
	struct chain *c = ring_add(
		r, PIECES * PIECE, PIECES, in_table ? CHAIN_INDIRECT : CHAIN_DIRECT);
	uint64_t gpa = ARENA_GPA + (uint64_t)c->slot * r->g->slot_size;
	unsigned int i;

	for (i = 0; i < PIECES; i++) {
		loose_desc *desc = entry(r, c, i);

		desc->addr = gpa + i * PIECE;
		desc->len = PIECE;
		desc->flags = (r->vq.writable ? VIRTQ_DESC_F_WRITE : 0) |
			(i + 1 < PIECES ? VIRTQ_DESC_F_NEXT : 0);
		if (in_table)
			desc->next = (uint16_t)(i + 1);
		else
			r->desc_copy[c->descs[i]] = *desc;
	}
	if (in_table)
		r->desc[c->head].len = PIECES * sizeof(struct virtq_split_desc);
	r->desc_copy[c->head] = r->desc[c->head];
	return c;
}

static struct rte_mbuf *
make_packet(uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	assert_non_null(rte_pktmbuf_append(m, (uint16_t)len));
	random_bytes(rte_pktmbuf_mtod(m, uint8_t *), len);
	return m;
}

/* Serve the ring once. @return packets that came through. */
static uint16_t
serve(struct ring *r)
{
	struct rte_mbuf *pkts[4];
	uint16_t n, i;

	if (!r->vq.writable) {
		n = r->vq.dequeue(&r->vq, pool, pkts, RTE_DIM(pkts));
		rte_pktmbuf_free_bulk(pkts, n);
		return n;
	}
	for (i = 0; i < RTE_DIM(pkts); i++)
		pkts[i] = make_packet(1100);
	n = r->vq.enqueue(&r->vq, pkts, RTE_DIM(pkts));
	rte_pktmbuf_free_bulk(pkts, RTE_DIM(pkts));
	return n;
}

static void
run_case(struct guest *g, const struct hostile *h, bool writable, uint64_t more_features)
{
	uint64_t features = (h->in_table ? TABLES : BASIC) | more_features;
	struct chain *good, *bad;
	struct ring r;
	uint16_t n;

	guest_set_slots(g, 4096);
	ring_init(&r, g, SIZE, features, writable, FRAME, 0);
	good = add_plain(&r, false);
	bad = add_plain(&r, h->in_table);
	memcpy(g->shadow, g->arena, ARENA_SIZE);
	ring_offer(&r);
	h->spoil(&r, bad);
	memcpy(g->shadow, g->arena, ARENA_SIZE);

	n = serve(&r);
	if (r.vq.error != h->error || n != !h->none_good)
		fail_msg("%s, %s: %u packets, error %s, expected %s", h->name,
			writable ? "receive" : "transmit", n,
			virtq_error_name((enum virtq_error)r.vq.error), virtq_error_name(h->error));
	assert_int_equal(r.used->idx, n);
	assert_int_equal(r.vq.last_avail, n);
	assert_int_equal(r.vq.last_used, n);
	if (writable) {
		/* What the device may have written: the good chain's slot, and the bad one's. */
		memcpy(g->shadow + (uint64_t)good->slot * g->slot_size,
			g->arena + (uint64_t)good->slot * g->slot_size, PIECES * PIECE);
		memcpy(g->shadow + (uint64_t)bad->slot * g->slot_size,
			g->arena + (uint64_t)bad->slot * g->slot_size, PIECES * PIECE);
		memcpy(g->shadow + ARENA_SIZE - PIECE, g->arena + ARENA_SIZE - PIECE,
			h->spoil == buffer_runs_out ? PIECE : 0);
	}
	guest_check(g);

	/* It stays stopped, whatever the driver mends. */
	r.avail->idx = r.avail_idx;
	assert_int_equal(serve(&r), 0);
	assert_int_equal(r.vq.error, h->error);
	assert_int_equal(r.used->idx, n);
	ring_fini(&r);

	/* A new life with new rings. */
	ring_init(&r, g, SIZE, features, writable, FRAME, 0);
	add_plain(&r, false);
	ring_offer(&r);
	assert_int_equal(serve(&r), 1);
	ring_check(&r, 1);
	ring_fini(&r);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void
test_every_case(void **state)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		run_case(*state, &cases[i], false, 0);
		run_case(*state, &cases[i], true, 0);
		run_case(*state, &cases[i], true, F(MRG_RXBUF));
		run_case(*state, &cases[i], true, F(EVENT_IDX));
	}
}

/* A loop of pieces that are not tiny is a frame too long: dropped and counted, no fault. */
static void
test_long_loop_is_oversize(void **state)
{
	struct ring r;
	struct chain *c;

	guest_set_slots(*state, 4096);
	ring_init(&r, *state, SIZE, BASIC, false, FRAME, 0);
	c = add_plain(&r, false);
	entry(&r, c, 0)->next = c->head;
	ring_offer(&r);
	assert_int_equal(serve(&r), 0);
	assert_int_equal(r.vq.error, VIRTQ_OK);
	assert_int_equal(r.vq.stats.oversize, 1);
	assert_int_equal(r.used->idx, 1);
	ring_fini(&r);
}

/* A ring full of chains of a thousand one-byte descriptors each, all of them the same. */
static void
offer_long_chains(struct ring *r, uint64_t data)
{
	uint16_t write = r->vq.writable ? VIRTQ_DESC_F_WRITE : 0;
	struct virtq_split_desc desc;
	uint16_t i;

	for (i = 0; i < 1000; i++) {
		desc = (struct virtq_split_desc){.addr = data + i,
			.len = 1,
			.flags = write | (i < 999 ? VIRTQ_DESC_F_NEXT : 0),
			.next = (uint16_t)(i + 1)};
		guest_write(r->g, ARENA_GPA + i * sizeof(desc), &desc, sizeof(desc));
	}
	for (i = 0; i < SIZE; i++) {
		r->desc[i] = (struct virtq_split_desc){.addr = ARENA_GPA,
			.len = 1000 * sizeof(desc),
			.flags = VIRTQ_DESC_F_INDIRECT};
		r->avail->ring[i] = i;
	}
	r->avail->idx = SIZE;
}

/* They are lawful, and served: a few a burst, in order, to the end. */
static void
test_long_chains_share_the_lcore(void **state)
{
	struct guest *g = *state;
	struct rte_mbuf *pkts[VIRTQ_BURST];
	uint64_t data = ARENA_GPA + 16 * 1024;
	unsigned int total = 0;
	struct ring r;
	uint16_t n, i;

	ring_init(&r, g, SIZE, TABLES, false, FRAME, 0);
	offer_long_chains(&r, data);
	while (total < SIZE) {
		n = r.vq.dequeue(&r.vq, pool, pkts, VIRTQ_BURST);
		assert_in_range(n, 1, 8);
		assert_int_equal(r.vq.error, VIRTQ_OK);
		for (i = 0; i < n; i++) {
			assert_int_equal(pkts[i]->pkt_len, 988);
			assert_memory_equal(
				rte_pktmbuf_mtod(pkts[i], void *), guest_at(g, data + 12), 988);
		}
		rte_pktmbuf_free_bulk(pkts, n);
		total += n;
	}
	assert_int_equal(total, SIZE);
	assert_int_equal(r.used->idx, SIZE);
	ring_fini(&r);

	ring_init(&r, g, SIZE, TABLES, true, FRAME, 0);
	offer_long_chains(&r, data);
	for (i = 0; i < VIRTQ_BURST; i++)
		pkts[i] = make_packet(900);
	for (total = 0; total < SIZE; total += n) {
		n = r.vq.enqueue(&r.vq, pkts, VIRTQ_BURST);
		assert_in_range(n, 1, 8);
		assert_int_equal(r.vq.error, VIRTQ_OK);
		assert_memory_equal(
			guest_at(g, data + 12), rte_pktmbuf_mtod(pkts[n - 1], void *), 900);
	}
	assert_int_equal(total, SIZE);
	assert_int_equal(r.used->idx, SIZE);
	rte_pktmbuf_free_bulk(pkts, VIRTQ_BURST);
	ring_fini(&r);
}

/*
 * A descriptor of 4 GiB less one byte, all of it guest memory, behind one of a
 * hundred: in 32 bits the sum of their lengths looks short.
 */
static void
test_lengths_do_not_wrap_around(void **state)
{
	struct ring r;
	struct guest g;
	struct chain *c;

	(void)state;
	guest_init(&g, 5ull << 30);
	ring_init(&r, &g, SIZE, BASIC, false, FRAME, 0);
	c = add_plain(&r, false);
	entry(&r, c, 0)->len = 112;
	entry(&r, c, 1)->addr = BIG_GPA;
	entry(&r, c, 1)->len = UINT32_MAX - 50;
	add_plain(&r, false);
	ring_offer(&r);
	assert_int_equal(serve(&r), 1);
	assert_int_equal(r.vq.error, VIRTQ_OK);
	assert_int_equal(r.vq.stats.oversize, 1);
	assert_int_equal(r.vq.stats.no_mbuf, 0);
	assert_int_equal(r.used->idx, 2);
	ring_fini(&r);
	guest_fini(&g);
}

/* A thread that spoils the ring while the device polls it. */
struct mutator {
	struct ring *r;
	struct guest *g;
	bool stop;
	struct spoiler spoiler;
};

static void *
mutate(void *arg)
{
	struct mutator *m = arg;
	struct ring *r = m->r;

	/* Not on the polling thread's CPU, if there is another. */
	pthread_setaffinity_np(pthread_self(), sizeof(unit_cpus), &unit_cpus);
	while (!__atomic_load_n(&m->stop, __ATOMIC_RELAXED)) {
		uint32_t at = spoil_random(&m->spoiler, SIZE);

		switch (spoil_random(&m->spoiler, 8)) {
		case 0:
			r->avail->ring[at] = (uint16_t)spoil_random(&m->spoiler, SIZE);
			break;
		case 1:
			r->avail->idx += (uint16_t)spoil_random(&m->spoiler, 5);
			break;
		case 2: {
			/* An entry of what may be read as a table, at any alignment. */
			struct virtq_split_desc desc;

			spoil_desc(&m->spoiler, &desc, 20);
			memcpy(m->g->arena + spoil_random(&m->spoiler, ARENA_SIZE - sizeof(desc)),
				&desc, sizeof(desc));
			break;
		}
		case 3:
			r->desc[at].flags ^= (uint16_t)(1u << spoil_random(&m->spoiler, 3));
			break;
		case 4:
			if (spoil_random(&m->spoiler, 200) == 0)
				r->avail->ring[at] = (uint16_t)(SIZE +
					spoil_random(&m->spoiler, 100));
			break;
		default:
			spoil_desc(&m->spoiler, &r->desc[at], SIZE);
			break;
		}
	}
	return NULL;
}

/* Nothing of what a guest can do may reach the shape of an mbuf. */
static void
check_shape(const struct rte_mbuf *m)
{
	const char *reason;

	assert_int_equal(rte_mbuf_check(m, 1, &reason), 0);
	assert_in_range(m->pkt_len, VIRTQ_MIN_FRAME, FRAME);
}

static void
run_mutated(struct guest *g, bool writable, uint64_t features)
{
	struct mutator m = {.g = g, .spoiler.state = random_in(1, UINT32_MAX)};
	struct rte_mbuf *pkts[VIRTQ_BURST];
	uint32_t errors[VIRTQ_ERR_COUNT] = {0};
	uint64_t due = base_now_ns() + 60000000000ull;
	uint64_t packets = 0;
	unsigned int bursts, i;
	pthread_t thread;
	struct ring r;
	uint16_t n;

	ring_init(&r, g, SIZE, features, writable, FRAME, 0);
	m.r = &r;
	for (i = 0; writable && i < VIRTQ_BURST; i++)
		pkts[i] = make_packet(random_in(14, FRAME));
	assert_int_equal(pthread_create(&thread, NULL, mutate, &m), 0);
	for (bursts = 0; bursts < 100000 || packets < 1000; bursts++) {
		assert_true(base_now_ns() < due);
		if (writable) {
			n = r.vq.enqueue(&r.vq, pkts, VIRTQ_BURST);
			assert_true(n <= VIRTQ_BURST);
		} else {
			n = r.vq.dequeue(&r.vq, pool, pkts, VIRTQ_BURST);
			for (i = 0; i < n; i++)
				check_shape(pkts[i]);
			rte_pktmbuf_free_bulk(pkts, n);
		}
		packets += n;
		if (r.vq.error != VIRTQ_OK) {
			errors[r.vq.error]++;
			ring_restart(&r, virtq_guest_avail_idx(&r.vq));
		}
		assert_int_equal(r.vq.last_avail, r.vq.last_used);
	}
	__atomic_store_n(&m.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	if (writable)
		rte_pktmbuf_free_bulk(pkts, VIRTQ_BURST);
	/* It was in earnest: packets came through, and most things went wrong. */
	assert_true(errors[VIRTQ_ERR_ADDRESS] > 0);
	assert_true(errors[VIRTQ_ERR_DIRECTION] > 0);
	assert_true(errors[VIRTQ_ERR_INDIRECT] > 0);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	r.avail_idx = r.used_idx;
	ring_fini(&r);
}

static void
test_mutated_while_polled(void **state)
{
	guest_set_slots(*state, 4096);
	run_mutated(*state, false, TABLES | F(EVENT_IDX));
	run_mutated(*state, true, TABLES | F(MRG_RXBUF));
	run_mutated(*state, true, TABLES);
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
		cmocka_unit_test(test_every_case),
		cmocka_unit_test(test_long_loop_is_oversize),
		cmocka_unit_test(test_long_chains_share_the_lcore),
		cmocka_unit_test(test_lengths_do_not_wrap_around),
		cmocka_unit_test(test_mutated_while_polled),
	};

	random_init();
	if (unit_eal_init("64") < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("pool", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (pool == NULL)
		return 1;
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
