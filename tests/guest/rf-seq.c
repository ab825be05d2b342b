/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rf-seq.h"

#define ETH_HEADER    14
#define IP_HEADER     20
#define UDP_HEADER    8
#define PKTGEN_MAGIC  0xbe9be955u
#define PKTGEN_FIRST  1 /* pktgen counts from 1 */
#define BOOK_SMALLEST (UINT64_C(1) << 16)

struct seq_header {
	uint32_t magic;
	uint16_t stream;
	uint16_t size; /* of the frame, to see a truncated one */
	uint64_t number;
} __attribute__((packed));

struct pktgen_header {
	uint32_t magic;
	uint32_t number;
} __attribute__((packed));

#define PAYLOAD_AT (ETH_HEADER + sizeof(struct seq_header))

static uint8_t
payload_byte(uint64_t number, size_t at)
{
	return (uint8_t)(number * 7 + at);
}

void
seq_frame_write(uint8_t *buf, size_t size, const uint8_t dst[6], const uint8_t src[6],
	unsigned int stream, uint64_t number)
{
	const uint16_t type = htons(SEQ_ETHERTYPE);
	struct seq_header hdr = {
		.magic = htobe32(SEQ_MAGIC),
		.stream = htobe16((uint16_t)stream),
		.size = htobe16((uint16_t)size),
		.number = htobe64(number),
	};
	size_t i;

	memcpy(buf, dst, 6);
	memcpy(buf + 6, src, 6);
	memcpy(buf + 12, &type, sizeof(type));
	memcpy(buf + ETH_HEADER, &hdr, sizeof(hdr));
	for (i = PAYLOAD_AT; i < size; i++)
		buf[i] = payload_byte(number, i);
}

/* Take our own frame apart. Returns 0, or -EBADMSG if it is not as it was sent. */
static int
stream_parse(const uint8_t *buf, size_t size, unsigned int *stream, uint64_t *number)
{
	struct seq_header hdr;
	size_t i;

	if (size < SEQ_FRAME_MIN)
		return -EBADMSG;
	memcpy(&hdr, buf + ETH_HEADER, sizeof(hdr));
	if (hdr.magic != htobe32(SEQ_MAGIC) || be16toh(hdr.size) != size ||
		be16toh(hdr.stream) >= SEQ_STREAMS)
		return -EBADMSG;
	*stream = be16toh(hdr.stream);
	*number = be64toh(hdr.number);
	for (i = PAYLOAD_AT; i < size; i++) {
		if (buf[i] != payload_byte(*number, i))
			return -EBADMSG;
	}
	return 0;
}

/* Take a pktgen frame apart. Returns 0, or -ENOMSG if it is none. */
static int
pktgen_parse(const uint8_t *buf, size_t size, unsigned int *stream, uint64_t *number)
{
	const size_t at = ETH_HEADER + IP_HEADER + UDP_HEADER;
	struct pktgen_header hdr;

	if (size < at + sizeof(hdr) || buf[12] != 0x08 || buf[13] != 0x00 ||
		buf[ETH_HEADER] != 0x45 || buf[ETH_HEADER + 9] != IPPROTO_UDP)
		return -ENOMSG;
	memcpy(&hdr, buf + at, sizeof(hdr));
	if (hdr.magic != htobe32(PKTGEN_MAGIC) || be32toh(hdr.number) < PKTGEN_FIRST)
		return -ENOMSG;
	*stream = 0;
	*number = be32toh(hdr.number) - PKTGEN_FIRST;
	return 0;
}

static int
book_grow(struct seq_book *book, uint64_t number)
{
	uint64_t capacity = book->capacity ? book->capacity : BOOK_SMALLEST;
	uint64_t *seen;

	if (number < book->capacity)
		return 0;
	if (number >= SEQ_LIMIT)
		return -ERANGE;
	while (capacity <= number)
		capacity *= 2;
	seen = realloc(book->seen, capacity / 8);
	if (seen == NULL)
		return -ENOMEM;
	memset((uint8_t *)seen + book->capacity / 8, 0, (capacity - book->capacity) / 8);
	book->seen = seen;
	book->capacity = capacity;
	return 0;
}

