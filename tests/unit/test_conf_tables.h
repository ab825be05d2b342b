/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* The tables of test_conf.c: values and files, good and bad. */

#ifndef TEST_CONF_TABLES_H
#define TEST_CONF_TABLES_H

#include "conf/conf.h"

/* What stands before the key under test, in which section. */
static const char in_global[] = "[global]\n";
static const char in_vhost[] = "[port a]\ntype = vhost\nsocket = a.sock\n";
static const char in_vhost_bare[] = "[port a]\ntype = vhost\n";
static const char in_client[] = "[port a]\ntype = vhost\nsocket = a.sock\nmode = client\n";
static const char in_ethdev[] = "[port a]\ntype = ethdev\ndevice = net_null0\n";
static const char in_ethdev_bare[] = "[port a]\ntype = ethdev\n";
static const char in_bare[] = "[port a]\n";
static const char in_wire[] = "[port a]\ntype = vhost\nsocket = a\n"
			      "[port b]\ntype = vhost\nsocket = b\n[wire w]\n";

static const struct {
	const char *before;
	const char *key;
	const char *value;
	long field; /* what comes out, where it is a number */
} good_values[] = {
	{in_global, "data-lcores", "0", 1},
	{in_global, "data-lcores", "0,1", 2},
	{in_global, "data-lcores", "1023", 1},
	{in_global, "data-lcores", "0-63", 64},
	{in_global, "data-lcores", "7 , 1-2,9", 4},
	{in_global, "data-lcores", "5-5", 1},
	{in_global, "management-lcore", "0", 0},
	{in_global, "management-lcore", "1023", 1023},
	{in_global, "mempool-size", "1024", 1024},
	{in_global, "mempool-size", "8388608", 8388608},
	{in_global, "idle-policy", "poll", CONF_IDLE_POLL},
	{in_global, "idle-policy", "yield", CONF_IDLE_YIELD},
	{in_global, "hugepages", "auto", CONF_HUGEPAGES_AUTO},
	{in_global, "hugepages", "yes", CONF_HUGEPAGES_YES},
	{in_global, "hugepages", "no", CONF_HUGEPAGES_NO},
	{in_vhost, "mode", "server", 0},
	{in_vhost, "mode", "client", 1},
	{in_client, "reconnect", "yes", 1},
	{in_client, "reconnect", "no", 0},
	{in_vhost, "queue-pairs", "1", 1},
	{in_vhost, "queue-pairs", "8", 8},
	{in_vhost, "mtu", "68", 68},
	{in_vhost, "mtu", "65535", 65535},
	{in_vhost, "socket-mode", "0", 0},
	{in_vhost, "socket-mode", "777", 0777},
	{in_vhost, "socket-mode", "0640", 0640},
	{in_vhost, "features", "default", 0x7f},
	{in_vhost, "features", "none", 0},
	{in_vhost, "features", "mrg_rxbuf", 1 << CONF_FEATURE_MRG_RXBUF},
	{in_vhost, "features", "mq, mtu", 1 << CONF_FEATURE_MQ | 1 << CONF_FEATURE_MTU},
	{in_vhost, "features", "indirect_desc,event_idx",
		1 << CONF_FEATURE_INDIRECT_DESC | 1 << CONF_FEATURE_EVENT_IDX},
	{in_vhost, "features", "in_order,guest_announce",
		1 << CONF_FEATURE_IN_ORDER | 1 << CONF_FEATURE_GUEST_ANNOUNCE},
	{in_vhost, "features", "-mq", 0x7f & ~(1 << CONF_FEATURE_MQ)},
	{in_vhost, "features", "default,-mq", 0x7f & ~(1 << CONF_FEATURE_MQ)},
	{in_ethdev, "queues", "1", 1},
	{in_ethdev, "queues", "16", 16},
	{in_ethdev, "mtu", "68", 68},
	{in_ethdev, "mtu", "9000", 9000},
};

