/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * fe-tool: a guest from the command line.
 *
 * Sends sequence-numbered frames, a stream per queue pair, and accounts for
 * those it receives, whatever their stream. Prints one JSON object and exits
 * with 0 if the counts asked for were reached and nothing was lost, damaged,
 * duplicated or out of order.
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fe_guest.h"

#define TOOL_STREAMS  64
#define TOOL_BURST    32
#define TOOL_IDLE_MS  1
#define TOOL_DRAIN_MS 5000
#define TOOL_HELLO    0xfffe /* a stream number: is there somebody? */
#define TOOL_HELLO_MS 5

struct tool {
	struct fe_guest_conf conf;
	struct fe_guest guest;
	uint64_t rx_count, tx_count; /* over all pairs; 0: none to send, any to receive */
	uint32_t size_min, size_max;
	uint32_t seconds;
	uint32_t stream; /* of pair 0 */
	uint64_t next_seq[FE_PAIRS_MAX];
	uint64_t sent;
	bool reconnect;
	bool meet;
	bool heard, heard_us; /* the other guest; what it says of us */
	uint64_t reconnects;
	bool rx_given;
	uint8_t frame[FE_PKT_MAX];
	struct fe_track track[TOOL_STREAMS];
};

static volatile sig_atomic_t tool_stop;

static void
tool_on_signal(int sig)
{
	(void)sig;
	tool_stop = 1;
}

static const char tool_usage[] =
	"usage: fe-tool --socket PATH [options]\n"
	"  --client | --server   connect (default), or listen and wait for the back-end\n"
	"  --queues N            queue pairs (1)\n"
	"  --ring N              ring size (256)\n"
	"  --mtu N               (1500)\n"
	"  --tx-count N          frames to send, over all pairs (0)\n"
	"  --rx-count N          frames to receive before it ends (0: until --seconds)\n"
	"  --size N[-M]          frame size, or sizes in turn (60)\n"
	"  --seconds N           give up, or end, after that long (10)\n"
	"  --stream N            stream number of the first pair (0)\n"
	"  --without FEATURE     mrg_rxbuf, indirect_desc, event_idx, in_order, status; "
	"repeatable\n"
	"  --indirect            use indirect tables\n"
	"  --rx-size N           receive buffer size (one frame of the MTU)\n"
	"  --meet                begin when the guest at the other end (also --meet) is there\n"
	"  --reconnect           when the back-end goes away, come back\n";

static const struct tool_feature {
	const char *name;
	uint64_t feature, protocol;
} tool_features[] = {
	{"mrg_rxbuf", FE_BIT(VIRTIO_NET_F_MRG_RXBUF), 0},
	{"indirect_desc", FE_BIT(VIRTIO_RING_F_INDIRECT_DESC), 0},
	{"event_idx", FE_BIT(VIRTIO_RING_F_EVENT_IDX), 0},
	{"in_order", FE_BIT(VIRTIO_F_IN_ORDER), 0},
	{"status", 0, FE_BIT(FE_PROTO_STATUS)},
};

static int
tool_without(struct tool *t, const char *name)
{
	for (size_t i = 0; i < sizeof(tool_features) / sizeof(tool_features[0]); i++) {
		if (strcmp(name, tool_features[i].name) == 0) {
			t->conf.features &= ~tool_features[i].feature;
			t->conf.protocol &= ~tool_features[i].protocol;
			return 0;
		}
	}
	return -EINVAL;
}

static int
tool_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno != 0 || end == text || *end != '\0' || *value < min || *value > max ? -EINVAL
											 : 0;
}

static int
tool_size(struct tool *t, const char *text)
{
	char *end;

	t->size_min = (uint32_t)strtoul(text, &end, 10);
	t->size_max = *end == '-' ? (uint32_t)strtoul(end + 1, &end, 10) : t->size_min;
	return *end != '\0' || t->size_min < FE_PKT_MIN || t->size_max > FE_PKT_MAX ||
			t->size_max < t->size_min
		? -EINVAL
		: 0;
}

enum {
	OPT_SOCKET = 256,
	OPT_CLIENT,
	OPT_SERVER,
	OPT_QUEUES,
	OPT_RING,
	OPT_MTU,
	OPT_TX,
	OPT_RX,
	OPT_SIZE,
	OPT_SECONDS,
	OPT_STREAM,
	OPT_WITHOUT,
	OPT_INDIRECT,
	OPT_RX_SIZE,
	OPT_RECONNECT,
	OPT_MEET,
};

static const struct option tool_options[] = {
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"client", no_argument, NULL, OPT_CLIENT},
	{"server", no_argument, NULL, OPT_SERVER},
	{"queues", required_argument, NULL, OPT_QUEUES},
	{"ring", required_argument, NULL, OPT_RING},
	{"mtu", required_argument, NULL, OPT_MTU},
	{"tx-count", required_argument, NULL, OPT_TX},
	{"rx-count", required_argument, NULL, OPT_RX},
	{"size", required_argument, NULL, OPT_SIZE},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"stream", required_argument, NULL, OPT_STREAM},
	{"without", required_argument, NULL, OPT_WITHOUT},
	{"indirect", no_argument, NULL, OPT_INDIRECT},
	{"rx-size", required_argument, NULL, OPT_RX_SIZE},
	{"reconnect", no_argument, NULL, OPT_RECONNECT},
	{"meet", no_argument, NULL, OPT_MEET},
	{NULL, 0, NULL, 0},
};

