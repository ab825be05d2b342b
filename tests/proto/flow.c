/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "flow.h"

#define FLOW_L2_HEADER	 14
#define FLOW_IDLE_MS	 2
#define FLOW_PROBE	 0xffff /* a stream that no flow has */
#define FLOW_EXCHANGE_MS 20000

static uint8_t frame[FE_PKT_MAX];

void
flow_init(struct flow *f, struct fe_guest *from, struct fe_guest *to, unsigned int pair)
{
	static uint16_t stream;
	uint32_t mtu = from->conf.mtu < to->conf.mtu ? from->conf.mtu : to->conf.mtu;

	*f = (struct flow){.from = from,
		.to = to,
		.pair = pair,
		.stream = ++stream,
		.size_min = FE_PKT_MIN,
		.size_max = mtu + FLOW_L2_HEADER};
	fe_track_init(&f->track);
}

void
flow_fini(struct flow *f)
{
	fe_track_fini(&f->track);
}

/* Steps of a prime, so that all residues of sizes come by and neighbours differ. */
static uint32_t
flow_size(const struct flow *f, uint64_t seq)
{
	return f->size_min + (uint32_t)(seq * 211 % (f->size_max - f->size_min + 1));
}

int
flow_send(struct flow *f, uint64_t limit)
{
	int n = 0;
	int ret = 0;

	while (n < FLOW_BURST && f->sent < limit) {
		uint32_t len = flow_size(f, f->sent);

		fe_pkt_build(frame, len, f->stream, f->sent);
		ret = fe_guest_queue(f->from, f->pair, frame, len);
		if (ret < 0)
			break;
		f->sent++;
		n++;
	}
	if (n > 0)
		fe_guest_flush(f->from, f->pair);
	return ret == 0 || ret == -EAGAIN ? n : ret;
}

static void
flow_account(struct flow *f, unsigned int n, const struct fe_guest *to, size_t len)
{
	struct fe_pkt pkt;
	int ret = fe_pkt_verify(frame, len, &pkt);

	for (unsigned int i = 0; i < n; i++) {
		if (f[i].to != to)
			continue;
		if (ret == -EBADMSG)
			f[i].track.bad++;
		else if (ret == 0 && pkt.stream == f[i].stream)
			fe_track_seq(&f[i].track, pkt.seq);
	}
}

static int
flow_receive_at(struct flow *f, unsigned int n, struct fe_guest *to)
{
	int total = 0;
	int ret = 0;

	if (!to->started)
		return 0;
	for (unsigned int pair = 0; pair < to->conf.pairs; pair++) {
		while ((ret = fe_guest_recv(to, pair, frame, sizeof(frame), NULL)) > 0) {
			flow_account(f, n, to, (size_t)ret);
			total++;
		}
		if (ret < 0)
			return ret;
	}
	return total;
}

int
flow_receive(struct flow *f, unsigned int n)
{
	int total = 0;

	for (unsigned int i = 0; i < n; i++) {
		int ret = flow_receive_at(f, n, f[i].to);

		if (ret < 0)
			return ret;
		total += ret;
	}
	return total;
}

int
flow_pump(struct flow *f, unsigned int n, uint64_t limit)
{
	int moved = 0;
	int ret;

	for (unsigned int i = 0; i < n; i++) {
		if (!f[i].from->started)
			continue;
		ret = flow_send(&f[i], limit);
		if (ret < 0)
			return ret;
		moved += ret;
	}
	ret = flow_receive(f, n);
	if (ret < 0)
		return ret;
	moved += ret;
	/* Leave the CPU to the daemon. */
	if (moved == 0 && f[0].to->started)
		fe_guest_wait_rx(f[0].to, 0, FLOW_IDLE_MS);
	return moved;
}

static bool
flow_arrived(const struct flow *f, unsigned int n, uint64_t limit)
{
	for (unsigned int i = 0; i < n; i++) {
		if (f[i].sent < limit || f[i].track.unique < f[i].sent)
			return false;
	}
	return true;
}

int
flow_finish(struct flow *f, unsigned int n, uint64_t limit, int timeout_ms)
{
	int64_t deadline = fe_now_ms() + timeout_ms;
	int ret;

	while (!flow_arrived(f, n, limit)) {
		ret = flow_pump(f, n, limit);
		if (ret < 0)
			return ret;
		if (fe_now_ms() > deadline) {
			for (unsigned int i = 0; i < n; i++)
				flow_exact(&f[i]);
			return -ETIMEDOUT;
		}
	}
	return 0;
}

int
flow_settle(struct flow *f, unsigned int n, int quiet_ms)
{
	int64_t quiet_since = fe_now_ms();

	while (fe_now_ms() - quiet_since < quiet_ms) {
		int ret = flow_pump(f, n, 0);

		if (ret < 0)
			return ret;
		if (ret > 0)
			quiet_since = fe_now_ms();
	}
	return 0;
}

