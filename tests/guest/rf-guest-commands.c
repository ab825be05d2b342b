/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rf-guest.h"
#include "rf-io.h"

#define BUSYBOX	    "/bin/busybox"
#define OUTPUT_MAX  8192
#define PKTGEN_DIR  "/proc/net/pktgen/"
#define PKTGEN_CTRL PKTGEN_DIR "pgctrl"

static struct io_sender senders[SEQ_STREAMS];
static pthread_t sender_threads[SEQ_STREAMS];
static bool sender_running[SEQ_STREAMS];
static struct io_receiver receiver;
static pthread_t receiver_thread;
static bool receiver_running;
static pthread_t pktgen_thread;
static bool pktgen_running;
static atomic_bool pktgen_done;
static _Atomic int pktgen_error;
static int reboot_how;

void
guest_after_reply(void)
{
	if (reboot_how != 0)
		(void)reboot(reboot_how); /* returns only on failure, which the caller then sees */
}

static void
print_string(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if (*text == '\n')
			fputs("\\n", out);
		else if ((unsigned char)*text >= ' ')
			fputc(*text, out);
	}
	fputc('"', out);
}

/* Read a small file without its last newline. Returns 0 or -errno. */
static int
read_file(const char *path, char *text, size_t size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int ret;

	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	ret = n < 0 ? -errno : 0;
	close(fd);
	if (n < 0)
		return ret;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	return 0;
}

/* Run a program to its end, its output into text. Returns its exit status or -errno. */
static int
program_run(char *const argv[], char *text, size_t size)
{
	posix_spawn_file_actions_t actions;
	int pipes[2];
	size_t used = 0;
	ssize_t n;
	pid_t pid;
	int ret, status;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO);
	ret = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	while (ret == 0 && (n = read(pipes[0], text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	close(pipes[0]);
	if (ret != 0)
		return -ret;
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

static int
channels_ioctl(const char *ifname, struct ethtool_channels *channels)
{
	struct ifreq ifr;
	int fd, ret;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	ifr.ifr_data = (void *)channels;
	ret = ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* Print a number of /sys/class/net/IF/..., or null. */
static void
print_net_number(const char *ifname, const char *file, const char *key, FILE *out)
{
	char path[384];
	char text[32];
	uint64_t value;

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", ifname, file);
	if (read_file(path, text, sizeof(text)) < 0 ||
		io_number_parse(text, UINT64_MAX, &value) < 0)
		fprintf(out, ", \"%s\": null", key);
	else
		fprintf(out, ", \"%s\": %" PRIu64, key, value);
}

static void
print_interface(const char *ifname, FILE *out)
{
	static const char *const counters[] = {"rx_packets", "tx_packets", "rx_bytes", "tx_bytes",
		"rx_dropped", "tx_dropped", "rx_errors", "tx_errors"};
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	char path[384];
	char text[64];
	size_t i;

	fprintf(out, "\"%s\": {", ifname);
	snprintf(path, sizeof(path), "/sys/class/net/%s/address", ifname);
	if (read_file(path, text, sizeof(text)) < 0)
		text[0] = '\0';
	fprintf(out, "\"mac\": \"%s\"", text);
	print_net_number(ifname, "mtu", "mtu", out);
	print_net_number(ifname, "carrier", "carrier", out);
	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		snprintf(path, sizeof(path), "statistics/%s", counters[i]);
		print_net_number(ifname, path, counters[i], out);
	}
	if (channels_ioctl(ifname, &channels) == 0)
		fprintf(out, ", \"channels\": %u, \"max_channels\": %u", channels.combined_count,
			channels.max_combined);
	fputc('}', out);
}

static int
command_info(int argc, char **argv, FILE *out)
{
	const char *comma = "";
	struct dirent *entry;
	char text[64];
	DIR *dir;

	(void)argc;
	(void)argv;
	if (read_file("/proc/sys/kernel/osrelease", text, sizeof(text)) == 0)
		fprintf(out, "\"kernel\": \"%s\", ", text);
	if (read_file("/proc/uptime", text, sizeof(text)) == 0) {
		text[strcspn(text, " ")] = '\0';
		fprintf(out, "\"uptime\": %s, ", text);
	}
	fputs("\"interfaces\": {", out);
	dir = opendir("/sys/class/net");
	if (dir == NULL)
		return -errno;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "lo"))
			continue;
		fputs(comma, out);
		print_interface(entry->d_name, out);
		comma = ", ";
	}
	closedir(dir);
	fputc('}', out);
	return 0;
}

