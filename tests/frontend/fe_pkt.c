/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include "fe_pkt.h"

#define PKT_MAGIC    0x52464659u
#define PKT_PORT     9 /* discard */
#define PKT_TTL	     64
#define PKT_UDP_TYPE 17

struct pkt_body {
	uint32_t magic;
	uint16_t stream;
	uint64_t seq;
	uint32_t check; /* over stream, seq and the frame's length */
} __attribute__((packed));

struct pkt_headers {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	struct pkt_body body;
} __attribute__((packed));

_Static_assert(sizeof(struct pkt_headers) == FE_PKT_MIN, "the smallest frame is all headers");

static uint32_t
pkt_sum_add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len > 1; p += 2, len -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	return len > 0 ? sum + ((uint32_t)p[0] << 8) : sum;
}

static uint16_t
pkt_sum_fold(uint32_t sum)
{
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static uint64_t
pkt_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static uint64_t
pkt_seed(uint16_t stream, uint64_t seq, size_t len)
{
	return pkt_mix(seq ^ pkt_mix((uint64_t)stream << 32 | len));
}

static void
pkt_fill_pattern(uint8_t *p, size_t len, uint64_t seed)
{
	for (uint64_t word; len > 0;) {
		size_t n = len < sizeof(word) ? len : sizeof(word);

		word = htole64(pkt_mix(seed++));
		memcpy(p, &word, n);
		p += n;
		len -= n;
	}
}

static uint16_t
pkt_udp_sum(const struct pkt_headers *h, size_t udp_len)
{
	uint32_t sum = pkt_sum_add(0, &h->ip.saddr, 2 * sizeof(h->ip.saddr));
	uint16_t folded;

	sum += PKT_UDP_TYPE + (uint32_t)udp_len;
	folded = pkt_sum_fold(pkt_sum_add(sum, &h->udp, udp_len));
	return folded == 0 ? 0xffff : folded;
}

void
fe_pkt_build(void *frame, size_t len, uint16_t stream, uint64_t seq)
{
	struct pkt_headers *h = frame;
	uint64_t seed = pkt_seed(stream, seq, len);
	size_t ip_len = len - sizeof(h->eth);
	size_t udp_len = ip_len - sizeof(h->ip);

	memset(h, 0, sizeof(*h));
	memcpy(h->eth.h_dest, (const uint8_t[]){0x02, 0x52, 0x46, 0, 1, (uint8_t)stream}, ETH_ALEN);
	memcpy(h->eth.h_source, (const uint8_t[]){0x02, 0x52, 0x46, 0, 2, (uint8_t)stream},
		ETH_ALEN);
	h->eth.h_proto = htons(ETH_P_IP);
	h->ip.version = 4;
	h->ip.ihl = sizeof(h->ip) / 4;
	h->ip.tot_len = htons((uint16_t)ip_len);
	h->ip.ttl = PKT_TTL;
	h->ip.protocol = PKT_UDP_TYPE;
	h->ip.saddr = htonl(0xc6120001 | (uint32_t)stream << 8); /* 198.18.0.0/15 is for tests */
	h->ip.daddr = htonl(0xc6130001 | (uint32_t)stream << 8);
	h->ip.check = pkt_sum_fold(pkt_sum_add(0, &h->ip, sizeof(h->ip)));
	h->udp.source = h->udp.dest = htons(PKT_PORT);
	h->udp.len = htons((uint16_t)udp_len);
	h->body.magic = htonl(PKT_MAGIC);
	h->body.stream = htons(stream);
	h->body.seq = htobe64(seq);
	h->body.check = htonl((uint32_t)seed);
	pkt_fill_pattern((uint8_t *)frame + sizeof(*h), len - sizeof(*h), seed);
	h->udp.check = pkt_udp_sum(h, udp_len);
}

int
fe_pkt_verify(const void *frame, size_t len, struct fe_pkt *out)
{
	static __thread uint8_t expected[FE_PKT_MAX];
	const struct pkt_headers *h = frame;

	if (len < sizeof(*h) || len > FE_PKT_MAX || ntohl(h->body.magic) != PKT_MAGIC)
		return -ENOMSG;
	out->stream = ntohs(h->body.stream);
	out->seq = be64toh(h->body.seq);
	fe_pkt_build(expected, len, out->stream, out->seq);
	return memcmp(frame, expected, len) == 0 ? 0 : -EBADMSG;
}

void
fe_track_init(struct fe_track *track)
{
	memset(track, 0, sizeof(*track));
}

void
fe_track_fini(struct fe_track *track)
{
	free(track->seen);
	fe_track_init(track);
}

static int
track_grow(struct fe_track *track, uint64_t words)
{
	uint64_t n = track->n_words == 0 ? 64 : track->n_words;
	uint64_t *seen;

	while (n < words)
		n *= 2;
	if (n == track->n_words)
		return 0;
	seen = realloc(track->seen, n * sizeof(*seen));
	if (seen == NULL)
		return -ENOMEM;
	memset(seen + track->n_words, 0, (n - track->n_words) * sizeof(*seen));
	track->seen = seen;
	track->n_words = n;
	return 0;
}

int
fe_track_seq(struct fe_track *track, uint64_t seq)
{
	int ret = track_grow(track, seq / 64 + 1);
	uint64_t bit = 1ull << (seq % 64);

	if (ret < 0)
		return ret;
	track->received++;
	if ((track->seen[seq / 64] & bit) != 0) {
		track->duplicated++;
		return 0;
	}
	track->seen[seq / 64] |= bit;
	track->unique++;
	if (seq < track->next)
		track->reordered++;
	else
		track->next = seq + 1;
	return 0;
}

int
fe_track_frame(struct fe_track *track, uint16_t stream, const void *frame, size_t len)
{
	struct fe_pkt pkt;
	int ret = fe_pkt_verify(frame, len, &pkt);

	if (ret == -ENOMSG)
		track->foreign++;
	else if (ret < 0)
		track->bad++;
	if (ret < 0)
		return ret;
	if (pkt.stream != stream) {
		track->foreign++;
		return -ENOMSG;
	}
	return fe_track_seq(track, pkt.seq);
}

uint64_t
fe_track_lost(const struct fe_track *track, uint64_t n)
{
	uint64_t seen = 0;

	for (uint64_t i = 0; i < n && i / 64 < track->n_words; i++)
		seen += track->seen[i / 64] >> (i % 64) & 1;
	return n - seen;
}
