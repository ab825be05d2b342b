/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* Guest memory: tables that are good, each refusal, translation at the borders. */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gmem/gmem.h"

#define KB 1024ull
#define N  3

/*
 * Regions 0 and 1 are adjacent for the guest and lie in different files;
 * region 2 stands alone, and begins in its file where no page does.
 */
static const struct gmem_desc good[N] = {
	{.gpa = 0x20000, .size = 64 * KB, .uva = 0x7f0000100000, .offset = 0},
	{.gpa = 0x10000, .size = 64 * KB, .uva = 0x7f0000200000, .offset = 4096},
	{.gpa = 0x100000000, .size = 8 * KB, .uva = 0x7f0000000000, .offset = 4096 + 512},
};

struct fixture {
	int fds[N];
	struct gmem_desc descs[N];
	struct gmem *mem;
	struct base_error err;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	unsigned int i;

	if (f == NULL)
		return -1;
	memcpy(f->descs, good, sizeof(good));
	for (i = 0; i < N; i++) {
		f->fds[i] = memfd_create("unit", MFD_CLOEXEC);
		if (f->fds[i] < 0 ||
			ftruncate(f->fds[i], (off_t)(good[i].offset + good[i].size)) < 0)
			return -1;
	}
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	gmem_destroy(f->mem);
	for (i = 0; i < N; i++)
		close(f->fds[i]);
	free(f);
	return 0;
}

static void
create_good(struct fixture *f)
{
	f->mem = gmem_create(f->descs, f->fds, N, &f->err);
	assert_non_null(f->mem);
}

static void
test_good_table(void **state)
{
	struct fixture *f = *state;

	create_good(f);
	assert_int_equal(gmem_size(f->mem), 136 * KB);
	assert_int_equal(f->mem->n_regions, N);
	assert_int_equal(f->mem->regions[0].gpa, 0x10000);
	assert_int_equal(f->mem->regions[1].gpa, 0x20000);
	assert_int_equal(f->mem->regions[2].gpa, 0x100000000);
	gmem_destroy(NULL);
}

/* What is written through the mapping is at its place in the file. */
static void
test_mapping_is_the_file(void **state)
{
	struct fixture *f = *state;
	uint32_t len = 5;
	const struct gmem_region *cache;
	char text[5];
	void *va;

	create_good(f);
	cache = &f->mem->regions[0];
	va = gmem_gpa_to_va(f->mem, &cache, 0x100000000 + 100, &len);
	assert_non_null(va);
	assert_int_equal(len, 5);
	memcpy(va, "hello", 5);
	assert_int_equal(pread(f->fds[2], text, 5, 4096 + 512 + 100), 5);
	assert_memory_equal(text, "hello", 5);
	assert_ptr_equal(cache, &f->mem->regions[2]);
}

static void
expect_gpa(struct fixture *f, uint64_t gpa, uint32_t want, uint32_t got, unsigned int region)
{
	unsigned int i;

	/* Whatever region the cache holds, the answer is the same. */
	for (i = 0; i < N; i++) {
		const struct gmem_region *cache = &f->mem->regions[i];
		uint32_t len = want;
		uint8_t *va = gmem_gpa_to_va(f->mem, &cache, gpa, &len);

		if (got == 0) {
			assert_null(va);
			assert_ptr_equal(cache, &f->mem->regions[i]);
			continue;
		}
		assert_ptr_equal(cache, &f->mem->regions[region]);
		assert_ptr_equal(va, cache->va + (gpa - cache->gpa));
		assert_int_equal(len, got);
	}
}

static void
test_translation_at_the_borders(void **state)
{
	struct fixture *f = *state;

	create_good(f);
	expect_gpa(f, 0x10000, 64 * KB, 64 * KB, 0);
	expect_gpa(f, 0x1fff0, 16, 16, 0);
	/* It goes on in the next region, but not behind this address. */
	expect_gpa(f, 0x1fff0, 17, 16, 0);
	expect_gpa(f, 0x1ffff, UINT32_MAX, 1, 0);
	expect_gpa(f, 0x20000, 8, 8, 1);
	expect_gpa(f, 0x2ffff, 2, 1, 1);
	expect_gpa(f, 0x100001fff, 4, 1, 2);
	/* Holes, before, between, behind. */
	expect_gpa(f, 0x0, 1, 0, 0);
	expect_gpa(f, 0xffff, 2, 0, 0);
	expect_gpa(f, 0x30000, 1, 0, 0);
	expect_gpa(f, 0xffffffff, 2, 0, 0);
	expect_gpa(f, 0x100002000, 1, 0, 0);
	expect_gpa(f, UINT64_MAX, 1, 0, 0);
	assert_null(gmem_find(f->mem, 0x30000));
	assert_ptr_equal(gmem_find(f->mem, 0x20000), &f->mem->regions[1]);
}