/* Strings: the value, and what becomes of it. */
static const struct {
	const char *before;
	const char *key;
	const char *value;
	const char *result;
} good_strings[] = {
	{in_global, "run-directory", "/", "/"},
	{in_global, "run-directory", "/a/b//", "/a/b"},
	{in_global, "log-level", "debug", "debug"},
	{in_global, "log-level", "error,virtq:warning , x_1.y:notice",
		"error,virtq:warning,x_1.y:notice"},
	{in_vhost_bare, "socket", "a", "/run/ringferry/a"},
	{in_vhost_bare, "socket", "./d//a", "/run/ringferry/d/a"},
	{in_vhost_bare, "socket", "//x/./a", "/x/a"},
	{in_vhost_bare, "socket", "a\n[global]\nrun-directory = /", "/a"},
	{in_vhost_bare, "socket", "a#b;c!%", "/run/ringferry/a#b;c!%"},
	{in_vhost_bare, "socket", "a\\!b\\\\;", "/run/ringferry/a\\!b\\\\;"},
	{in_vhost_bare, "socket", "[a] = b c", "/run/ringferry/[a] = b c"},
	{in_bare, "type", "vhost\nsocket = a", "vhost"},
	{in_bare, "type", "ethdev\ndevice = net_null0", "ethdev"},
	{in_ethdev_bare, "device", "0000:03:00.0", "0000:03:00.0"},
	{in_ethdev_bare, "device", "3:0.7,x=y,z", "3:0.7,x=y,z"},
	{in_ethdev_bare, "device", "10000:e1:1F.0", "10000:e1:1F.0"},
	{in_ethdev_bare, "device", "net_pcap0,rx_pcap=a.pcap", "net_pcap0,rx_pcap=a.pcap"},
	{in_ethdev_bare, "device", "virtio_user0,path=/a", "virtio_user0,path=/a"},
	{in_wire, "ports", "a,b", "b"},
	{in_wire, "ports", " b ,\ta ", "a"},
};

static const char expected_cpus[] =
	"expected CPU numbers from 0 to 1023 and ranges of them, such as 1,3-4";
static const char expected_log[] = "expected LEVEL or ROOM:LEVEL";
static const char expected_level[] = "expected error, warning, notice, info or debug";
static const char expected_run_dir[] = "expected an absolute path of at most 92 characters";
static const char expected_socket[] = "expected the path of a socket, at most 107 characters";
static const char expected_device[] = "expected a PCI address such as 0000:03:00.0 or a virtual";
static const char expected_features[] = "expected default, none, a list of mrg_rxbuf";
static const char expected_ports[] = "expected the names of two ports, such as vm1, up0";

