/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "rf-io.h"

#define RECEIVE_BATCH  16
#define RECEIVE_BUFFER (SEQ_FRAME_MAX + 1)
#define SOCKET_BUFFER  (32 * 1024 * 1024)
#define POLL_MS	       20	/* how late a stop may be seen */
#define BEHIND_MAX_NS  10000000 /* a sender held up longer than this does not catch up */
#define NO_ROOM_NS     200000	/* pause before trying again */

uint64_t
io_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
pause_until(uint64_t at_ns)
{
	const struct timespec ts = {
		.tv_sec = (time_t)(at_ns / 1000000000u),
		.tv_nsec = (long)(at_ns % 1000000000u),
	};

	/* An early return (a signal) only means that the caller looks at the clock again. */
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

int
io_mac_parse(const char *text, uint8_t mac[6])
{
	char *end;
	int i;

	for (i = 0; i < 6; i++) {
		const unsigned long byte = strtoul(text, &end, 16);

		if (end == text || end - text > 2 || byte > 0xff || *end != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac[i] = (uint8_t)byte;
		text = end + 1;
	}
	return 0;
}

int
io_number_parse(const char *text, uint64_t max, uint64_t *value)
{
	unsigned long long number;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || number > max)
		return -EINVAL;
	*value = number;
	return 0;
}

/* A packet socket on an interface; protocol 0 receives nothing. */
static int
packet_open(const char *ifname, uint16_t protocol, uint8_t mac[6])
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
	};
	struct ifreq ifr;
	int fd, ret;

	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		goto fail;
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	if (ioctl(fd, SIOCGIFINDEX, &ifr) < 0)
		goto fail;
	addr.sll_ifindex = ifr.ifr_ifindex;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		goto fail;
	return fd;
fail:
	ret = -errno;
	close(fd);
	return ret;
}

/* One frame out. Returns 1 if sent, 0 if there was no room, -errno. */
static int
send_one(int fd, const uint8_t *frame, size_t size)
{
	const ssize_t n = send(fd, frame, size, MSG_DONTWAIT);

	if (n == (ssize_t)size)
		return 1;
	if (n >= 0)
		return -EIO;
	if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
		return 0;
	return -errno;
}

static int
send_all(struct io_sender *sender, int fd, const uint8_t src[6], uint8_t *frame)
{
	const uint64_t interval = sender->rate ? 1000000000u / sender->rate : 0;
	uint64_t due = io_now_ns();
	uint64_t number = sender->first;
	bool written = false;
	int ret;

	while (!sender->stop && (sender->count == 0 || sender->sent < sender->count)) {
		const uint64_t now = io_now_ns();

		if (now < due) {
			pause_until(due);
			continue;
		}
		if (interval != 0 && now - due > BEHIND_MAX_NS)
			due = now;
		if (!written)
			seq_frame_write(
				frame, sender->size, sender->dst, src, sender->stream, number);
		ret = send_one(fd, frame, sender->size);
		if (ret < 0)
			return ret;
		written = ret == 0;
		if (written) {
			sender->retries++;
			pause_until(now + NO_ROOM_NS);
			continue;
		}
		sender->sent++;
		number++;
		due += interval;
	}
	return 0;
}

int
io_sender_run(struct io_sender *sender)
{
	const uint64_t begin = io_now_ns();
	uint8_t src[6];
	uint8_t *frame;
	int fd, ret;

	frame = malloc(sender->size);
	fd = frame ? packet_open(sender->ifname, 0, src) : -ENOMEM;
	ret = fd < 0 ? fd : send_all(sender, fd, src, frame);
	if (fd >= 0)
		close(fd);
	free(frame);
	sender->elapsed_ns = io_now_ns() - begin;
	sender->error = -ret;
	sender->done = true;
	return ret;
}

void
io_sender_report(const struct io_sender *sender, FILE *out)
{
	fprintf(out,
		"\"sent\": %" PRIu64 ", \"retries\": %" PRIu64 ", \"seconds\": %.6f, "
		"\"error\": %d, \"running\": %s",
		sender->sent, sender->retries, (double)sender->elapsed_ns / 1e9, sender->error,
		sender->done ? "false" : "true");
}

