/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * What the ring engine costs, in TSC cycles a packet, without a guest: the
 * rings lie in memory of our own. Two drivers, one after the other:
 *  - warm: the polling thread itself makes buffers available between the
 *    measured bursts, and all is in its cache. What is left are instructions.
 *  - shared: a thread on another CPU writes descriptors and frames and looks
 *    at what was used, as a guest's CPU does. To that come cache misses.
 */

#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "virtq/virtq.h"

#define RING_SIZE 256
#define BURST	  32
#define BUFFER	  2304 /* one for each descriptor */
#define MEMORY	  (4ull << 20)
#define GPA	  0x100000000ull
#define BUFFERS	  (1ull << 20) /* where they begin */

#define F(bit)	  (1ull << VIRTQ_F_##bit)

static unsigned int n_bursts = 20000;
static cpu_set_t all_cpus;
static int poll_cpu;
static struct rte_mempool *pool;
static struct gmem *mem;
static uint8_t *base; /* the driver's view of it */
static uint64_t *samples;

struct bench {
	const char *name;
	bool receive;
	uint64_t features;
	uint32_t header_alone; /* bytes of a first descriptor for the header, or 0 */
};

static const struct bench benches[] = {
	{"dequeue", false, F(VERSION_1)},
	{"dequeue, EVENT_IDX", false, F(VERSION_1) | F(EVENT_IDX)},
	{"dequeue, header apart", false, F(VERSION_1), 12},
	{"enqueue", true, F(VERSION_1)},
	{"enqueue, mergeable", true, F(VERSION_1) | F(MRG_RXBUF)},
	{"enqueue, header apart", true, F(VERSION_1), 12},
};

struct ring {
	struct virtq vq;
	struct virtq_split_desc *desc;
	struct virtq_split_avail *avail;
	struct virtq_split_used *used;
	const struct bench *bench;
	uint32_t frame_len;
	bool stop; /* main: w; driver thread: r */
};

/* Every position of the available ring names the same chain for ever. */
static int
ring_init(struct ring *r, const struct bench *b, uint32_t len)
{
	const uint64_t avail = RING_SIZE * sizeof(*r->desc), used = avail + 4096;
	struct virtq_config config = {.size = RING_SIZE,
		.desc_uva = GPA,
		.avail_uva = GPA + avail,
		.used_uva = GPA + used,
		.features = b->features,
		.writable = b->receive,
		.max_frame = 1518,
		.mem = mem};
	uint16_t write = b->receive ? VIRTQ_DESC_F_WRITE : 0;
	unsigned int step = b->header_alone != 0 ? 2 : 1;
	struct base_error err;
	unsigned int i;

	memset(base, 0, BUFFERS);
	memset(r, 0, sizeof(*r));
	r->bench = b;
	r->frame_len = len;
	r->desc = (void *)base;
	r->avail = (void *)(base + avail);
	r->used = (void *)(base + used);
	for (i = 0; i < RING_SIZE; i++) {
		bool header = step == 2 && i % 2 == 0;
		uint32_t rest = (b->receive ? 1536 : len + 12) - b->header_alone;

		r->desc[i] = (struct virtq_split_desc){.addr = GPA + BUFFERS + (uint64_t)i * BUFFER,
			.len = header ? b->header_alone : rest,
			.flags = write | (header ? VIRTQ_DESC_F_NEXT : 0),
			.next = (uint16_t)(i + 1)};
		r->avail->ring[i] = (uint16_t)(i * step % RING_SIZE);
	}
	r->avail->flags = VIRTQ_AVAIL_F_NO_INTERRUPT;
	r->vq.call_fd = -1;
	if (virtq_setup(&r->vq, &config, &err) < 0) {
		fprintf(stderr, "virtq-cycles: %s\n", err.text);
		return -1;
	}
	return 0;
}

/* Make one more burst available, and want no notification for it. */
static void
driver_offer(struct ring *r)
{
	uint16_t idx = r->avail->idx;

	r->avail->ring[RING_SIZE] = (uint16_t)(idx - 1);
	__atomic_store_n(&r->avail->idx, (uint16_t)(idx + BURST), __ATOMIC_RELEASE);
}

/* What a guest's CPU touches for one burst. */
static void
driver_touch(struct ring *r, uint16_t from)
{
	unsigned int i, step = r->bench->header_alone != 0 ? 2 : 1;

	for (i = from; i < from + BURST * step; i++) {
		volatile struct virtq_split_desc *desc = &r->desc[i % RING_SIZE];
		uint8_t *frame = base + (desc->addr - GPA);

		if (r->bench->receive)
			(void)*(volatile uint64_t *)frame;
		else
			memset(frame, 0x5a, desc->len);
		desc->addr = desc->addr;
		desc->flags = desc->flags;
	}
	for (i = 0; i < BURST; i++) {
		volatile uint16_t *entry = &r->avail->ring[(r->avail->idx + i) % RING_SIZE];

		(void)*(volatile uint32_t *)&r->used->ring[(r->avail->idx + i) % RING_SIZE].id;
		*entry = *entry;
	}
}

/* Chains in the ring at a time. */
static uint16_t
driver_most(const struct ring *r)
{
	return r->bench->header_alone != 0 ? RING_SIZE / 2 : RING_SIZE;
}