static void
test_ring_addresses(void **state)
{
	struct fixture *f = *state;
	uint8_t *va;

	create_good(f);
	va = gmem_uva_to_va(f->mem, 0x7f0000200000, 64 * KB);
	assert_ptr_equal(va, f->mem->regions[0].va);
	assert_ptr_equal(gmem_uva_to_va(f->mem, 0x7f000020ffff, 1), va + 0xffff);
	assert_null(gmem_uva_to_va(f->mem, 0x7f000020ffff, 2));
	assert_null(gmem_uva_to_va(f->mem, 0x7f0000200000, 64 * KB + 1));
	assert_null(gmem_uva_to_va(f->mem, 0x7f0000200000, UINT64_MAX));
	assert_null(gmem_uva_to_va(f->mem, 0x7f00001fffff, 1));
	assert_null(gmem_uva_to_va(f->mem, 0, 1));
	assert_int_equal(gmem_uva_to_gpa(f->mem, 0x7f0000200010), 0x10010);
	assert_int_equal(gmem_uva_to_gpa(f->mem, 0x7f0000100000), 0x20000);
	assert_true(gmem_uva_to_gpa(f->mem, 0x7f0000210000) == UINT64_MAX);
}

static void
test_read_across_regions(void **state)
{
	struct fixture *f = *state;
	uint8_t out[64], want[64];
	unsigned int i;

	create_good(f);
	for (i = 0; i < sizeof(want); i++)
		want[i] = (uint8_t)(i * 7 + 1);
	memcpy(f->mem->regions[0].va + 64 * KB - 30, want, 30);
	memcpy(f->mem->regions[1].va, want + 30, 34);
	assert_int_equal(gmem_read(f->mem, 0x20000 - 30, out, sizeof(out)), 0);
	assert_memory_equal(out, want, sizeof(out));
	assert_int_equal(gmem_read(f->mem, 0x30000 - 8, out, 8), 0);
	assert_int_equal(gmem_read(f->mem, 0x30000 - 8, out, 9), -EFAULT);
	assert_int_equal(gmem_read(f->mem, 0x30000, out, 1), -EFAULT);
	assert_int_equal(gmem_read(f->mem, 0x30000, out, 0), 0);
}

/* Two regions of one file, the second where no page begins, as QEMU has them around the hole. */
static void
test_regions_share_a_file(void **state)
{
	struct fixture *f = *state;
	struct gmem_desc descs[2] = {
		{.gpa = 0, .size = 4096 + 100, .uva = 0x1000, .offset = 0},
		{.gpa = 1 << 20, .size = 4096, .uva = 0x8000, .offset = 4096 + 100},
	};
	int fds[2] = {f->fds[0], f->fds[0]};

	f->mem = gmem_create(descs, fds, 2, &f->err);
	assert_non_null(f->mem);
	f->mem->regions[1].va[0] = 0xab;
	f->mem->regions[0].va[4096 + 99] = 0xcd;
	assert_int_equal(f->mem->regions[0].va[4096 + 100], 0xab);
	assert_int_equal(f->mem->regions[1].va[-1], 0xcd);
}