int
io_receiver_open(struct io_receiver *receiver)
{
	const uint16_t protocol = receiver->kind == SEQ_KIND_STREAM ? SEQ_ETHERTYPE : ETH_P_IP;
	const int size = SOCKET_BUFFER;
	const int one = 1;
	uint8_t mac[6];
	int fd;

	fd = packet_open(receiver->ifname, protocol, mac);
	if (fd < 0)
		return fd;
	/* Without the privilege for a large buffer drops are possible, and are counted. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	/* What an echo sends out must not come back into this socket. */
	(void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	receiver->fd = fd;
	receiver->stop = false;
	receiver->done = false;
	receiver->error = 0;
	receiver->socket_drops = 0;
	receiver->echoed = 0;
	pthread_mutex_init(&receiver->lock, NULL);
	memset(&receiver->books, 0, sizeof(receiver->books));
	return 0;
}

static void
echo_frame(struct io_receiver *receiver, uint8_t *frame, size_t size)
{
	uint8_t mac[6];

	memcpy(mac, frame, 6);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, mac, 6);
	if (mac[0] & 1) /* it came to a group: ours is not known here, so any will do */
		frame[6] = 0x02;
	if (send(receiver->fd, frame, size, 0) == (ssize_t)size)
		receiver->echoed++;
}

/* Take what is there, a batch at most. Returns the number of frames or -errno. */
static int
receive_batch(struct io_receiver *receiver, struct mmsghdr *msgs)
{
	uint64_t now;
	int n, i, ret = 0;

	n = recvmmsg(receiver->fd, msgs, RECEIVE_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENETDOWN ? 0 : -errno;
	now = io_now_ns();
	pthread_mutex_lock(&receiver->lock);
	for (i = 0; i < n && ret == 0; i++) {
		uint8_t *frame = msgs[i].msg_hdr.msg_iov->iov_base;

		ret = seq_books_frame(
			&receiver->books, receiver->kind, frame, msgs[i].msg_len, now);
		if (receiver->echo)
			echo_frame(receiver, frame, msgs[i].msg_len);
	}
	pthread_mutex_unlock(&receiver->lock);
	return ret < 0 ? ret : n;
}

static void
note_drops(struct io_receiver *receiver)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	/* Reading the kernel's counter sets it to 0. */
	if (receiver->fd >= 0 &&
		getsockopt(receiver->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
		receiver->socket_drops += stats.tp_drops;
}

static int
receive_all(struct io_receiver *receiver, struct mmsghdr *msgs)
{
	struct pollfd pfd = {.fd = receiver->fd, .events = POLLIN};
	bool stopping;
	int n;

	for (;;) {
		stopping = receiver->stop;
		n = receive_batch(receiver, msgs);
		if (n < 0)
			return n;
		if (receiver->expect && seq_books_unique(&receiver->books) >= receiver->expect)
			return 0;
		if (n == 0 && stopping)
			return 0;
		if (n == 0)
			(void)poll(&pfd, 1, POLL_MS);
	}
}

int
io_receiver_run(struct io_receiver *receiver)
{
	struct mmsghdr msgs[RECEIVE_BATCH];
	struct iovec iov[RECEIVE_BATCH];
	uint8_t *buffers;
	int i, ret;

	memset(msgs, 0, sizeof(msgs));
	buffers = malloc((size_t)RECEIVE_BATCH * RECEIVE_BUFFER);
	for (i = 0; buffers != NULL && i < RECEIVE_BATCH; i++) {
		iov[i].iov_base = buffers + (size_t)i * RECEIVE_BUFFER;
		iov[i].iov_len = RECEIVE_BUFFER;
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	ret = buffers ? receive_all(receiver, msgs) : -ENOMEM;
	pthread_mutex_lock(&receiver->lock);
	note_drops(receiver);
	close(receiver->fd);
	receiver->fd = -1;
	pthread_mutex_unlock(&receiver->lock);
	free(buffers);
	receiver->error = -ret;
	receiver->done = true;
	return ret;
}

void
io_receiver_report(struct io_receiver *receiver, FILE *out)
{
	pthread_mutex_lock(&receiver->lock);
	note_drops(receiver);
	seq_books_print(&receiver->books, out);
	fprintf(out,
		", \"socket_drops\": %" PRIu64 ", \"echoed\": %" PRIu64
		", \"error\": %d, \"running\": %s",
		receiver->socket_drops, receiver->echoed, receiver->error,
		receiver->done ? "false" : "true");
	pthread_mutex_unlock(&receiver->lock);
}