#define TEN	  "0123456789"
#define CHARS_100 TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
	const char *before;
	const char *key;
	const char *value;
	const char *says; /* behind "KEY = VALUE: ", or anywhere */
} bad_values[] = {
	{in_global, "data-lcores", "", "expected a value"},
	{in_global, "data-lcores", "x", expected_cpus},
	{in_global, "data-lcores", "1,,2", expected_cpus},
	{in_global, "data-lcores", "1,", expected_cpus},
	{in_global, "data-lcores", ",1", expected_cpus},
	{in_global, "data-lcores", "-1", expected_cpus},
	{in_global, "data-lcores", "1-", expected_cpus},
	{in_global, "data-lcores", "1-2-3", expected_cpus},
	{in_global, "data-lcores", "1024", expected_cpus},
	{in_global, "data-lcores", "0-1024", expected_cpus},
	{in_global, "data-lcores", "99999999999999999999", expected_cpus},
	{in_global, "data-lcores", "0x1", expected_cpus},
	{in_global, "data-lcores", "1 2", expected_cpus},
	{in_global, "data-lcores", "4-3", "the range ends before it begins; expected 3-4"},
	{in_global, "data-lcores", "1,2,1", "CPU 1 stands twice; expected each CPU once"},
	{in_global, "data-lcores", "1-4,3", "CPU 3 stands twice; expected each CPU once"},
	{in_global, "data-lcores", "0-64", "expected at most 64 CPUs"},
	{in_global, "management-lcore", "", "expected a value"},
	{in_global, "management-lcore", "-1", "expected a number from 0 to 1023"},
	{in_global, "management-lcore", "1024", "expected a number from 0 to 1023"},
	{in_global, "management-lcore", "18446744073709551617", "expected a number from 0 to 1023"},
	{in_global, "management-lcore", "1,2", "expected a number from 0 to 1023"},
	{in_global, "management-lcore", "auto", "expected a number from 0 to 1023"},
	{in_global, "mempool-size", "1023", "expected a number from 1024 to 8388608"},
	{in_global, "mempool-size", "8388609", "expected a number from 1024 to 8388608"},
	{in_global, "mempool-size", "4294969344", "expected a number from 1024 to 8388608"},
	{in_global, "mempool-size", "16k", "expected a number from 1024 to 8388608"},
	{in_global, "mempool-size", "+2048", "expected a number from 1024 to 8388608"},
	{in_global, "mempool-size", "2048.0", "expected a number from 1024 to 8388608"},
	{in_global, "run-directory", "run", expected_run_dir},
	{in_global, "run-directory", "./run", expected_run_dir},
	{in_global, "run-directory", "/" CHARS_100, expected_run_dir},
	{in_global, "log-level", "loud", expected_level},
	{in_global, "log-level", "INFO", expected_level},
	{in_global, "log-level", "info,vhost:", expected_level},
	{in_global, "log-level", "info,,debug", expected_log},
	{in_global, "log-level", "info,", expected_log},
	{in_global, "log-level", ":info", expected_log},
	{in_global, "log-level", "a*:info", expected_log},
	{in_global, "log-level", "a:b:info", expected_level},
	{in_global, "log-level", TEN TEN TEN "ab:info", expected_log},
	{in_global, "log-level", CHARS_100 ":info", expected_log},
	{in_global, "log-level",
		"a:debug,b:debug,c:debug,d:debug,e:debug,f:debug,g:debug,h:debug,i:debug,j:debug,"
		"k:debug,l:debug,q:debug,m:debug,n:debug,o:debug,p:debug",
		"expected at most 127 characters"},
	{in_global, "idle-policy", "sleep", "expected poll or yield"},
	{in_global, "idle-policy", "Poll", "expected poll or yield"},
	{in_global, "hugepages", "2M", "expected auto, yes or no"},
	{in_bare, "type", "", "expected a value"},
	{in_bare, "type", "vhos", "expected vhost or ethdev"},
	{in_bare, "type", "VHOST", "expected vhost or ethdev"},
	{in_vhost_bare, "socket", "", "expected a value"},
	{in_vhost_bare, "socket", "a/", expected_socket},
	{in_vhost_bare, "socket", "/", expected_socket},
	{in_vhost_bare, "socket", CHARS_100 "01234567", expected_socket},
	{in_vhost_bare, "socket", CHARS_100,
		"with run-directory 115 characters; expected at most 107"},
	{in_vhost_bare, "socket", "ringferry.sock", "this is the management socket"},
	{in_vhost_bare, "socket", "/run//ringferry/./ringferry.sock",
		"this is the management socket"},
	{in_vhost, "mode", "both", "expected server or client"},
	{in_client, "reconnect", "maybe", "expected no or yes"},
	{in_client, "reconnect", "1", "expected no or yes"},
	{in_vhost, "reconnect", "yes", "expected it with mode = client only"},
	{in_vhost, "queue-pairs", "0", "expected a number from 1 to 8"},
	{in_vhost, "queue-pairs", "9", "expected a number from 1 to 8"},
	{in_vhost, "queue-pairs", "-1", "expected a number from 1 to 8"},
	{in_vhost, "queue-pairs", "two", "expected a number from 1 to 8"},
	{in_vhost, "queue-pairs", "2\nfeatures = -mq", "more than one pair needs the feature mq"},
	{in_vhost, "queue-pairs", "8\nfeatures = mtu", "more than one pair needs the feature mq"},
	{in_vhost, "mtu", "67", "expected a number from 68 to 65535"},
	{in_vhost, "mtu", "65536", "expected a number from 68 to 65535"},
	{in_ethdev, "mtu", "0", "expected a number from 68 to 65535"},
	{in_vhost, "features", "mrg", expected_features},
	{in_vhost, "features", "mq,", expected_features},
	{in_vhost, "features", "-", expected_features},
	{in_vhost, "features", "--mq", "unknown feature -mq, did you mean mq?"},
	{in_vhost, "features", "MQ", "unknown feature MQ, did you mean mq?"},
	{in_vhost, "features", "mrg_rxbufs", "unknown feature mrg_rxbufs, did you mean mrg_rxbuf?"},
	{in_vhost, "features", "mq,mq", "mq stands twice"},
	{in_vhost, "features", "-mq,-mq", "mq stands twice"},
	{in_vhost, "features", "mq,-mtu", "names with and without a minus"},
	{in_vhost, "features", "-mtu,mq", "names with and without a minus"},
	{in_vhost, "features", "default,mq", "names with and without a minus"},
	{in_vhost, "features", "mq,default", "names with and without a minus"},
	{in_vhost, "features", "-mq,default", "expected default in the first place"},
	{in_vhost, "features", "mq,none", expected_features},
	{in_vhost, "socket-mode", "0888", "expected an octal number from 0 to 0777"},
	{in_vhost, "socket-mode", "01000", "expected an octal number from 0 to 0777"},
	{in_vhost, "socket-mode", "rw", "expected an octal number from 0 to 0777"},
	{in_client, "socket-mode", "0660", "expected it with mode = server only"},
	{in_ethdev_bare, "device", ",a=b", expected_device},
	{in_ethdev_bare, "device", "0000:03:00", expected_device},
	{in_ethdev_bare, "device", "0000:03:00.8", expected_device},
	{in_ethdev_bare, "device", "0000:03:20.0", expected_device},
	{in_ethdev_bare, "device", "0000:103:00.0", expected_device},
	{in_ethdev_bare, "device", "0000:03:00.0x", expected_device},
	{in_ethdev_bare, "device", "03", expected_device},
	{in_ethdev_bare, "device", "pci:0000:03:00.0", expected_device},
	{in_ethdev_bare, "device", "net tap0", expected_device},
	{in_ethdev_bare, "device", CHARS_100, expected_device},
	{in_ethdev_bare, "device", "net_tap0, iface=rf0", "device arguments without blanks"},
	{in_ethdev, "queues", "0", "expected a number from 1 to 16"},
	{in_ethdev, "queues", "17", "expected a number from 1 to 16"},
	{in_wire, "ports", "", "expected a value"},
	{in_wire, "ports", "a", expected_ports},
	{in_wire, "ports", "a,", expected_ports},
	{in_wire, "ports", "a b", "\"a b\" cannot be the name of a port; expected two names"},
	{in_wire, "ports", "a,b,c", expected_ports},
	{in_wire, "ports", "a,b,", expected_ports},
	{in_wire, "ports", "a,-b", "\"-b\" cannot be the name of a port; expected two names"},
	{in_wire, "ports", "a,a", "the same port twice; expected two different ports"},
	{in_wire, "ports", "a,c", "there is no port c"},
	{in_wire, "ports", "c,a", "there is no port c"},
};

