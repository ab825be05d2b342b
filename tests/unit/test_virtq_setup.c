/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Setting rings up, their state, what the guest is told of kicks, and the notification. No EAL. */

#include "virtq_model.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define F(bit) (1ull << VIRTQ_F_##bit)
#define SIZE   256

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

static void
test_header_length_and_routines(void **state)
{
	struct ring legacy, modern, mergeable;

	ring_init(&legacy, *state, SIZE, 0, true, 1514, 0);
	ring_init(&modern, *state, SIZE, F(VERSION_1), true, 1514, 0);
	ring_init(&mergeable, *state, SIZE, F(MRG_RXBUF), true, 1514, 0);
	assert_int_equal(legacy.vq.hdr_len, 10);
	assert_int_equal(modern.vq.hdr_len, 12);
	assert_int_equal(mergeable.vq.hdr_len, 12);
	assert_true(legacy.vq.enqueue == modern.vq.enqueue);
	assert_true(legacy.vq.enqueue != mergeable.vq.enqueue);
	assert_true(virtq_is_set_up(&legacy.vq));
	ring_fini(&legacy);
	ring_fini(&modern);
	ring_fini(&mergeable);
	assert_false(virtq_is_set_up(&legacy.vq));
	assert_int_equal(virtq_guest_avail_idx(&legacy.vq), 0);
	assert_int_equal(virtq_guest_used_idx(&legacy.vq), 0);
}

