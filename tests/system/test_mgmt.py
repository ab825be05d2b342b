# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""The management socket, ringferryctl and telemetry: that they tell the truth and do as told."""

import errno
import glob
import json
import os
import socket
import stat
from typing import Any, Dict, Iterator, List, Set

import pytest

from rf import Config, Daemon, Lab, Process, RpcError, wait_until

WAYS = {
    "in": {"packets", "bytes", "passed", "in_hand", "dropped", "dropped_total", "balanced"},
    "out": {"packets", "bytes", "delivered", "in_hand", "dropped", "dropped_total", "balanced"},
}
PORT = {"name", "type", "state", "wire", "queues", "mtu", "in", "out"}
VHOST = {"socket", "mode", "features", "connected", "vid"}
ETHDEV = {"device", "port_id", "driver", "mac", "link", "speed", "nic"}
NIC = {"imissed", "ierrors", "oerrors", "rx_nombuf"}
DEVICE = {"name", "socket", "mode", "connected", "vid", "offered", "features",
          "protocol_features", "status", "mtu", "memory", "counters", "runnable_rings", "rings"}
DEVICE_COUNTERS = {"connections", "messages", "refused", "late", "mem_tables"}
RING = {"device", "index", "direction", "size", "started", "enabled", "runnable", "error",
        "errors", "polled_by", "last_avail", "last_used", "guest_avail_idx", "guest_used_idx",
        "addresses", "features", "counters"}
RING_COUNTERS = {"packets", "bytes", "bursts", "runt", "oversize", "rx_too_small", "no_mbuf",
                 "calls", "calls_suppressed"}
LCORE = {"cpu", "paths", "load", "packets", "rounds", "busy_cycles", "idle_cycles", "yields",
         "tsc_hz"}
STATUS = {"uptime", "ports", "ports_up", "devices_connected", "wires", "lcores", "idle_policy",
          "publications", "timeouts"}
VERSION = {"version", "dpdk", "pid", "uptime", "config_file", "run_directory"}
MEMPOOL = {"name", "size", "available", "in_use", "element_size"}

METHODS = {
    "version", "status.show", "rpc.list", "port.list", "port.show", "port.add", "port.remove",
    "wire.list", "wire.add", "wire.remove", "device.list", "device.show", "ring.list",
    "lcore.list", "stats.show", "mempool.show", "log.list", "log.set",
}
CHANGES = {"port.add", "port.remove", "wire.add", "wire.remove", "log.set"}


def config() -> Config:
    """Two guests on a wire, and a port that leads nowhere."""
    return (Config(mempool_size=4096).vhost("vm1", queue_pairs=2).vhost("vm2", queue_pairs=2)
            .ethdev("up0", "net_ring0").wire("w1", "vm1", "vm2"))


@pytest.fixture(name="daemon")
def daemon_fixture(lab: Lab) -> Daemon:
    """A daemon with config()."""
    return lab.daemon(config())


def front_end(lab: Lab, daemon: Daemon, port: str, *options: str) -> Process:
    """A guest on a vhost port: fe-tool, for two queue pairs."""
    tool = os.path.join(lab.build, "tests", "frontend", "fe-tool")
    return lab.process(f"fe-{port}", [tool, "--socket", daemon.path(f"{port}.sock"), "--queues",
                                      "2", *options], inside=False)


def check_counters(port: Dict[str, Any]) -> None:
    """The fields of both directions, and that they add up."""
    for way, fields in WAYS.items():
        assert set(port[way]) == fields, way
        assert port[way]["dropped_total"] == sum(port[way]["dropped"].values())
        assert 0 not in port[way]["dropped"].values()
        assert port[way]["balanced"] is True, port


