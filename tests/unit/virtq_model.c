/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include "virtq_model.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARD_BYTE 0xa5

static uint64_t random_state;

void
random_init(void)
{
	const char *seed = getenv("RF_TEST_SEED");

	random_state = seed != NULL ? strtoull(seed, NULL, 0) : 20260101;
	printf("seed %" PRIu64 " (set RF_TEST_SEED for another)\n", random_state);
	fflush(stdout);
}

/* splitmix64 */
static uint64_t
random_next(void)
{
	uint64_t z = (random_state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

uint32_t
random_in(uint32_t low, uint32_t high)
{
	return low + (uint32_t)(random_next() % ((uint64_t)high - low + 1));
}

bool
random_one_in(uint32_t n)
{
	return random_in(1, n) == 1;
}

void
random_bytes(uint8_t *to, uint32_t len)
{
	uint64_t word;

	for (; len >= sizeof(word); len -= sizeof(word), to += sizeof(word)) {
		word = random_next();
		memcpy(to, &word, sizeof(word));
	}
	word = random_next();
	memcpy(to, &word, len);
}

static void *
xalloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	assert_non_null(p);
	return p;
}

static int
region_file(uint64_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

void
guest_init(struct guest *g, uint64_t big_size)
{
	unsigned int i, n = 1 + ARENA_REGIONS;
	struct gmem_desc descs[2 + ARENA_REGIONS];
	int fds[2 + ARENA_REGIONS];
	struct base_error err = {""};

	memset(g, 0, sizeof(*g));
	descs[0] = (struct gmem_desc){
		.gpa = RINGS_GPA, .size = RINGS_SIZE, .uva = GUEST_UVA(RINGS_GPA)};
	fds[0] = region_file(RINGS_SIZE);
	g->rings = mmap(NULL, RINGS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	assert_ptr_not_equal(g->rings, MAP_FAILED);

	g->arena = mmap(NULL, ARENA_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(g->arena, MAP_FAILED);
	for (i = 0; i < ARENA_REGIONS; i++) {
		uint64_t gpa = ARENA_GPA + i * ARENA_PART;

		descs[1 + i] = (struct gmem_desc){
			.gpa = gpa, .size = ARENA_PART, .uva = GUEST_UVA(gpa)};
		fds[1 + i] = region_file(ARENA_PART);
		assert_ptr_not_equal(
			mmap(g->arena + i * ARENA_PART, ARENA_PART, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_FIXED, fds[1 + i], 0),
			MAP_FAILED);
	}
	if (big_size > 0) {
		descs[n] = (struct gmem_desc){
			.gpa = BIG_GPA, .size = big_size, .uva = GUEST_UVA(BIG_GPA)};
		fds[n++] = region_file(big_size);
	}
	g->mem = gmem_create(descs, fds, n, &err);
	if (g->mem == NULL)
		fail_msg("%s", err.text);
	for (i = 1; i < n; i++)
		close(fds[i]);
	g->rings_fd = fds[0];
	g->shadow = xalloc(1, ARENA_SIZE);
	guest_set_slots(g, 4096);
}

void
guest_fini(struct guest *g)
{
	gmem_destroy(g->mem);
	close(g->rings_fd);
	munmap(g->rings, RINGS_SIZE);
	munmap(g->arena, ARENA_SIZE);
	free(g->shadow);
}

void
guest_cut_rings(struct guest *g)
{
	assert_int_equal(ftruncate(g->rings_fd, 0), 0);
}

void
guest_set_slots(struct guest *g, uint32_t slot_size)
{
	uint32_t i, n = (uint32_t)(ARENA_SIZE / slot_size);

	assert_true(n <= RTE_DIM(g->free_slots));
	g->slot_size = slot_size;
	g->n_free_slots = n;
	for (i = 0; i < n; i++)
		g->free_slots[i] = i;
	random_bytes(g->shadow, ARENA_SIZE);
	memcpy(g->arena, g->shadow, ARENA_SIZE);
}

uint8_t *
guest_at(struct guest *g, uint64_t gpa)
{
	if (gpa - RINGS_GPA < RINGS_SIZE)
		return g->rings + (gpa - RINGS_GPA);
	assert_true(gpa - ARENA_GPA < ARENA_SIZE);
	return g->arena + (gpa - ARENA_GPA);
}

void
guest_write(struct guest *g, uint64_t gpa, const void *from, uint32_t len)
{
	memcpy(g->arena + (gpa - ARENA_GPA), from, len);
	memcpy(g->shadow + (gpa - ARENA_GPA), from, len);
}

void
guest_check(struct guest *g)
{
	uint32_t i;

	if (memcmp(g->arena, g->shadow, ARENA_SIZE) == 0)
		return;
	for (i = 0; g->arena[i] == g->shadow[i]; i++)
		;
	fail_msg("stray byte at 0x%" PRIx64 ": 0x%02x, expected 0x%02x", ARENA_GPA + i, g->arena[i],
		g->shadow[i]);
}

/* Take any one of the free, not the last freed. */
static uint32_t
slot_take(struct guest *g)
{
	uint32_t at = random_in(0, g->n_free_slots - 1);
	uint32_t slot = g->free_slots[at];

	g->free_slots[at] = g->free_slots[--g->n_free_slots];
	return slot;
}

static void
slot_put(struct guest *g, uint32_t slot)
{
	if (slot != UINT32_MAX)
		g->free_slots[g->n_free_slots++] = slot;
}

static uint64_t
slot_gpa(const struct guest *g, uint32_t slot)
{
	return ARENA_GPA + (uint64_t)slot * g->slot_size;
}

void
ring_init(struct ring *r, struct guest *g, uint16_t size, uint64_t features, bool writable,
	uint32_t max_frame, uint16_t start)
{
	uint16_t i;

	memset(r, 0, sizeof(*r));
	memset(g->rings, GUARD_BYTE, RINGS_SIZE);
	r->g = g;
	r->size = size;
	r->event_idx = (features & (1ull << VIRTQ_F_EVENT_IDX)) != 0;
	r->desc_gpa = RINGS_GPA + 4096;
	r->avail_gpa = r->desc_gpa + size * sizeof(struct virtq_split_desc) + 64 + 2;
	r->used_gpa = RTE_ALIGN_CEIL(r->avail_gpa + 6 + 2ull * size + 64, 4);
	r->desc = (void *)guest_at(g, r->desc_gpa);
	r->avail = (void *)guest_at(g, r->avail_gpa);
	r->used = (void *)guest_at(g, r->used_gpa);
	memset(r->desc, 0, size * sizeof(*r->desc));
	memset(r->avail, 0, sizeof(*r->avail) + 2ull * size + 2);
	memset(r->used, 0, sizeof(*r->used) + size * sizeof(struct virtq_split_used_elem) + 2);
	r->avail->idx = r->used->idx = r->avail_idx = r->used_idx = start;

	r->desc_copy = xalloc(size, sizeof(*r->desc_copy));
	r->free_descs = xalloc(size, sizeof(*r->free_descs));
	r->chains = xalloc(size, sizeof(*r->chains));
	for (i = 0; i < size; i++)
		r->free_descs[i] = i;
	r->n_free = size;

	r->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(r->call_fd >= 0);
	r->vq.call_fd = r->call_fd;
	r->config = (struct virtq_config){.size = size,
		.features = features,
		.writable = writable,
		.max_frame = max_frame,
		.mem = g->mem,
		.desc_uva = GUEST_UVA(r->desc_gpa),
		.avail_uva = GUEST_UVA(r->avail_gpa),
		.used_uva = GUEST_UVA(r->used_gpa)};
	ring_restart(r, start);
}

void
ring_restart(struct ring *r, uint16_t index)
{
	struct virtq_state state = {index, index};
	struct base_error err = {""};

	if (virtq_setup(&r->vq, &r->config, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(virtq_import(&r->vq, &state), 0);
}

void
ring_fini(struct ring *r)
{
	uint16_t position;

	for (position = r->used_idx; position != r->avail_idx; position++)
		free(ring_chain(r, position)->frame);
	virtq_teardown(&r->vq);
	close(r->call_fd);
	free(r->desc_copy);
	free(r->free_descs);
	free(r->chains);
}

static uint16_t
desc_take(struct ring *r)
{
	uint16_t at = (uint16_t)random_in(0, r->n_free - 1u);
	uint16_t desc = r->free_descs[at];

	r->free_descs[at] = r->free_descs[--r->n_free];
	return desc;
}

static void
desc_set(struct ring *r, uint16_t i, struct virtq_split_desc desc)
{
	r->desc[i] = desc;
	r->desc_copy[i] = desc;
}

/* Cut `total` bytes into n pieces of at least one byte, and strew them over the slot. */
static void
chain_cut(struct guest *g, struct chain *c, uint32_t total, uint16_t n)
{
	uint32_t gap = g->slot_size - total;
	uint64_t gpa = slot_gpa(g, c->slot);
	uint16_t order[CHAIN_MAX_PIECES];
	uint16_t i, j, swap;

	c->n_pieces = n;
	c->total = total;
	for (i = 0; i < n; i++) {
		uint32_t most = total - (n - i - 1u);
		/* Short pieces first as often as not: that cuts headers. */
		uint32_t len = random_one_in(2) ? RTE_MIN(most, random_in(1, 6))
						: random_in(1, most);

		c->pieces[i].len = i == n - 1 ? total : len;
		total -= c->pieces[i].len;
		order[i] = i;
	}
	for (i = n - 1; i > 0; i--) {
		j = (uint16_t)random_in(0, i);
		swap = order[i];
		order[i] = order[j];
		order[j] = swap;
	}
	for (i = 0; i < n; i++) {
		uint32_t skip = random_one_in(2) ? 0 : random_in(0, gap);

		gpa += skip;
		gap -= skip;
		c->pieces[order[i]].gpa = gpa;
		gpa += c->pieces[order[i]].len;
	}
}

/* Write pieces from `first` on to an indirect table, linked in random order behind entry 0. */
static struct virtq_split_desc
chain_write_table(struct ring *r, struct chain *c, uint16_t first)
{
	uint16_t n = (uint16_t)(c->n_pieces - first);
	uint16_t entries = (uint16_t)(n + (random_one_in(2) ? 0 : random_in(0, 5)));
	uint16_t at[CHAIN_MAX_PIECES + 5];
	uint32_t len = entries * (uint32_t)sizeof(struct virtq_split_desc);
	uint64_t gpa = slot_gpa(r->g, c->table_slot) + random_in(0, r->g->slot_size - len);
	uint16_t write = r->vq.writable ? VIRTQ_DESC_F_WRITE : 0;
	uint16_t i, j, swap;

	for (i = 0; i < entries; i++)
		at[i] = i;
	for (i = entries - 1; i > 1; i--) {
		j = (uint16_t)random_in(1, i);
		swap = at[i];
		at[i] = at[j];
		at[j] = swap;
	}
	for (i = 0; i < n; i++) {
		struct virtq_split_desc desc = {.addr = c->pieces[first + i].gpa,
			.len = c->pieces[first + i].len,
			.flags = write | (i + 1 < n ? VIRTQ_DESC_F_NEXT : 0),
			.next = i + 1 < n ? at[i + 1] : 0xffff};

		guest_write(r->g, gpa + at[i] * sizeof(desc), &desc, sizeof(desc));
	}
	/* The write flag of the descriptor that refers to a table means nothing (2.7.5.3.2). */
	return (struct virtq_split_desc){.addr = gpa,
		.len = len,
		.flags = VIRTQ_DESC_F_INDIRECT | (random_one_in(2) ? VIRTQ_DESC_F_WRITE : 0)};
}

struct chain *
ring_add(struct ring *r, uint32_t total, uint16_t n, enum chain_layout layout)
{
	struct chain *c = ring_chain(r, r->avail_idx);
	uint16_t write = r->vq.writable ? VIRTQ_DESC_F_WRITE : 0;
	uint16_t direct, i;

	assert_true(total >= n && n >= 1 && total <= r->g->slot_size);
	direct = layout == CHAIN_DIRECT ? n : 0;
	if (layout == CHAIN_MIXED)
		direct = (uint16_t)random_in(0, n - 1u);
	if (r->g->n_free_slots < 2 || r->n_free < direct + (direct < n) || ring_owned(r) == r->size)
		return NULL;

	memset(c, 0, sizeof(*c));
	c->slot = slot_take(r->g);
	c->table_slot = direct < n ? slot_take(r->g) : UINT32_MAX;
	chain_cut(r->g, c, total, n);
	c->n_descs = (uint16_t)(direct + (direct < n));
	for (i = 0; i < c->n_descs; i++)
		c->descs[i] = desc_take(r);
	for (i = 0; i < direct; i++) {
		bool more = i + 1 < c->n_descs;

		desc_set(r, c->descs[i],
			(struct virtq_split_desc){.addr = c->pieces[i].gpa,
				.len = c->pieces[i].len,
				.flags = write | (more ? VIRTQ_DESC_F_NEXT : 0),
				.next = more ? c->descs[i + 1] : 0xffff});
	}
	if (direct < n)
		desc_set(r, c->descs[direct], chain_write_table(r, c, direct));
	c->head = c->descs[0];
	r->avail->ring[r->avail_idx & (r->size - 1)] = c->head;
	r->avail_idx++;
	return c;
}

void
chain_write(struct guest *g, const struct chain *c, uint32_t offset, const uint8_t *from,
	uint32_t len, bool shadow_only)
{
	uint16_t i;

	for (i = 0; i < c->n_pieces && len > 0; i++) {
		uint32_t skip = RTE_MIN(offset, c->pieces[i].len);
		uint32_t n = RTE_MIN(len, c->pieces[i].len - skip);
		uint64_t gpa = c->pieces[i].gpa + skip;

		if (shadow_only)
			memcpy(g->shadow + (gpa - ARENA_GPA), from, n);
		else
			guest_write(g, gpa, from, n);
		offset -= skip;
		from += n;
		len -= n;
	}
	assert_int_equal(len, 0);
}

void
ring_offer(struct ring *r)
{
	__atomic_store_n(&r->avail->idx, r->avail_idx, __ATOMIC_RELEASE);
}

static uint16_t
used_event(const struct ring *r)
{
	return r->avail->ring[r->size];
}

void
ring_arm(struct ring *r)
{
	/* The flag means nothing with EVENT_IDX, and is set to see that. */
	r->avail->flags = random_one_in(2) ? VIRTQ_AVAIL_F_NO_INTERRUPT : 0;
	if (r->event_idx)
		r->avail->ring[r->size] = (uint16_t)(random_one_in(3)
				? random_in(0, 0xffff)
				: r->used_idx + random_in(0, 20) - 4);
}

uint32_t
ring_calls_due(const struct ring *r, uint16_t n, bool first)
{
	uint16_t i;

	if (n == 0)
		return 0;
	if (!r->event_idx)
		return r->avail->flags == 0;
	/* 2.7.10: when the entry with the index used_event is written. */
	for (i = 0; i < n; i++)
		if ((uint16_t)(r->used_idx + i) == used_event(r))
			return 1;
	return first;
}

uint32_t
ring_calls(struct ring *r)
{
	eventfd_t n = 0;

	if (eventfd_read(r->call_fd, &n) < 0)
		assert_int_equal(errno, EAGAIN);
	return (uint32_t)n;
}

void
ring_take_back(struct ring *r, uint16_t n)
{
	uint16_t i;

	for (; n > 0; n--) {
		struct chain *c = ring_chain(r, r->used_idx++);

		for (i = 0; i < c->n_descs; i++)
			r->free_descs[r->n_free++] = c->descs[i];
		slot_put(r->g, c->slot);
		slot_put(r->g, c->table_slot);
		free(c->frame);
		c->frame = NULL;
	}
}

static void
check_guard(const uint8_t *at, uint64_t len)
{
	while (len-- > 0)
		assert_int_equal(*at++, GUARD_BYTE);
}

void
ring_check(struct ring *r, uint16_t used_idx)
{
	struct virtq_state state;
	uint8_t *avail_end = (uint8_t *)&r->avail->ring[r->size] + 2;
	uint8_t *used_end = (uint8_t *)&r->used->ring[r->size] + 2;

	assert_int_equal(r->vq.error, VIRTQ_OK);
	virtq_export(&r->vq, &state);
	assert_int_equal(state.last_avail, state.last_used);
	assert_int_equal(state.last_used, r->used->idx);
	assert_int_equal(state.last_used, used_idx);
	assert_memory_equal(r->desc, r->desc_copy, r->size * sizeof(*r->desc));
	assert_int_equal(r->avail->idx, r->avail_idx);
	assert_int_equal(virtq_guest_used_idx(&r->vq), used_idx);
	assert_int_equal(virtq_guest_avail_idx(&r->vq), r->avail_idx);
	check_guard(r->g->rings, 4096);
	check_guard((uint8_t *)&r->desc[r->size], r->avail_gpa - r->desc_gpa - r->size * 16ull);
	check_guard(avail_end, (uint64_t)((uint8_t *)r->used - avail_end));
	check_guard(used_end, 256);
}