static const struct {
	const char *text;
	const char *error;
} exact_errors[] = {
	/* Values. */
	{"\n# x\n[port vm1]\ntype = vhost\nsocket = a\nqueue-pairs = 99\n",
		"t.conf:6: [port vm1] queue-pairs = 99: expected a number from 1 to 8"},
	{"[global]\n\n\nidle-policy = sleep\n",
		"t.conf:4: [global] idle-policy = sleep: expected poll or yield"},
	{"[port a]\nmtu = 9\ntype = ethdev\ndevice = net_null0\n",
		"t.conf:2: [port a] mtu = 9: expected a number from 68 to 65535"},
	{"[port a]\ntype = vhost\nfeatures = -mq\nqueue-pairs = 2\nsocket = a\n",
		"t.conf:4: [port a] queue-pairs = 2: more than one pair needs the feature mq; "
		"expected 1, or mq among the features"},
	{"[port a]\ntype = vhost\nsocket = a\nreconnect = yes\n",
		"t.conf:4: [port a] reconnect: a server does not connect; expected it with mode = "
		"client only"},
	/* Keys. */
	{"[port vm1]\ntype = vhost\nqueue-pair = 1\n",
		"t.conf:3: [port vm1] queue-pair: unknown key of a vhost port (did you mean "
		"queue-pairs?); expected one of: type, socket, mode, reconnect, queue-pairs, "
		"features, socket-mode, mtu"},
	{"[port up0]\ntype = ethdev\nsocket = a\n",
		"t.conf:3: [port up0] socket: not a key of an ethdev port; expected one of: type, "
		"device, queues, mtu"},
	{"[global]\ncolour = red\n",
		"t.conf:2: [global] colour: unknown key of [global]; expected one of: data-lcores, "
		"management-lcore, mempool-size, run-directory, log-level, idle-policy, hugepages"},
	{"[wire w]\nPorts = a, b\n",
		"t.conf:2: [wire w] Ports: unknown key of a wire (did you mean ports?); expected "
		"one "
		"of: ports"},
	{"[global]\nhugepages = no\n\nhugepages = no\n",
		"t.conf:4: [global] hugepages: this key stands on line 2 already; expected it "
		"once"},
	{"mtu = 1500\n[global]\n",
		"t.conf:1: mtu: a key before the first section; expected [global], [port NAME] or "
		"[wire NAME] first"},
	/* Sections. */
	{"[global]\n[prot a]\n",
		"t.conf:2: [prot a]: unknown section (did you mean port?); expected [global], "
		"[port "
		"NAME] or [wire NAME]"},
	{"[bridge br0]\n",
		"t.conf:1: [bridge br0]: unknown section; expected [global], [port NAME] or [wire "
		"NAME]"},
	{"[global]\n[port a]\ntype = vhost\nsocket = a\n[port a]\n",
		"t.conf:5: [port a]: this section begins on line 2 already; expected it once"},
	{"[port vm 1]\n",
		"t.conf:1: [port vm 1]: expected a name of 1 to 31 letters, digits, \"_\", \".\" "
		"or "
		"\"-\", the first a letter or digit"},
	{"[global x]\n", "t.conf:1: [global x]: expected [global] without a name"},
	{"[port vm1\ntype = vhost\n",
		"t.conf:1: [port vm1: expected ] at the end of the section header"},
	{"[port vm1] x\n", "t.conf:1: [port vm1] x: expected nothing behind the ]"},
	/* What is missing is told with the line of the section. */
	{"[global]\n\n[port a]\nsocket = a\n",
		"t.conf:3: [port a] type is missing; expected type = vhost or ethdev"},
	{"\n[port a]\nmtu = 1500\ntype = vhost\n",
		"t.conf:2: [port a] socket is missing; expected the path of a socket, at most 107 "
		"characters"},
	{"\n[port a]\ntype = ethdev\n",
		"t.conf:2: [port a] device is missing; expected a PCI address such as 0000:03:00.0 "
		"or "
		"a virtual device such as net_tap0,iface=rf0"},
	{"\n\n\n[wire w]\n",
		"t.conf:4: [wire w] ports is missing; expected the names of two ports, such as "
		"vm1, "
		"up0"},
	/* Cross-checks. */
	{"[port a]\ntype = vhost\nsocket = s\n[port b]\ntype = vhost\nsocket = "
	 "/run/ringferry/./s\n",
		"t.conf:6: [port b] socket = /run/ringferry/s: port a (line 1) has this socket; "
		"expected one of its own"},
	{"[port a]\ntype = ethdev\ndevice = net_tap0,iface=x\n[port b]\ndevice = "
	 "net_tap0,iface=y\ntype = ethdev\n",
		"t.conf:5: [port b] device = net_tap0,iface=y: port a (line 1) has this device; "
		"expected one of its own"},
	{"[port up0]\ntype = ethdev\ndevice = net_null0\n[port vm1]\ntype = vhost\nsocket = a\n"
	 "[wire w]\n\nports = vm1, eth0\n",
		"t.conf:9: [wire w] ports = vm1, eth0: there is no port eth0; expected the names "
		"of "
		"two "
		"ports of this file"},
	{"[port up0]\ntype = ethdev\ndevice = net_null0\n[port uplink]\ntype = vhost\nsocket = a\n"
	 "[wire w]\n\nports = up0, upl1nk\n",
		"t.conf:9: [wire w] ports = up0, upl1nk: there is no port upl1nk (did you mean "
		"uplink?); expected the names of two ports of this file"},
	{"[port a]\ntype = vhost\nsocket = a\n[port b]\ntype = vhost\nsocket = b\n[port c]\ntype "
	 "= vhost\nsocket = c\n[wire v]\nports = a, b\n[wire w]\nports = c, b\n",
		"t.conf:13: [wire w] ports = c, b: port b is in wire v (line 10); expected a port "
		"that is in no other wire"},
	/* Lines. */
	{"[global]\nhugepages no\n",
		"t.conf:2: hugepages no: expected \"key = value\", a section header or a comment"},
	{"[global]\n= no\n", "t.conf:2: = no: expected a key before the ="},
	{"[global]\nhugepages = ; no\n", "t.conf:2: [global] hugepages: expected a value"},
	{"[global]\r\nhugepages = \x1b[1mno\r\n",
		"t.conf:2: byte 0x1b in column 13; expected printable ASCII outside of comments"},
	{"[global]\rhugepages = no\r",
		"t.conf:1: byte 0x0d in column 9; expected printable ASCII outside of comments"},
};