def expect(daemon: Daemon, number: int, method: str, **params: Any) -> str:
    """A call that fails with this errno; its message."""
    with daemon.connect() as rpc:
        rpc.send_raw(json.dumps({"jsonrpc": "2.0", "id": "x", "method": method,
                                 "params": params}).encode() + b"\n")
        reply = rpc.receive()
    assert reply["id"] == "x" and "result" not in reply, reply
    assert reply["error"]["code"] == -32000, reply
    assert reply["error"]["data"] == {"errno": number, "name": errno.errorcode[number]}, reply
    return reply["error"]["message"]


# ---- views --------------------------------------------------------------------


def test_methods(daemon: Daemon) -> None:
    """rpc.list names all methods, says what each takes and which change something."""
    methods = {method["name"]: method for method in daemon.rpc("rpc.list")}
    assert set(methods) == METHODS
    assert {name for name, method in methods.items() if method["changes"]} == CHANGES
    for method in methods.values():
        assert method["help"] and isinstance(method["params"], list)
        for param in method["params"]:
            assert set(param) == {"name", "type", "required", "help"} and param["help"]


def test_idle_views(daemon: Daemon) -> None:
    """What each view holds while nobody is connected."""
    ports = {port["name"]: port for port in daemon.rpc("port.list")}
    assert list(ports) == ["vm1", "vm2", "up0"]
    for port in ports.values():
        check_counters(port)
        shown = daemon.rpc("port.show", name=port["name"])
        assert set(shown) == set(port) == PORT | {port["type"]}
        assert shown["state"] == port["state"]
    assert set(ports["vm1"]["vhost"]) == VHOST | {"socket_mode"}
    assert ports["vm1"]["vhost"]["socket"] == daemon.path("vm1.sock")
    assert ports["vm1"]["vhost"]["connected"] is False and ports["vm1"]["vhost"]["vid"] is None
    assert ports["vm1"]["state"] == "down" and ports["vm1"]["wire"] == "w1"
    assert set(ports["up0"]["ethdev"]) == ETHDEV and set(ports["up0"]["ethdev"]["nic"]) == NIC
    assert ports["up0"]["state"] == "up" and ports["up0"]["wire"] is None
    assert daemon.rpc("wire.list") == [{"name": "w1", "ports": ["vm1", "vm2"], "state": "down"}]

    devices = daemon.rpc("device.list")
    assert [device["name"] for device in devices] == ["vm1", "vm2"]
    for device in devices:
        assert set(device) == DEVICE and set(device["counters"]) == DEVICE_COUNTERS
        assert device["features"] is None and device["memory"] == []
        assert device["runnable_rings"] == 0 and len(device["rings"]) == 4
    rings = daemon.rpc("ring.list")
    assert rings == devices[0]["rings"] + devices[1]["rings"]
    for number, ring in enumerate(daemon.rpc("ring.list", device="vm2")):
        assert set(ring) == RING and set(ring["counters"]) == RING_COUNTERS
        assert ring["device"] == "vm2" and ring["index"] == number
        assert ring["direction"] == ("transmit" if number % 2 else "receive")
        assert ring["started"] is False and ring["polled_by"] is None
        assert ring["guest_avail_idx"] is None and ring["addresses"] is None
        assert ring["error"] == "none" and ring["errors"] == 0


def test_daemon_views(daemon: Daemon) -> None:
    """Versions, totals, lcores, mbufs, logs."""
    version = daemon.rpc("version")
    assert set(version) == VERSION and version["dpdk"].startswith("DPDK ")
    assert version["config_file"].endswith("rfd.conf")
    assert os.path.samefile(version["run_directory"], daemon.path(""))
    assert os.readlink(f"/proc/{version['pid']}/exe").endswith("ringferryd")
    status = daemon.rpc("status.show")
    assert set(status) == STATUS and status["idle_policy"] == "yield"
    assert (status["ports"], status["ports_up"], status["wires"]) == (3, 1, 1)
    mempool = daemon.rpc("mempool.show")
    assert set(mempool) == MEMPOOL and mempool["size"] == 4096
    assert mempool["available"] + mempool["in_use"] == mempool["size"]
    lcores = daemon.rpc("lcore.list")
    assert len(lcores) == status["lcores"] and set(lcores[0]) == LCORE
    wait_until(lambda: daemon.rpc("lcore.list")[0]["load"] is not None, "a load is known", 10)
    assert 0 <= daemon.rpc("lcore.list")[0]["load"] <= 100
    assert daemon.rpc("lcore.list")[0]["rounds"] > lcores[0]["rounds"]
    rooms = {room["name"]: room["level"] for room in daemon.rpc("log.list")}
    assert {"vhost", "port", "fwd", "lcore", "mgmt"} <= set(rooms)
    assert set(rooms.values()) == {"info"}