static int
command_hello(int argc, char **argv, FILE *out)
{
	fputs("\"hello\": ", out);
	print_string(argc > 1 ? argv[1] : "", out);
	return 0;
}

/* busybox with the given arguments. */
static int
command_busybox(int argc, char **argv, FILE *out)
{
	char *args[18] = {(char *)(uintptr_t)BUSYBOX};
	char text[OUTPUT_MAX];
	int i, ret;

	for (i = 1; i < argc; i++)
		args[i] = argv[i];
	ret = program_run(args, text, sizeof(text));
	if (ret < 0)
		return ret;
	fprintf(out, "\"status\": %d, \"output\": ", ret);
	print_string(text, out);
	return 0;
}

/* write PATH WORD: into a file of /proc or /sys */
static int
command_write(int argc, char **argv, FILE *out)
{
	(void)argc;
	(void)out;
	return guest_write_file(argv[1], argv[2]);
}

/* ping ADDRESS COUNT [SIZE] [INTERVAL] */
static int
command_ping(int argc, char **argv, FILE *out)
{
	char *args[] = {(char *)(uintptr_t)BUSYBOX, (char *)(uintptr_t) "ping",
		(char *)(uintptr_t) "-c", argv[2], (char *)(uintptr_t) "-s",
		argc > 3 ? argv[3] : (char *)(uintptr_t) "56", (char *)(uintptr_t) "-i",
		argc > 4 ? argv[4] : (char *)(uintptr_t) "0.1", (char *)(uintptr_t) "-W",
		(char *)(uintptr_t) "2", argv[1], NULL};
	unsigned int sent, received;
	char text[OUTPUT_MAX];
	const char *summary;
	int ret;

	ret = program_run(args, text, sizeof(text));
	if (ret < 0)
		return ret;
	summary = strstr(text, "---\n");
	if (summary == NULL ||
		sscanf(summary, "---\n%u packets transmitted, %u packets received", &sent,
			&received) != 2)
		return -EPROTO;
	fprintf(out, "\"sent\": %u, \"received\": %u", sent, received);
	return 0;
}

/* channels IFACE [COUNT] */
static int
command_channels(int argc, char **argv, FILE *out)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	uint64_t count;
	int ret;

	ret = channels_ioctl(argv[1], &channels);
	if (ret < 0)
		return ret;
	if (argc > 2) {
		if (io_number_parse(argv[2], UINT16_MAX, &count) < 0)
			return -EINVAL;
		channels.cmd = ETHTOOL_SCHANNELS;
		channels.combined_count = (uint32_t)count;
		ret = channels_ioctl(argv[1], &channels);
		if (ret < 0)
			return ret;
	}
	fprintf(out, "\"channels\": %u, \"max_channels\": %u", channels.combined_count,
		channels.max_combined);
	return 0;
}

static int
copy_ifname(const char *name, char ifname[IFNAMSIZ])
{
	if (strlen(name) >= IFNAMSIZ)
		return -EINVAL;
	memcpy(ifname, name, strlen(name) + 1);
	return 0;
}

/* --- receive ---------------------------------------------------------- */

static void *
receiver_main(void *arg)
{
	(void)io_receiver_run(arg); /* the result is in the struct */
	return NULL;
}

static void
receiver_stop(void)
{
	if (!receiver_running)
		return;
	receiver.stop = true;
	pthread_join(receiver_thread, NULL);
	receiver_running = false;
}

static int
receiver_start(int argc, char **argv)
{
	int ret;

	if (argc < 3)
		return -EINVAL;
	receiver_stop();
	seq_books_reset(&receiver.books);
	receiver.kind = argc > 3 && !strcmp(argv[3], "pktgen") ? SEQ_KIND_PKTGEN : SEQ_KIND_STREAM;
	receiver.echo = argc > 3 && !strcmp(argv[3], "echo");
	ret = copy_ifname(argv[2], receiver.ifname);
	if (ret == 0)
		ret = io_receiver_open(&receiver);
	if (ret < 0)
		return ret;
	ret = -pthread_create(&receiver_thread, NULL, receiver_main, &receiver);
	receiver_running = ret == 0;
	return ret;
}