static void
book_enter(struct seq_book *book, uint64_t number, size_t size, uint64_t now_ns)
{
	const uint64_t bit = UINT64_C(1) << (number % 64);

	if (book->bytes == 0)
		book->first_ns = now_ns;
	else if (now_ns - book->last_ns > book->gap_ns)
		book->gap_ns = now_ns - book->last_ns;
	book->last_ns = now_ns;
	book->bytes += size;
	if (book->seen[number / 64] & bit) {
		book->duplicates++;
		return;
	}
	book->seen[number / 64] |= bit;
	book->unique++;
	if (number < book->next)
		book->reordered++;
	else
		book->next = number + 1;
}

int
seq_books_frame(struct seq_books *books, enum seq_kind kind, const uint8_t *buf, size_t size,
	uint64_t now_ns)
{
	unsigned int stream;
	uint64_t number;
	int ret;

	if (kind == SEQ_KIND_STREAM)
		ret = stream_parse(buf, size, &stream, &number);
	else
		ret = pktgen_parse(buf, size, &stream, &number);
	if (ret == -EBADMSG)
		books->corrupt++;
	else if (ret != 0)
		books->foreign++;
	if (ret != 0)
		return 0;
	ret = book_grow(&books->stream[stream], number);
	if (ret != 0) {
		books->beyond++;
		return ret == -ENOMEM ? ret : 0;
	}
	book_enter(&books->stream[stream], number, size, now_ns);
	return 0;
}

uint64_t
seq_books_unique(const struct seq_books *books)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < SEQ_STREAMS; i++)
		sum += books->stream[i].unique;
	return sum;
}

void
seq_books_reset(struct seq_books *books)
{
	unsigned int i;

	for (i = 0; i < SEQ_STREAMS; i++)
		free(books->stream[i].seen);
	memset(books, 0, sizeof(*books));
}

static uint64_t
book_longest_run(const struct seq_book *book)
{
	uint64_t longest = 0;
	uint64_t run = 0;
	uint64_t i = 0;

	while (i < book->next) {
		if (i % 64 == 0 && book->seen[i / 64] == UINT64_MAX) {
			run = 0;
			i += 64;
			continue;
		}
		run = book->seen[i / 64] & (UINT64_C(1) << (i % 64)) ? 0 : run + 1;
		if (run > longest)
			longest = run;
		i++;
	}
	return longest;
}

static void
book_print(const struct seq_book *book, FILE *out)
{
	const uint64_t ns = book->last_ns - book->first_ns;

	fprintf(out,
		"{\"received\": %" PRIu64 ", \"duplicates\": %" PRIu64 ", \"reordered\": %" PRIu64
		", \"missing\": %" PRIu64 ", \"longest_run\": %" PRIu64 ", \"next\": %" PRIu64
		", \"bytes\": %" PRIu64 ", \"seconds\": %.6f, \"longest_pause_ms\": %.3f}",
		book->unique, book->duplicates, book->reordered, book->next - book->unique,
		book_longest_run(book), book->next, book->bytes, (double)ns / 1e9,
		(double)book->gap_ns / 1e6);
}

void
seq_books_print(const struct seq_books *books, FILE *out)
{
	uint64_t duplicates = 0, reordered = 0, missing = 0;
	const char *comma = "";
	unsigned int i;

	for (i = 0; i < SEQ_STREAMS; i++) {
		duplicates += books->stream[i].duplicates;
		reordered += books->stream[i].reordered;
		missing += books->stream[i].next - books->stream[i].unique;
	}
	fprintf(out,
		"\"received\": %" PRIu64 ", \"duplicates\": %" PRIu64 ", \"reordered\": %" PRIu64
		", \"missing\": %" PRIu64 ", \"corrupt\": %" PRIu64 ", \"foreign\": %" PRIu64
		", \"beyond\": %" PRIu64 ", \"streams\": {",
		seq_books_unique(books), duplicates, reordered, missing, books->corrupt,
		books->foreign, books->beyond);
	for (i = 0; i < SEQ_STREAMS; i++) {
		if (books->stream[i].bytes == 0)
			continue;
		fprintf(out, "%s\"%u\": ", comma, i);
		book_print(&books->stream[i], out);
		comma = ", ";
	}
	fputc('}', out);
}