def test_connected_views(lab: Lab, daemon: Daemon) -> None:
    """With guests on both ends and packets between them, the views show it."""
    count = 2000
    receiver = front_end(lab, daemon, "vm2", "--rx-count", str(count), "--seconds", "30")
    wait_until(lambda: daemon.rpc("device.show", name="vm2")["runnable_rings"] == 4,
               "the receiver's rings run", alive=receiver.check_running)
    sender = front_end(lab, daemon, "vm1", "--tx-count", str(count), "--seconds", "30")
    assert receiver.wait(60) == 0, receiver.log_tail()
    assert sender.wait(60) == 0, sender.log_tail()
    stats = {port["name"]: port for port in daemon.rpc("stats.show")}
    assert stats["vm1"]["in"]["packets"] == stats["vm2"]["out"]["delivered"] == count
    for port in stats.values():
        check_counters(port)
    assert daemon.rpc("stats.show", port="vm1") == [stats["vm1"]]
    rings = daemon.rpc("ring.list", device="vm2")
    assert sum(ring["counters"]["packets"] for ring in rings if ring["index"] % 2 == 0) == count
    device = daemon.rpc("device.show", name="vm1")
    assert device["connected"] is False and device["counters"]["connections"] == 1


def check_running_ring(ring: Dict[str, Any], cpus: Set[int]) -> None:
    """A ring that is polled."""
    assert ring["started"] and ring["enabled"] and ring["runnable"], ring
    assert ring["size"] == 256 and ring["polled_by"] in cpus
    assert ring["last_avail"] == ring["last_used"] == ring["guest_used_idx"]
    behind = (ring["guest_avail_idx"] - ring["last_avail"]) % 65536
    assert behind <= ring["size"]
    assert (behind > 0) == (ring["direction"] == "receive")
    assert set(ring["addresses"]) == {"desc", "avail", "used"}
    assert all(int(address, 16) > 0 for address in ring["addresses"].values())
    assert {"split", "event_idx", "mrg_rxbuf"} <= set(ring["features"])


def test_device_view(lab: Lab, daemon: Daemon) -> None:
    """A device with a front-end: what was negotiated, memory, rings and who polls them."""
    guest = front_end(lab, daemon, "vm1", "--seconds", "60")
    wait_until(lambda: daemon.rpc("device.show", name="vm1")["runnable_rings"] == 4,
               "the rings run", alive=guest.check_running)
    device = daemon.rpc("device.show", name="vm1")
    assert device["connected"] is True and isinstance(device["vid"], int)
    assert set(device["features"]["names"]) <= set(device["offered"]["names"])
    assert {"version_1", "mrg_rxbuf", "event_idx"} <= set(device["features"]["names"])
    assert int(device["features"]["bits"], 16) & ~int(device["offered"]["bits"], 16) == 0
    assert "mq" in device["protocol_features"]["names"]
    assert "driver_ok" in device["status"]["names"]
    assert device["memory"] and all(region["size"] > 0 for region in device["memory"])
    assert device["counters"]["connections"] == 1 and device["counters"]["messages"] > 10
    cpus = {lcore["cpu"] for lcore in daemon.rpc("lcore.list")}
    for ring in device["rings"]:
        check_running_ring(ring, cpus)
    assert daemon.rpc("port.show", name="vm1")["state"] == "up"
    assert daemon.rpc("status.show")["devices_connected"] == 1
    text = daemon.ctl_text("device", "show", "vm1", "--rings")
    assert "driver_ok" in text and text.count("running") == 4
    guest.stop()
    wait_until(lambda: not daemon.rpc("device.show", name="vm1")["connected"], "it is gone")
    assert daemon.rpc("device.show", name="vm1")["memory"] == []
    assert all(ring["polled_by"] is None for ring in daemon.rpc("ring.list", device="vm1"))