static int
tool_set_number(struct tool *t, int opt, const char *text)
{
	uint64_t v = 0;
	int ret;

	switch (opt) {
	case OPT_QUEUES:
		ret = tool_number(text, 1, FE_PAIRS_MAX, &v);
		t->conf.pairs = (unsigned int)v;
		return ret;
	case OPT_RING:
		ret = tool_number(text, 2, FE_VQ_MAX_SIZE, &v);
		t->conf.ring_size = (uint16_t)v;
		return ret;
	case OPT_MTU:
		ret = tool_number(text, 68, FE_PKT_MAX, &v);
		t->conf.mtu = (uint16_t)v;
		return ret;
	case OPT_TX:
		return tool_number(text, 0, UINT64_MAX, &t->tx_count);
	case OPT_RX:
		t->rx_given = true;
		return tool_number(text, 0, UINT64_MAX, &t->rx_count);
	case OPT_SECONDS:
		ret = tool_number(text, 0, 86400, &v);
		t->seconds = (uint32_t)v;
		return ret;
	case OPT_STREAM:
		ret = tool_number(text, 0, TOOL_STREAMS - FE_PAIRS_MAX, &v);
		t->stream = (uint32_t)v;
		return ret;
	case OPT_RX_SIZE:
		ret = tool_number(text, FE_NET_HDR_SIZE + 1, FE_PKT_MAX, &v);
		t->conf.rx_buf_size = (uint32_t)v;
		return ret;
	default:
		return -EINVAL;
	}
}

static int
tool_set(struct tool *t, int opt, const char *text)
{
	switch (opt) {
	case OPT_SOCKET:
		t->conf.socket = text;
		return 0;
	case OPT_CLIENT:
	case OPT_SERVER:
		t->conf.listen = opt == OPT_SERVER;
		return 0;
	case OPT_SIZE:
		return tool_size(t, text);
	case OPT_WITHOUT:
		return tool_without(t, text);
	case OPT_INDIRECT:
		t->conf.indirect = true;
		return 0;
	case OPT_RECONNECT:
		t->reconnect = true;
		return 0;
	case OPT_MEET:
		t->meet = true;
		return 0;
	default:
		return tool_set_number(t, opt, text);
	}
}

static int
tool_parse(struct tool *t, int argc, char **argv)
{
	int opt;

	fe_guest_defaults(&t->conf, NULL);
	t->conf.poison = false;
	t->conf.watch = 0;
	t->size_min = t->size_max = FE_PKT_MIN;
	t->seconds = 10;
	while ((opt = getopt_long(argc, argv, "", tool_options, NULL)) != -1) {
		if (tool_set(t, opt, optarg) < 0)
			return -EINVAL;
	}
	return t->conf.socket == NULL || optind != argc ? -EINVAL : 0;
}

/* One burst of a pair. @return how many; an error. */
static int
tool_tx(struct tool *t, unsigned int pair)
{
	uint32_t sizes = t->size_max - t->size_min + 1;
	int n = 0;
	int ret = 0;

	while (n < TOOL_BURST && t->sent < t->tx_count) {
		uint32_t len = t->size_min + (uint32_t)(t->next_seq[pair] % sizes);

		fe_pkt_build(t->frame, len, (uint16_t)(t->stream + pair), t->next_seq[pair]);
		ret = fe_guest_queue(&t->guest, pair, t->frame, len);
		if (ret < 0)
			break;
		t->next_seq[pair]++;
		t->sent++;
		n++;
	}
	if (n > 0)
		fe_guest_flush(&t->guest, pair);
	return ret == 0 || ret == -EAGAIN ? n : ret;
}

static void
tool_account(struct tool *t, size_t len)
{
	struct fe_pkt pkt;
	int ret = fe_pkt_verify(t->frame, len, &pkt);

	if (ret == 0 && pkt.stream == TOOL_HELLO) {
		t->heard = true;
		t->heard_us |= pkt.seq == 1;
	} else if (ret == 0 && pkt.stream < TOOL_STREAMS) {
		/* Who sends has met us. */
		t->heard = t->heard_us = true;
		fe_track_seq(&t->track[pkt.stream], pkt.seq);
	} else {
		fe_track_frame(&t->track[0], 0, t->frame, len);
	}
}

static int
tool_rx(struct tool *t, unsigned int pair)
{
	int n, len;

	for (n = 0; n < TOOL_BURST; n++) {
		len = fe_guest_recv(&t->guest, pair, t->frame, sizeof(t->frame), NULL);
		if (len <= 0)
			return len < 0 ? len : n;
		tool_account(t, (size_t)len);
	}
	return n;
}