static void
expect_refusal(struct fixture *f, unsigned int n, const char *text)
{
	memset(&f->err, 0, sizeof(f->err));
	assert_null(gmem_create(f->descs, f->fds, n, &f->err));
	if (strstr(f->err.text, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", f->err.text, text);
	memcpy(f->descs, good, sizeof(good));
}

static void
test_refusals_of_numbers(void **state)
{
	struct fixture *f = *state;

	expect_refusal(f, 0, "0 memory regions, expected 1 to 8");
	expect_refusal(f, 9, "9 memory regions, expected 1 to 8");
	f->descs[1].size = 0;
	expect_refusal(f, N, "memory region 1 is empty");
	f->descs[2].gpa = UINT64_MAX - 4096;
	expect_refusal(f, N, "memory region 2 (size 0x2000) wraps around");
	f->descs[2].gpa = 0 - f->descs[2].size;
	expect_refusal(f, N, "wraps around");
	f->descs[0].uva = UINT64_MAX - 4096;
	expect_refusal(f, N, "memory region 0 (size 0x10000) wraps around");
	f->descs[0].offset = UINT64_MAX - 4096;
	expect_refusal(f, N, "memory region 0 (size 0x10000) wraps around");
	/* The reason is optional. */
	assert_null(gmem_create(f->descs, f->fds, 0, NULL));
}

static void
test_refusals_of_overlap(void **state)
{
	struct fixture *f = *state;

	f->descs[2].gpa = 0x2ffff;
	expect_refusal(f, N, "memory regions 0 and 2 overlap");
	f->descs[0].gpa = 0x1ffff;
	expect_refusal(f, N, "memory regions 0 and 1 overlap");
	f->descs[2].gpa = 0x18000; /* wholly inside */
	expect_refusal(f, N, "memory regions 1 and 2 overlap");
	f->descs[2].uva = f->descs[0].uva + 1;
	expect_refusal(f, N, "memory regions 0 and 2 overlap");
	f->descs[1] = f->descs[0];
	expect_refusal(f, 2, "memory regions 0 and 1 overlap");
}

static void
test_refusals_of_files(void **state)
{
	struct fixture *f = *state;
	int saved = f->fds[1];
	int ends[2];

	f->descs[1].size += 1;
	f->descs[1].gpa = 1 << 30;
	expect_refusal(f, N, "memory region 1 ends at 0x11001 of a file of 0x11000 bytes");
	f->descs[1].offset += 4096;
	expect_refusal(f, N, "memory region 1 ends at 0x12000 of a file of 0x11000 bytes");
	f->fds[1] = -1;
	expect_refusal(f, N, "memory region 1: fstat");
	assert_int_equal(pipe(ends), 0);
	f->fds[1] = ends[0];
	expect_refusal(f, N, "memory region 1: its descriptor is not of a file");
	f->fds[1] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(f->fds[1] >= 0);
	f->descs[1].offset = 0;
	f->descs[1].size = 4096;
	expect_refusal(f, N, "memory region 1: mmap of 0x1000 bytes");
	close(f->fds[1]);
	f->fds[1] = saved;
	close(ends[0]);
	close(ends[1]);
}

/* The file is cut short under the mapping: reads find zeros, writes go nowhere, and it is told. */
static void
test_memory_that_goes_away(void **state)
{
	struct fixture *f = *state;
	struct gmem *other;
	uint8_t out[64] = {1};

	create_good(f);
	other = gmem_create(f->descs, f->fds, 1, &f->err);
	assert_non_null(other);
	assert_int_equal(ftruncate(f->fds[1], 8192), 0);
	assert_int_equal(gmem_read(f->mem, 0x10000, out, sizeof(out)), 0);
	assert_false(gmem_is_lost(f->mem));

	assert_int_equal(gmem_read(f->mem, 0x1ffe0, out, sizeof(out)), 0);
	assert_true(gmem_is_lost(f->mem));
	assert_int_equal(out[0], 0);
	f->mem->regions[0].va[8192] = 7;
	f->mem->regions[0].va[16384] = 8;
	assert_int_equal(f->mem->regions[0].va[8192], 7);
	assert_int_equal(gmem_read(other, 0x20000, out, sizeof(out)), 0);
	assert_false(gmem_is_lost(other));
	gmem_destroy(other);
}

/* A touch of what is none of ours ends the process, as ever. */
static void
test_other_faults_stay_fatal(void **state)
{
	struct fixture *f = *state;
	volatile uint8_t *map;
	int status = 0;
	pid_t pid;

	signal(SIGBUS, SIG_DFL);
	create_good(f);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f->fds[0], 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(ftruncate(f->fds[0], 0), 0);
	pid = fork();
	if (pid == 0) {
		alarm(10);
		*map = 1;
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
	munmap((void *)(uintptr_t)map, 4096);
}

/* Tables come and go for ever; their guards do not add up. */
static void
test_many_tables(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < 4000; i++) {
		create_good(f);
		gmem_destroy(f->mem);
	}
	create_good(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mapping_is_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_translation_at_the_borders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ring_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_across_regions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_regions_share_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals_of_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals_of_overlap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals_of_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_that_goes_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_faults_stay_fatal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_tables, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