# ---- changes ------------------------------------------------------------------


def test_ports_and_wires(daemon: Daemon) -> None:
    """Add, join, part, remove; each answer tells what there is now."""
    added = daemon.rpc("port.add", name="vm3", type="vhost", socket="vm3.sock", mtu=9000,
                       **{"queue-pairs": 4, "socket-mode": "0600"})
    assert added["queues"] == 4 and added["mtu"] == 9000 and added["state"] == "down"
    assert stat.S_ISSOCK(os.stat(daemon.path("vm3.sock")).st_mode)
    assert added == daemon.rpc("port.show", name="vm3")
    wire = daemon.rpc("wire.add", name="w2", ports=["vm3", "up0"])
    assert wire == {"name": "w2", "ports": ["vm3", "up0"], "state": "down"}
    assert daemon.rpc("port.show", name="vm3")["wire"] == "w2"
    assert "w2" in expect(daemon, errno.EBUSY, "wire.add", name="w3", ports=["vm3", "vm1"])
    expect(daemon, errno.EBUSY, "port.remove", name="vm3")
    assert daemon.rpc("wire.remove", name="w2") == {"name": "w2", "removed": True}
    assert daemon.rpc("port.remove", name="vm3") == {"name": "vm3", "removed": True}
    assert not os.path.exists(daemon.path("vm3.sock"))
    expect(daemon, errno.ENOENT, "port.show", name="vm3")
    # The same again, with the same name.
    daemon.rpc("port.add", name="vm3", type="vhost", socket="vm3.sock")
    daemon.rpc("port.add", name="up1", type="ethdev", device="net_null7")
    daemon.rpc("port.remove", name="up1")
    daemon.rpc("port.add", name="up1", type="ethdev", device="net_null7")
    assert [port["name"] for port in daemon.rpc("port.list")] == [
        "vm1", "vm2", "up0", "vm3", "up1"]


REFUSED = [
    (errno.EEXIST, "port.add", {"name": "vm1", "type": "vhost", "socket": "x"}, "vm1"),
    (errno.EEXIST, "port.add", {"name": "x", "type": "vhost", "socket": "vm1.sock"}, "vm1"),
    (errno.EEXIST, "port.add", {"name": "x", "type": "ethdev", "device": "net_ring0"}, "up0"),
    (errno.EINVAL, "port.add", {"name": "-x", "type": "vhost", "socket": "x"}, "name"),
    (errno.EINVAL, "port.add", {"name": "x" * 32, "type": "vhost", "socket": "x"}, "name"),
    (errno.EINVAL, "port.add", {"name": "x", "type": "pipe", "socket": "x"}, "vhost or ethdev"),
    (errno.EINVAL, "port.add", {"name": "x", "type": "vhost"}, "socket"),
    (errno.EINVAL, "port.add", {"name": "x", "type": "vhost", "socket": "x", "mtu": 1}, "mtu"),
    (errno.EINVAL, "port.add", {"name": "x", "type": "vhost", "socket": "x", "device": "y"},
     "device"),
    (errno.EINVAL, "port.add", {"name": "x", "type": "vhost", "socket": "x", "colour": "red"},
     "colour"),
    (errno.EINVAL, "port.add", {"name": "x", "type": "vhost", "socket": "ringferry.sock"},
     "management socket"),
    (errno.EINVAL, "port.add", {"name": "x", "type": "vhost", "socket": "x", "mtu": "9" * 300},
     "mtu"),
    (errno.ENOENT, "port.remove", {"name": "x"}, "x"),
    (errno.EBUSY, "port.remove", {"name": "vm1"}, "wire"),
    (errno.EEXIST, "wire.add", {"name": "w1", "ports": ["up0", "vm1"]}, "w1"),
    (errno.ENOENT, "wire.add", {"name": "w2", "ports": ["up0", "nope"]}, "nope"),
    (errno.EINVAL, "wire.add", {"name": "w2", "ports": ["up0", "up0"]}, "both"),
    (errno.EINVAL, "wire.add", {"name": "w2", "ports": ["up0"]}, "expected 2"),
    (errno.EINVAL, "wire.add", {"name": "", "ports": ["up0", "vm1"]}, "name"),
    (errno.ENOENT, "wire.remove", {"name": "w2"}, "w2"),
    (errno.ENOENT, "device.show", {"name": "x"}, "x"),
    (errno.ENOENT, "device.show", {"name": "up0"}, "not a vhost port"),
    (errno.ENOENT, "ring.list", {"device": "x"}, "x"),
    (errno.ENOENT, "stats.show", {"port": "x"}, "x"),
    (errno.ENOENT, "log.set", {"room": "x", "level": "info"}, "x"),
    (errno.ENOENT, "log.set", {"room": "*", "level": "info"}, "*"),
    (errno.EINVAL, "log.set", {"room": "vhost", "level": "loud"}, "loud"),
]