/* Files that are no configuration; the line is what matters. */
static const struct {
	const char *text;
	const char *place;
} bad_files[] = {
	{"[", "t.conf:1: "},
	{"]", "t.conf:1: "},
	{"[]", "t.conf:1: "},
	{"[ ]", "t.conf:1: "},
	{"=", "t.conf:1: "},
	{"x", "t.conf:1: "},
	{"\n\n[port]", "t.conf:3: "},
	{"[port ]", "t.conf:1: "},
	{"[wire\t]", "t.conf:1: "},
	{"[Port a]", "t.conf:1: "},
	{"[portable a]", "t.conf:1: "},
	{"[port -a]", "t.conf:1: "},
	{"[port a/b]", "t.conf:1: "},
	{"[port a]]", "t.conf:1: "},
	{"[[port a]", "t.conf:1: "},
	{"[port #a]", "t.conf:1: "},
	{"[port " CHARS_100 "]", "t.conf:1: "},
	{"[port 01234567890123456789012345678901]", "t.conf:1: "},
	{"[" CHARS_100 CHARS_100 CHARS_100 " a]", "t.conf:1: "},
	{"[global]\n[global]", "t.conf:2: "},
	{"[global]\n\"hugepages\" = no", "t.conf:2: "},
	{"[global]\nhugepages: no", "t.conf:2: "},
	{"[global]\n" CHARS_100 CHARS_100 " = no", "t.conf:2: "},
	{"[global]\nlog-level = " CHARS_100 CHARS_100 CHARS_100, "t.conf:2: "},
	{"[global]\n  # fine\n\n\thugepages = yes no", "t.conf:4: "},
	{"[global]\nrun-directory = /tmp/\xc3\xa9", "t.conf:2: "},
	{"[port a]\ntype = vhost\ntype = vhost", "t.conf:3: "},
	{"{\"global\": {}}", "t.conf:1: "},
	{"<xml/>", "t.conf:1: "},
	{"\x7f"
	 "ELF",
		"t.conf:1: "},
};

#endif /* TEST_CONF_TABLES_H */