/* rx start IFACE [stream|pktgen|echo] | rx report | rx stop */
static int
command_rx(int argc, char **argv, FILE *out)
{
	if (!strcmp(argv[1], "start"))
		return receiver_start(argc, argv);
	if (receiver.ifname[0] == '\0')
		return -ENOENT;
	if (!strcmp(argv[1], "stop"))
		receiver_stop();
	else if (strcmp(argv[1], "report"))
		return -EINVAL;
	io_receiver_report(&receiver, out);
	return 0;
}

/* --- transmit --------------------------------------------------------- */

static void *
sender_main(void *arg)
{
	(void)io_sender_run(arg); /* the result is in the struct */
	return NULL;
}

static void
sender_stop(unsigned int stream)
{
	if (!sender_running[stream])
		return;
	senders[stream].stop = true;
	pthread_join(sender_threads[stream], NULL);
	sender_running[stream] = false;
}

/* tx start IFACE COUNT RATE SIZE [MAC] [STREAM] */
static int
sender_start(int argc, char **argv)
{
	struct io_sender *sender;
	uint64_t count, rate, size, stream = 0;
	uint8_t dst[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	int ret;

	if (argc < 6 || io_number_parse(argv[3], SEQ_LIMIT, &count) < 0 ||
		io_number_parse(argv[4], 100000000, &rate) < 0 ||
		io_number_parse(argv[5], SEQ_FRAME_MAX, &size) < 0 || size < SEQ_FRAME_MIN ||
		(argc > 6 && io_mac_parse(argv[6], dst) < 0) ||
		(argc > 7 && io_number_parse(argv[7], SEQ_STREAMS - 1, &stream) < 0))
		return -EINVAL;
	sender_stop((unsigned int)stream);
	sender = &senders[stream];
	memset(sender, 0, sizeof(*sender));
	ret = copy_ifname(argv[2], sender->ifname);
	if (ret < 0)
		return ret;
	memcpy(sender->dst, dst, sizeof(dst));
	sender->count = count;
	sender->rate = rate;
	sender->size = (unsigned int)size;
	sender->stream = (unsigned int)stream;
	ret = -pthread_create(&sender_threads[stream], NULL, sender_main, sender);
	sender_running[stream] = ret == 0;
	return ret;
}

/* tx start ... | tx report [STREAM] | tx stop [STREAM] */
static int
command_tx(int argc, char **argv, FILE *out)
{
	uint64_t stream = 0;

	if (!strcmp(argv[1], "start"))
		return sender_start(argc, argv);
	if (argc > 2 && io_number_parse(argv[2], SEQ_STREAMS - 1, &stream) < 0)
		return -EINVAL;
	if (senders[stream].ifname[0] == '\0')
		return -ENOENT;
	if (!strcmp(argv[1], "stop"))
		sender_stop((unsigned int)stream);
	else if (strcmp(argv[1], "report"))
		return -EINVAL;
	io_sender_report(&senders[stream], out);
	return 0;
}

/* --- pktgen ----------------------------------------------------------- */

static void *
pktgen_main(void *arg)
{
	(void)arg;
	/* The write returns when the kernel has sent all, or was told to stop. */
	pktgen_error = -guest_write_file(PKTGEN_CTRL, "start\n");
	pktgen_done = true;
	return NULL;
}

static void
pktgen_stop(void)
{
	if (!pktgen_running)
		return;
	(void)guest_write_file(PKTGEN_CTRL, "stop\n"); /* it may have ended by itself */
	pthread_join(pktgen_thread, NULL);
	pktgen_running = false;
}

/* pktgen start IFACE COUNT SIZE [RATE] [MAC] [QUEUES]: the queues take turns, frame by frame */
static int
pktgen_start(int argc, char **argv)
{
	uint64_t queues;
	char path[64];
	char text[64];
	int ret;

	if (argc < 5)
		return -EINVAL;
	pktgen_stop();
	ret = guest_write_file(PKTGEN_DIR "kpktgend_0", "rem_device_all\n");
	snprintf(text, sizeof(text), "add_device %s\n", argv[2]);
	if (ret == 0)
		ret = guest_write_file(PKTGEN_DIR "kpktgend_0", text);
	snprintf(path, sizeof(path), PKTGEN_DIR "%s", argv[2]);
#define SET(...) \
	do { \
		snprintf(text, sizeof(text), __VA_ARGS__); \
		if (ret == 0) \
			ret = guest_write_file(path, text); \
	} while (0)
	SET("count %s\n", argv[3]);
	SET("pkt_size %s\n", argv[4]);
	if (argc > 5 && strcmp(argv[5], "0"))
		SET("ratep %s\n", argv[5]);
	else
		SET("delay 0\n");
	SET("clone_skb 0\n");
	SET("dst 198.51.100.2\n");
	SET("src_min 198.51.100.1\n");
	SET("src_max 198.51.100.1\n");
	SET("udp_dst_min 9\n");
	SET("udp_dst_max 9\n");
	SET("dst_mac %s\n", argc > 6 ? argv[6] : "ff:ff:ff:ff:ff:ff");
	if (argc > 7) {
		if (io_number_parse(argv[7], UINT16_MAX, &queues) < 0 || queues == 0)
			return -EINVAL;
		SET("queue_map_min 0\n");
		SET("queue_map_max %u\n", (unsigned int)queues - 1);
	}
#undef SET
	if (ret < 0)
		return ret;
	pktgen_done = false;
	ret = -pthread_create(&pktgen_thread, NULL, pktgen_main, NULL);
	pktgen_running = ret == 0;
	return ret;
}

static int
pktgen_report(const char *ifname, FILE *out)
{
	uint64_t sofar, errors;
	char path[64];
	char text[4096];
	const char *at;

	snprintf(path, sizeof(path), PKTGEN_DIR "%s", ifname);
	if (read_file(path, text, sizeof(text)) < 0)
		return -ENOENT;
	at = strstr(text, "pkts-sofar:");
	if (at == NULL ||
		sscanf(at, "pkts-sofar: %" SCNu64 " errors: %" SCNu64, &sofar, &errors) != 2)
		return -EPROTO;
	fprintf(out, "\"sent\": %" PRIu64 ", \"errors\": %" PRIu64, sofar, errors);
	fprintf(out, ", \"error\": %d, \"running\": %s, \"result\": ", pktgen_error,
		pktgen_done ? "false" : "true");
	at = strstr(text, "Result:");
	print_string(at ? at : "", out);
	return 0;
}

/* pktgen start ... | pktgen report IFACE | pktgen stop IFACE */
static int
command_pktgen(int argc, char **argv, FILE *out)
{
	if (!strcmp(argv[1], "start"))
		return pktgen_start(argc, argv);
	if (!strcmp(argv[1], "stop"))
		pktgen_stop();
	else if (strcmp(argv[1], "report"))
		return -EINVAL;
	return pktgen_report(argv[2], out);
}

static int
command_reboot(int argc, char **argv, FILE *out)
{
	(void)argc;
	(void)argv;
	(void)out;
	reboot_how = RB_AUTOBOOT;
	return 0;
}

static int
command_poweroff(int argc, char **argv, FILE *out)
{
	(void)argc;
	(void)argv;
	(void)out;
	reboot_how = RB_POWER_OFF;
	return 0;
}

const struct guest_command guest_commands[] = {
	{"hello", 0, "hello [WORD]", command_hello},
	{"info", 0, "info", command_info},
	{"busybox", 1, "busybox APPLET [ARG...]", command_busybox},
	{"write", 2, "write PATH WORD", command_write},
	{"ping", 2, "ping ADDRESS COUNT [SIZE] [INTERVAL]", command_ping},
	{"channels", 1, "channels IFACE [COUNT]", command_channels},
	{"rx", 1, "rx start IFACE [stream|pktgen|echo] | rx report | rx stop", command_rx},
	{"tx", 1, "tx start IFACE COUNT RATE SIZE [MAC] [STREAM] | tx report|stop [STREAM]",
		command_tx},
	{"pktgen", 2,
		"pktgen start IFACE COUNT SIZE [RATE] [MAC] [QUEUES] | pktgen report|stop IFACE",
		command_pktgen},
	{"reboot", 0, "reboot", command_reboot},
	{"poweroff", 0, "poweroff", command_poweroff},
	{NULL, 0, NULL, NULL},
};