def test_refused(daemon: Daemon) -> None:
    """What cannot be done is refused with errno and a sentence, and nothing has changed."""
    before = [daemon.rpc(view) for view in ("port.list", "wire.list", "log.list")]
    for number, method, params, words in REFUSED:
        assert words in expect(daemon, number, method, **params), (method, params)
    assert [daemon.rpc(view) for view in ("port.list", "wire.list", "log.list")] == before


def test_failed_port(daemon: Daemon) -> None:
    """A port whose start fails is answered with the reason, and is not there."""
    for params in ({"type": "vhost", "socket": "/nonexistent/vm.sock"},
                   {"type": "ethdev", "device": "net_nonesuch0"}):
        with pytest.raises(RpcError):
            daemon.rpc("port.add", name="bad", **params)
        assert "bad" not in [port["name"] for port in daemon.rpc("port.list")]
    daemon.rpc("port.add", name="bad", type="vhost", socket="good.sock")


def test_batch(daemon: Daemon) -> None:
    """A batch runs in order: a port, then a wire to it, then the way back."""
    calls = [("port.add", {"name": "p", "type": "vhost", "socket": "p.sock"}),
             ("wire.add", {"name": "w", "ports": ["p", "up0"]}), ("port.remove", {"name": "p"}),
             ("wire.remove", {"name": "w"}), ("port.remove", {"name": "p"})]
    batch = [{"jsonrpc": "2.0", "id": number, "method": method, "params": params}
             for number, (method, params) in enumerate(calls)]
    with daemon.connect() as rpc:
        rpc.send_raw(json.dumps(batch).encode() + b"\n")
        replies = rpc.receive()
    assert [reply["id"] for reply in replies] == [0, 1, 2, 3, 4]
    assert ["error" in reply for reply in replies] == [False, False, True, False, False]


def test_log_levels(daemon: Daemon) -> None:
    """Levels are set for a room or for all, and what is logged changes with them."""
    def levels() -> Dict[str, str]:
        return {room["name"]: room["level"] for room in daemon.rpc("log.list")}

    daemon.rpc("log.set", room="all", level="error")
    assert set(levels().values()) == {"error"}
    daemon.rpc("port.add", name="silent", type="vhost", socket="silent.sock")
    daemon.rpc("log.set", room="port", level="info")
    assert levels()["port"] == "info" and levels()["vhost"] == "error"
    daemon.rpc("port.add", name="loud", type="vhost", socket="loud.sock")
    log = daemon.log_text()
    assert "loud: added" in log and "silent: added" not in log


# ---- ringferryctl -------------------------------------------------------------