static void
flow_print_ring(const char *who, const struct fe_queue *q)
{
	fprintf(stderr, "  %s ring %u: available %u, used %u, taken %u\n", who, q->vq.index,
		q->vq.avail->idx, q->vq.used->idx, q->vq.last_used);
}

/* What is needed to tell packets that are lost from packets that are stuck. */
static void
flow_print(const struct flow *f)
{
	uint64_t missing = 0;

	while (missing < f->track.next && (f->track.seen[missing / 64] >> missing % 64 & 1) != 0)
		missing++;
	fprintf(stderr,
		"flow %u: sent %" PRIu64 ", received %" PRIu64 ", lost %" PRIu64
		", duplicated %" PRIu64 ", reordered %" PRIu64 ", bad %" PRIu64
		", first missing %" PRIu64 ", last received %" PRIu64 "\n",
		f->stream, f->sent, f->track.unique, fe_track_lost(&f->track, f->sent),
		f->track.duplicated, f->track.reordered, f->track.bad, missing, f->track.next - 1);
	flow_print_ring("sender's", fe_guest_tx(f->from, f->pair));
	for (unsigned int pair = 0; pair < f->to->conf.pairs; pair++)
		flow_print_ring("receiver's", fe_guest_rx(f->to, pair));
}

bool
flow_clean(const struct flow *f)
{
	bool clean = f->track.duplicated + f->track.reordered + f->track.bad == 0 &&
		f->track.next <= f->sent;

	if (!clean)
		flow_print(f);
	return clean;
}

bool
flow_exact(const struct flow *f)
{
	bool exact = flow_clean(f) && f->track.unique == f->sent;

	if (!exact)
		flow_print(f);
	return exact;
}

/* Look for probes. @return 0 or an error. */
static int
find_probes(struct fe_guest *to, int64_t *last)
{
	struct fe_pkt pkt;
	int ret = 0;

	for (unsigned int pair = 0; pair < to->conf.pairs && ret == 0; pair++) {
		while ((ret = fe_guest_recv(to, pair, frame, sizeof(frame), NULL)) > 0) {
			if (fe_pkt_verify(frame, (size_t)ret, &pkt) == 0 &&
				pkt.stream == FLOW_PROBE && (int64_t)pkt.seq > *last)
				*last = (int64_t)pkt.seq;
		}
	}
	return ret;
}

/* Send probes until one arrives, and wait for those sent after it: none is left under way. */
static int
warm_up_pair(struct fe_guest *from, unsigned int pair, struct fe_guest *to)
{
	static int64_t next;
	int64_t deadline = fe_now_ms() + FLOW_EXCHANGE_MS;
	int64_t first = next, seen = next - 1;
	int ret;

	while (fe_now_ms() < deadline) {
		if (seen < first) {
			fe_pkt_build(frame, FE_PKT_MIN, FLOW_PROBE, (uint64_t)next);
			ret = fe_guest_send(from, pair, frame, FE_PKT_MIN);
			if (ret < 0 && ret != -EAGAIN)
				return ret;
			next += ret == 0;
		}
		/* It may come on another pair, or not at all. */
		fe_guest_wait_rx(to, 0, FLOW_IDLE_MS);
		ret = find_probes(to, &seen);
		if (ret < 0)
			return ret;
		if (seen >= first && seen == next - 1)
			return 0;
	}
	return -ETIMEDOUT;
}

int
flow_warm_up(struct fe_guest *from, struct fe_guest *to)
{
	int ret = 0;

	for (unsigned int pair = 0; pair < from->conf.pairs && ret == 0; pair++)
		ret = warm_up_pair(from, pair, to);
	return ret;
}

int
flow_exchange(struct fe_guest *a, struct fe_guest *b, uint64_t n)
{
	unsigned int pairs = a->conf.pairs < b->conf.pairs ? a->conf.pairs : b->conf.pairs;
	struct flow f[2 * FE_PAIRS_MAX];
	int ret;

	for (unsigned int i = 0; i < pairs; i++) {
		flow_init(&f[2 * i], a, b, i);
		flow_init(&f[2 * i + 1], b, a, i);
	}
	ret = flow_warm_up(a, b);
	if (ret == 0)
		ret = flow_warm_up(b, a);
	if (ret == 0)
		ret = flow_finish(f, 2 * pairs, n, FLOW_EXCHANGE_MS);
	for (unsigned int i = 0; i < 2 * pairs; i++) {
		if (ret == 0 && !flow_exact(&f[i]))
			ret = -EBADMSG;
		flow_fini(&f[i]);
	}
	if (ret == 0)
		ret = fe_guest_check(a);
	return ret < 0 ? ret : fe_guest_check(b);
}