static uint64_t
tool_sum(const struct tool *t, size_t field)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < TOOL_STREAMS; i++) {
		const char *track = (const char *)&t->track[i];

		sum += *(const uint64_t *)(const void *)(track + field);
	}
	return sum;
}

#define TOOL_SUM(t, field) tool_sum(t, offsetof(struct fe_track, field))

static bool
tool_done(const struct tool *t)
{
	if (t->tx_count == 0 && !t->rx_given)
		return false;
	return t->sent == t->tx_count && (!t->rx_given || TOOL_SUM(t, unique) >= t->rx_count);
}

/* The back-end has gone: come back, if that was asked for. */
static int
tool_check_connection(struct tool *t)
{
	int ret = fe_conn_wait_closed(&t->guest.conn, 0);

	if (ret != 0)
		return 0;
	if (!t->reconnect)
		return -ECONNRESET;
	t->reconnects++;
	return fe_guest_reconnect(&t->guest);
}

static int
tool_say_hello(struct tool *t)
{
	int ret;

	fe_pkt_build(t->frame, FE_PKT_MIN, TOOL_HELLO, t->heard);
	ret = fe_guest_send(&t->guest, 0, t->frame, FE_PKT_MIN);
	return ret == -EAGAIN ? 0 : ret;
}

/*
 * Say hello until the other one has heard us, and say so a last time: then
 * both know that packets get through both ways.
 */
static int
tool_meet(struct tool *t, int64_t end)
{
	int ret = 0;

	while (ret == 0 && !t->heard_us) {
		if (tool_stop || fe_now_ms() > end)
			return -ETIMEDOUT;
		ret = tool_say_hello(t);
		fe_guest_wait_rx(&t->guest, 0, TOOL_HELLO_MS);
		for (unsigned int pair = 0; pair < t->conf.pairs && ret >= 0; pair++)
			ret = tool_rx(t, pair);
		if (ret > 0)
			ret = 0;
	}
	return ret < 0 ? ret : tool_say_hello(t);
}

static int
tool_run(struct tool *t)
{
	int64_t end = fe_now_ms() + t->seconds * 1000ll;
	int64_t next_check = 0;
	int ret = t->meet ? tool_meet(t, end) : 0;

	if (ret < 0)
		return ret;

	while (!tool_stop && !tool_done(t) && fe_now_ms() < end) {
		int n = 0;

		for (unsigned int pair = 0; pair < t->conf.pairs; pair++) {
			ret = tool_tx(t, pair);
			if (ret < 0)
				return ret;
			n += ret;
			ret = tool_rx(t, pair);
			if (ret < 0)
				return ret;
			n += ret;
		}
		if (n == 0)
			fe_guest_wait_rx(&t->guest, 0, TOOL_IDLE_MS);
		if (fe_now_ms() < next_check)
			continue;
		next_check = fe_now_ms() + 10;
		ret = tool_check_connection(t);
		if (ret < 0)
			return ret;
	}
	for (unsigned int pair = 0; pair < t->conf.pairs && t->tx_count > 0; pair++) {
		ret = fe_guest_drain_tx(&t->guest, pair, TOOL_DRAIN_MS);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static bool
tool_report(const struct tool *t, int error)
{
	uint64_t lost = TOOL_SUM(t, next) - TOOL_SUM(t, unique);
	uint64_t bad = TOOL_SUM(t, bad);
	uint64_t twice = TOOL_SUM(t, duplicated);
	uint64_t late = TOOL_SUM(t, reordered);

	printf("{\"sent\": %" PRIu64 ", \"received\": %" PRIu64 ", \"lost\": %" PRIu64
	       ", \"duplicated\": %" PRIu64 ", \"reordered\": %" PRIu64 ", \"bad\": %" PRIu64
	       ", \"foreign\": %" PRIu64 ", \"reconnects\": %" PRIu64 ", \"features\": %" PRIu64
	       ", \"error\": ",
		t->sent, TOOL_SUM(t, received), lost, twice, late, bad, TOOL_SUM(t, foreign),
		t->reconnects, t->guest.features);
	if (error < 0)
		printf("\"%s\"}\n", strerror(-error));
	else
		printf("null}\n");
	return error == 0 && lost + bad + twice + late == 0 &&
		(t->tx_count == 0 || t->sent == t->tx_count) &&
		(!t->rx_given || TOOL_SUM(t, unique) >= t->rx_count);
}

int
main(int argc, char **argv)
{
	static struct tool t;
	bool good;
	int ret;

	if (tool_parse(&t, argc, argv) < 0) {
		fputs(tool_usage, stderr);
		return 2;
	}
	signal(SIGINT, tool_on_signal);
	signal(SIGTERM, tool_on_signal);
	ret = fe_guest_create(&t.guest, &t.conf);
	if (ret == 0)
		ret = fe_guest_up(&t.guest);
	if (ret == 0)
		ret = tool_run(&t);
	if (ret == 0)
		ret = fe_guest_stop(&t.guest);
	good = tool_report(&t, ret);
	fe_guest_destroy(&t.guest);
	for (unsigned int i = 0; i < TOOL_STREAMS; i++)
		fe_track_fini(&t.track[i]);
	return good ? 0 : 1;
}