CTL_TEXT: List[Any] = [
    (["port", "list"], ["NAME", "vm1", "vm2", "up0", "ethdev"]),
    (["port", "show", "vm1"], ["vhost", "w1", "vm1.sock", "server"]),
    (["port", "show", "up0"], ["net_ring0", "driver", "imissed"]),
    (["wire", "list"], ["w1", "vm1", "vm2", "down"]),
    (["device", "list"], ["vm1", "vm2", "CONNECTED"]),
    (["device", "show", "vm1"], ["offered", "version_1", "mrg_rxbuf"]),
    (["device", "show", "vm1", "--rings"], ["DIRECTION", "transmit", "receive", "stopped"]),
    (["ring", "list"], ["vm1", "vm2", "DESCRIPTORS"]),
    (["ring", "list", "vm2"], ["vm2", "SIZE"]),
    (["lcore", "list"], ["CPU", "LOAD", "%"]),
    (["stats"], ["vm1", "vm2", "up0", "in", "out", "REASONS"]),
    (["stats", "vm1"], ["vm1", "PACKETS"]),
    (["status"], ["uptime", "ports", "publications"]),
    (["mempool"], ["ringferry_mbufs", "available"]),
    (["log", "list"], ["ROOM", "vhost", "info"]),
    (["log", "set", "vhost", "debug"], ["debug"]),
    (["version"], ["DPDK", "pid"]),
    (["port", "add", "p", "type=vhost", "socket=p.sock"], ["p.sock"]),
    (["wire", "add", "w", "p", "up0"], ["w", "up0"]),
    (["wire", "remove", "w"], ["w is removed"]),
    (["port", "remove", "p"], ["p is removed"]),
]


def test_ctl_text(daemon: Daemon) -> None:
    """Each command prints what it is about, in lines without blanks at their ends."""
    wait_until(lambda: daemon.rpc("lcore.list")[0]["load"] is not None, "a load is known", 10)
    for args, words in CTL_TEXT:
        text = daemon.ctl_text(*args)
        for word in words:
            assert word in text, (args, text)
        for line in text.splitlines():
            assert line == line.rstrip(), (args, line)


def test_ctl_json(daemon: Daemon) -> None:
    """--json is the method's result."""
    assert daemon.ctl("wire", "list") == daemon.rpc("wire.list")
    assert daemon.ctl("device", "show", "vm1") == daemon.rpc("device.show", name="vm1")
    assert json.loads(daemon.ctl_text("wire", "list", "-j")) == daemon.rpc("wire.list")


CTL_STATUS = [
    (["help"], 0), (["--help"], 0), (["--version"], 0), (["help", "port"], 0),
    (["help", "port", "add"], 0), (["port", "add", "--help"], 0),
    (["port", "show", "nope"], 1), (["wire", "remove", "nope"], 1),
    (["port", "add", "p", "type=vhost", "colour=red"], 1),
    ([], 2), (["port"], 2), (["nonsense"], 2), (["help", "nonsense"], 2), (["--nonsense"], 2),
    (["port", "show"], 2), (["port", "list", "vm1"], 2), (["port", "add", "p", "vhost"], 2),
    (["port", "add", "p", "type=vhost", "type=vhost"], 2), (["wire", "add", "w", "a"], 2),
    (["port", "list", "--rings"], 2),
]


def test_ctl_status(daemon: Daemon) -> None:
    """0: done, 1: refused, 2: wrong command line, 3: nobody there; the reason on stderr."""
    for args, status in CTL_STATUS:
        result = daemon.ctl_run(*args)
        assert result.returncode == status, (args, result)
        assert bool(result.stdout) == (status == 0), (args, result)
        assert bool(result.stderr) == (status != 0), (args, result)
    daemon.stop()
    result = daemon.ctl_run("version")
    assert result.returncode == 3 and "ringferry.sock" in result.stderr