static void
expect_refusal(struct ring *r, const struct virtq_config *config, int code, const char *text)
{
	struct base_error err = {""};

	assert_int_equal(virtq_setup(&r->vq, config, &err), -code);
	if (strstr(err.text, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, text);
	/* What it was before it is no longer. */
	assert_false(virtq_is_set_up(&r->vq));
	ring_restart(r, 7);
}

static void
test_refusals(void **state)
{
	static const uint16_t bad_sizes[] = {0, 3, 255, 32767, 32769, 65535};
	struct virtq_config config;
	struct ring r;
	unsigned int i;

	ring_init(&r, *state, SIZE, F(EVENT_IDX), false, 1514, 7);
	for (i = 0; i < RTE_DIM(bad_sizes); i++) {
		config = r.config;
		config.size = bad_sizes[i];
		expect_refusal(&r, &config, EINVAL, "expected a power of two up to 32768");
	}
	config = r.config;
	config.mem = NULL;
	expect_refusal(&r, &config, EINVAL, "no memory table yet");

	config = r.config;
	config.desc_uva += 8;
	expect_refusal(
		&r, &config, EINVAL, "descriptor table at 0x7f0000005008 is not aligned to 16");
	config = r.config;
	config.avail_uva += 1;
	expect_refusal(&r, &config, EINVAL, "is not aligned to 2");
	config = r.config;
	config.used_uva += 2;
	expect_refusal(&r, &config, EINVAL, "is not aligned to 4");

	config = r.config;
	config.desc_uva = 0;
	expect_refusal(&r, &config, EFAULT, "descriptor table at 0x0 (4096 bytes) is not inside");
	config = r.config;
	config.avail_uva = GUEST_UVA(RINGS_GPA) - 2;
	expect_refusal(&r, &config, EFAULT, "available ring at");
	config = r.config;
	config.used_uva = UINT64_MAX - 3;
	expect_refusal(&r, &config, EFAULT, "used ring at");
	ring_fini(&r);
}

/*
 * Place the used ring, then the available ring, so that behind its entries
 * `behind` bytes are left.
 */
static void
expect_fit(struct ring *r, uint64_t features, int behind, bool fits)
{
	uint64_t end = GUEST_UVA(RINGS_GPA + RINGS_SIZE) - (uint64_t)behind;
	struct virtq_config config = r->config;

	config.features = features;
	config.used_uva = end - (4 + 8 * SIZE);
	assert_int_equal(virtq_setup(&r->vq, &config, NULL), fits ? 0 : -EFAULT);
	config = r->config;
	config.features = features;
	config.avail_uva = end - (4 + 2 * SIZE);
	assert_int_equal(virtq_setup(&r->vq, &config, NULL), fits ? 0 : -EFAULT);
}

/*
 * A ring may end with its region, and not a byte behind it. With EVENT_IDX it is
 * two bytes longer.
 */
static void
test_rings_at_the_end_of_a_region(void **state)
{
	struct ring r;

	ring_init(&r, *state, SIZE, 0, false, 1514, 0);
	expect_fit(&r, 0, 0, true);
	expect_fit(&r, 0, -4, false);
	expect_fit(&r, F(EVENT_IDX), 4, true);
	expect_fit(&r, F(EVENT_IDX), 0, false);
	ring_fini(&r);
}

static void
test_state_round_trip(void **state)
{
	struct virtq_state in = {65535, 65535}, out = {0, 0};
	struct ring r;

	ring_init(&r, *state, SIZE, 0, false, 1514, 5);
	virtq_export(&r.vq, &out);
	assert_int_equal(out.last_avail, 5);
	assert_int_equal(out.last_used, 5);
	assert_int_equal(virtq_import(&r.vq, &in), 0);
	virtq_export(&r.vq, &out);
	assert_int_equal(out.last_avail, 65535);
	assert_int_equal(out.last_used, 65535);

	/* A ring that was not drained is refused, and nothing is changed. */
	in.last_used = 65534;
	assert_int_equal(virtq_import(&r.vq, &in), -EINVAL);
	virtq_export(&r.vq, &out);
	assert_int_equal(out.last_used, 65535);

	/* Addresses come and go; indices stay. */
	virtq_teardown(&r.vq);
	assert_int_equal(virtq_setup(&r.vq, &r.config, NULL), 0);
	virtq_export(&r.vq, &out);
	assert_int_equal(out.last_avail, 65535);
	ring_fini(&r);
}

static void
test_room(void **state)
{
	struct ring r;

	ring_init(&r, *state, SIZE, 0, false, 1514, 65500);
	assert_int_equal(virtq_room(&r.vq), 0);
	r.avail->idx = (uint16_t)(65500 + SIZE);
	assert_int_equal(virtq_room(&r.vq), SIZE);
	assert_int_equal(r.vq.error, VIRTQ_OK);
	r.avail->idx = (uint16_t)(65500 + SIZE + 1);
	assert_int_equal(virtq_room(&r.vq), 0);
	assert_int_equal(r.vq.error, VIRTQ_ERR_AVAIL_IDX);
	r.avail->idx = 65500 + 1;
	assert_int_equal(virtq_room(&r.vq), 0);
	ring_fini(&r);
}

/* The front-end cuts the rings' file short: the ring stops, and nothing else does. */
static void
test_memory_that_goes_away(void **state)
{
	struct ring r;
	struct guest g;

	(void)state;
	guest_init(&g, 0);
	ring_init(&r, &g, SIZE, 0, false, 1514, 0);
	r.avail->idx = 1;
	assert_int_equal(virtq_room(&r.vq), 1);
	guest_cut_rings(&g);
	/* The first look finds an empty page. */
	assert_int_equal(virtq_room(&r.vq), 0);
	assert_int_equal(virtq_room(&r.vq), 0);
	assert_int_equal(r.vq.error, VIRTQ_ERR_MEMORY);
	ring_fini(&r);
	guest_fini(&g);
}

/* Would a driver kick that makes buffers old..new-1 available? (2.7.10) */
static bool
driver_kicks(const struct ring *r, uint16_t old_idx, uint16_t new_idx)
{
	uint16_t event = *(const uint16_t *)&r->used->ring[r->size];

	if (!r->event_idx)
		return r->used->flags == 0;
	return (uint16_t)(new_idx - event - 1) < (uint16_t)(new_idx - old_idx);
}

static void
test_kicks_are_suppressed(void **state)
{
	static const uint64_t features[] = {0, F(EVENT_IDX)};
	struct ring r;
	unsigned int i, j;

	for (i = 0; i < RTE_DIM(features); i++) {
		ring_init(&r, *state, SIZE, features[i], false, 1514, 65500);
		virtq_suppress_kicks(&r.vq);
		/* In steps of a whole ring, through the wrap-around. */
		for (j = 0; j < 65536 / SIZE - 1; j++)
			assert_false(driver_kicks(&r, (uint16_t)(65500 + j * SIZE),
				(uint16_t)(65500 + (j + 1) * SIZE)));
		for (j = 0; j < 1000; j++)
			assert_false(
				driver_kicks(&r, (uint16_t)(65500 + j), (uint16_t)(65500 + j + 1)));
		if (r.event_idx)
			assert_int_equal(r.used->flags, 0);
		ring_fini(&r);
	}
}

static void
test_calls(void **state)
{
	struct ring r;

	ring_init(&r, *state, SIZE, 0, true, 1514, 0);
	virtq_call(&r.vq);
	virtq_call(&r.vq);
	assert_int_equal(ring_calls(&r), 2);
	assert_int_equal(r.vq.stats.calls, 2);
	/* A full counter is a notification that nobody has taken yet. */
	assert_int_equal(eventfd_write(r.call_fd, UINT64_MAX - 1), 0);
	virtq_call(&r.vq);
	assert_int_equal(r.vq.stats.calls, 2);
	r.vq.call_fd = -1;
	virtq_call(&r.vq);
	assert_int_equal(r.vq.stats.calls, 2);
	ring_fini(&r);
}

static void
test_errors_have_names(void **state)
{
	unsigned int i, j;

	(void)state;
	for (i = 0; i < VIRTQ_ERR_COUNT; i++) {
		assert_non_null(virtq_error_name((enum virtq_error)i));
		assert_true(strlen(virtq_error_text((enum virtq_error)i)) > 5);
		for (j = 0; j < i; j++)
			assert_string_not_equal(virtq_error_name((enum virtq_error)i),
				virtq_error_name((enum virtq_error)j));
	}
	assert_string_equal(virtq_error_name(VIRTQ_ERR_COUNT), "?");
	assert_string_equal(virtq_error_text((enum virtq_error)255), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_length_and_routines),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_rings_at_the_end_of_a_region),
		cmocka_unit_test(test_state_round_trip),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_memory_that_goes_away),
		cmocka_unit_test(test_kicks_are_suppressed),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_errors_have_names),
	};

	random_init();
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
