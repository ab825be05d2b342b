/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/*
 * rf-stream: a stream of numbered frames out of, or into, a network interface.
 *
 * Prints JSON lines: a receiver "{"ready": true}" once it misses nothing any
 * more, both a report for each SIGUSR1 and one at the end. SIGTERM and SIGINT
 * end it with the report.
 */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "rf-io.h"

static const char usage_text[] =
	"usage: rf-stream send -i IFACE [-n COUNT] [-r RATE] [-s SIZE] [-d MAC] [-S STREAM] [-f "
	"FIRST]\n"
	"       rf-stream recv -i IFACE [-n COUNT] [-k stream|pktgen] [-e]\n"
	"  -i IFACE   network interface\n"
	"  -n COUNT   frames to send (default: until stopped), or different frames to wait for\n"
	"  -r RATE    frames a second (default: as fast as it goes)\n"
	"  -s SIZE    bytes of a frame without FCS (default 60)\n"
	"  -d MAC     destination address (default ff:ff:ff:ff:ff:ff)\n"
	"  -S STREAM  stream number, 0 to 7 (default 0)\n"
	"  -f FIRST   first sequence number (default 0)\n"
	"  -k KIND    what to listen for (default stream)\n"
	"  -e         send every frame back\n";

static struct io_sender sender = {
	.dst = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	.size = SEQ_FRAME_MIN,
};
static struct io_receiver receiver;

static void *
send_thread(void *arg)
{
	(void)io_sender_run(arg); /* the result is in the struct */
	(void)kill(getpid(), SIGTERM);
	return NULL;
}

static void *
receive_thread(void *arg)
{
	(void)io_receiver_run(arg);
	(void)kill(getpid(), SIGTERM);
	return NULL;
}

static int
set_number(const char *text, uint64_t max, uint64_t *value)
{
	if (io_number_parse(text, max, value) == 0)
		return 0;
	fprintf(stderr, "rf-stream: \"%s\" is not a number of at most %llu\n", text,
		(unsigned long long)max);
	return -EINVAL;
}

static int
set_option(int opt, const char *arg)
{
	uint64_t value = 0;
	int ret = 0;

	switch (opt) {
	case 'i':
		if (strlen(arg) >= IFNAMSIZ)
			return -EINVAL;
		memcpy(sender.ifname, arg, strlen(arg) + 1);
		memcpy(receiver.ifname, arg, strlen(arg) + 1);
		return 0;
	case 'n':
		ret = set_number(arg, SEQ_LIMIT, &sender.count);
		receiver.expect = sender.count;
		return ret;
	case 'r':
		return set_number(arg, 100000000, &sender.rate);
	case 's':
		ret = set_number(arg, SEQ_FRAME_MAX, &value);
		sender.size = (unsigned int)value;
		return sender.size < SEQ_FRAME_MIN ? -EINVAL : ret;
	case 'd':
		return io_mac_parse(arg, sender.dst);
	case 'S':
		ret = set_number(arg, SEQ_STREAMS - 1, &value);
		sender.stream = (unsigned int)value;
		return ret;
	case 'f':
		return set_number(arg, SEQ_LIMIT, &sender.first);
	case 'k':
		receiver.kind = strcmp(arg, "pktgen") ? SEQ_KIND_STREAM : SEQ_KIND_PKTGEN;
		return strcmp(arg, "pktgen") && strcmp(arg, "stream") ? -EINVAL : 0;
	case 'e':
		receiver.echo = true;
		return 0;
	default:
		return -EINVAL;
	}
}

static void
report(bool sending)
{
	putchar('{');
	if (sending)
		io_sender_report(&sender, stdout);
	else
		io_receiver_report(&receiver, stdout);
	puts("}");
	fflush(stdout);
}

/* Wait for the end, reporting on demand. Returns 0 or -errno. */
static int
serve_signals(bool sending, const sigset_t *signals)
{
	struct signalfd_siginfo info;
	int fd, ret = 0;

	fd = signalfd(-1, signals, SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (;;) {
		if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
			ret = -EIO;
			break;
		}
		if (info.ssi_signo != SIGUSR1)
			break;
		report(sending);
	}
	close(fd);
	return ret;
}

static int
run(bool sending)
{
	pthread_t thread;
	sigset_t signals;
	int ret;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (!sending) {
		ret = io_receiver_open(&receiver);
		if (ret < 0)
			return ret;
		puts("{\"ready\": true}");
		fflush(stdout);
	}
	ret = -pthread_create(&thread, NULL, sending ? send_thread : receive_thread,
		sending ? (void *)&sender : (void *)&receiver);
	if (ret < 0)
		return ret;
	ret = serve_signals(sending, &signals);
	sender.stop = true;
	receiver.stop = true;
	pthread_join(thread, NULL);
	report(sending);
	if (ret == 0)
		ret = sending ? -sender.error : -receiver.error;
	return ret;
}

int
main(int argc, char **argv)
{
	bool sending;
	int opt, ret;

	if (argc >= 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
		fputs(usage_text, stdout);
		return 0;
	}
	if (argc < 2 || (strcmp(argv[1], "send") && strcmp(argv[1], "recv"))) {
		fputs(usage_text, stderr);
		return 2;
	}
	sending = !strcmp(argv[1], "send");
	optind = 2;
	while ((opt = getopt(argc, argv, "i:n:r:s:d:S:f:k:e")) != -1) {
		if (set_option(opt, optarg) < 0) {
			fputs(usage_text, stderr);
			return 2;
		}
	}
	if (sender.ifname[0] == '\0' || optind != argc) {
		fputs(usage_text, stderr);
		return 2;
	}
	ret = run(sending);
	if (ret < 0)
		fprintf(stderr, "rf-stream: %s: %s\n", sender.ifname, strerror(-ret));
	return ret < 0;
}