static void *
driver_main(void *arg)
{
	struct ring *r = arg;
	cpu_set_t cpus = all_cpus;
	uint16_t step = r->bench->header_alone != 0 ? 2 : 1;

	if (CPU_COUNT(&cpus) > 1)
		CPU_CLR(poll_cpu, &cpus);
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		uint16_t used = __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE);

		if ((uint16_t)(r->avail->idx - used) > driver_most(r) - BURST)
			continue;
		driver_touch(r, (uint16_t)(r->avail->idx * step));
		driver_offer(r);
	}
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Measure bursts. @return median cycles a packet; negative if the ring did not do its work. */
static double
measure(struct ring *r, bool shared, struct rte_mbuf **pkts)
{
	unsigned int i = 0;
	uint64_t start;
	uint16_t n;

	while (i < n_bursts) {
		if (!shared)
			driver_offer(r);
		if (virtq_room(&r->vq) < BURST && r->vq.error == VIRTQ_OK)
			continue;
		start = rte_rdtsc_precise();
		n = r->bench->receive ? r->vq.enqueue(&r->vq, pkts, BURST)
				      : r->vq.dequeue(&r->vq, pool, pkts, BURST);
		samples[i++] = rte_rdtsc_precise() - start;
		if (n != BURST) {
			fprintf(stderr, "virtq-cycles: %s: %u packets of %u: %s\n", r->bench->name,
				n, BURST, virtq_error_text((enum virtq_error)r->vq.error));
			return -1;
		}
		if (!r->bench->receive)
			rte_pktmbuf_free_bulk(pkts, BURST);
	}
	qsort(samples, n_bursts, sizeof(*samples), compare);
	return (double)samples[n_bursts / 2] / BURST;
}

static double
run(const struct bench *b, uint32_t len, bool shared)
{
	struct rte_mbuf *pkts[BURST];
	pthread_t driver;
	struct ring r;
	double cycles;
	unsigned int i;

	if (ring_init(&r, b, len) < 0)
		return -1;
	if (b->receive) {
		if (rte_pktmbuf_alloc_bulk(pool, pkts, BURST) != 0)
			return -1;
		for (i = 0; i < BURST; i++)
			memset(rte_pktmbuf_append(pkts[i], (uint16_t)len), 0x5a, len);
	}
	if (shared && pthread_create(&driver, NULL, driver_main, &r) != 0)
		return -1;
	cycles = measure(&r, shared, pkts);
	if (shared) {
		__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
		pthread_join(driver, NULL);
	}
	if (b->receive)
		rte_pktmbuf_free_bulk(pkts, BURST);
	return cycles;
}

static int
map_memory(void)
{
	struct gmem_desc desc = {.gpa = GPA, .size = MEMORY, .uva = GPA};
	int fd = memfd_create("virtq-cycles", MFD_CLOEXEC);
	struct base_error err;

	if (fd < 0 || ftruncate(fd, (off_t)MEMORY) < 0)
		return -1;
	base = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	mem = gmem_create(&desc, &fd, 1, &err);
	close(fd);
	if (base == MAP_FAILED || mem == NULL)
		return -1;
	memset(base, 0x5a, MEMORY);
	return 0;
}

static int
start_eal(void)
{
	char name[] = "virtq-cycles", no_huge[] = "--no-huge", no_shconf[] = "--no-shconf";
	char no_pci[] = "--no-pci", no_telemetry[] = "--no-telemetry", memory[] = "-m64";
	char log[] = "--log-level=error", lcores[32];
	char *argv[] = {name, no_huge, no_shconf, no_pci, no_telemetry, memory, log, lcores, NULL};

	if (sched_getaffinity(0, sizeof(all_cpus), &all_cpus) < 0)
		return -1;
	for (poll_cpu = CPU_SETSIZE - 1; !CPU_ISSET(poll_cpu, &all_cpus); poll_cpu--)
		;
	snprintf(lcores, sizeof(lcores), "--lcores=0@%d", poll_cpu);
	return rte_eal_init(RTE_DIM(argv) - 1, argv) < 0 ? -1 : 0;
}

static void
usage(FILE *to)
{
	fprintf(to,
		"usage: virtq-cycles [-q|--quick] [-h|--help]\n"
		"Prints the TSC cycles that a packet costs in each poll routine of the ring "
		"engine.\n");
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"quick", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	static const uint32_t lengths[] = {64, 1518};
	unsigned int i, j;
	int c;

	while ((c = getopt_long(argc, argv, "qh", options, NULL)) != -1) {
		if (c != 'q') {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
		n_bursts = 4000;
	}
	samples = calloc(n_bursts, sizeof(*samples));
	if (samples == NULL || start_eal() < 0 || map_memory() < 0) {
		fprintf(stderr, "virtq-cycles: cannot start: no memory or no EAL\n");
		return 1;
	}
	pool = rte_pktmbuf_pool_create("pool", 4095, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (pool == NULL) {
		fprintf(stderr, "virtq-cycles: no memory for mbufs\n");
		return 1;
	}
	printf("TSC cycles a packet, median of %u bursts of %u\n", n_bursts, BURST);
	printf("%-24s %10s %10s %10s %10s\n", "", "64 warm", "64 shared", "1518 warm",
		"1518 shared");
	for (i = 0; i < RTE_DIM(benches); i++) {
		printf("%-24s", benches[i].name);
		for (j = 0; j < 4; j++) {
			double cycles = run(&benches[i], lengths[j / 2], j % 2 == 1);

			if (cycles < 0)
				return 1;
			printf(" %10.1f", cycles);
			fflush(stdout);
		}
		printf("\n");
	}
	gmem_destroy(mem);
	free(samples);
	return 0;
}