def test_ctl_deadline(lab: Lab, daemon: Daemon) -> None:
    """A daemon that does not answer is given up on."""
    path = lab.path("mute.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mute:
        mute.bind(path)
        mute.listen()
        result = daemon.ctl_run("-s", path, "version", seconds=30)
    assert result.returncode == 3 and "no answer" in result.stderr


# ---- telemetry ----------------------------------------------------------------


class Telemetry:
    """DPDK's telemetry socket of one daemon."""

    def __init__(self, pid: int):
        # Daemons share a prefix: the socket is the one whose greeting has the pid.
        for path in glob.glob("/run/dpdk/ringferry/dpdk_telemetry.v2*"):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._socket.settimeout(10)
            try:
                self._socket.connect(path)
                if json.loads(self._socket.recv(1024))["pid"] == pid:
                    return
            except OSError:
                pass
            self._socket.close()
        pytest.fail(f"no telemetry socket of process {pid}")

    def ask(self, command: str) -> Any:
        """The answer to a command, without its name."""
        self._socket.sendall(command.encode())
        answer = json.loads(self._socket.recv(16384))
        assert list(answer) == [command.split(",", maxsplit=1)[0]]
        return next(iter(answer.values()))

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


@pytest.fixture(name="telemetry")
def telemetry_fixture(daemon: Daemon) -> Iterator[Telemetry]:
    """The telemetry socket of the daemon."""
    telemetry = Telemetry(daemon.rpc("version")["pid"])
    yield telemetry
    telemetry.close()


def test_telemetry(daemon: Daemon, telemetry: Telemetry) -> None:
    """The read-only views, flattened."""
    assert telemetry.ask("/ringferry/ports") == ["vm1", "vm2", "up0"]
    assert telemetry.ask("/ringferry/devices") == ["vm1", "vm2"]
    port = telemetry.ask("/ringferry/port,vm1")
    assert port["name"] == "vm1" and port["in/packets"] == 0 and port["in/balanced"] == 1
    assert telemetry.ask("/ringferry/port,up0")["ethdev/nic/imissed"] == 0
    device = telemetry.ask("/ringferry/device,vm1")
    assert device["connected"] == 0 and "version_1" in device["offered/names"].split(",")
    rings = telemetry.ask("/ringferry/rings,vm1")
    assert [ring["index"] for ring in rings.values()] == [0, 1, 2, 3]
    assert rings["1"]["direction"] == "transmit" and rings["1"]["counters/packets"] == 0
    assert telemetry.ask("/ringferry/lcores")["0"]["rounds"] > 0
    assert telemetry.ask("/ringferry/wires")["0"]["ports"] == "vm1,vm2"
    assert [row["name"] for row in telemetry.ask("/ringferry/stats").values()] == [
        "vm1", "vm2", "up0"]
    assert telemetry.ask("/ringferry/stats,vm2")["out/delivered"] == 0
    assert telemetry.ask("/ringferry/mempool")["size"] == 4096
    for command in ("port", "port,nope", "device,up0", "rings", "stats,nope", "port," + "x" * 900):
        assert telemetry.ask(f"/ringferry/{command}") is None, command
    commands = telemetry.ask("/")
    assert telemetry.ask("/help,/ringferry/port")["/ringferry/port"]
    assert len([name for name in commands if name.startswith("/ringferry/")]) == 9
    assert daemon.rpc("version")


def test_telemetry_limit(daemon: Daemon, telemetry: Telemetry) -> None:
    """More than an answer holds: what there is no room for is counted."""
    with daemon.connect() as rpc:
        for number in range(80):
            rpc.call("port.add", name=f"extra{number}", type="vhost", socket=f"e{number}.sock")
    stats = telemetry.ask("/ringferry/stats")
    assert len(stats) - 1 + stats["omitted"] == 83
    assert 20 < len(stats) < 83 and stats["0"]["name"] == "vm1"
    assert len(telemetry.ask("/ringferry/ports")) == 83
    for ring in telemetry.ask("/ringferry/rings,vm1").values():
        assert ring["device"] == "vm1"
