# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Changes at run time while packets flow: what is not changed loses nothing.

Numbered frames go between guests (fe-tool) as fast as they can, over wires that
nobody touches, while other ports and wires come and go. Each frame has to
arrive once, in order and undamaged.
"""

import errno
import os
import random
import threading
from typing import Any, Callable, Dict, Iterator, List

import pytest

from rf import Config, Daemon, Deadline, Lab, RpcError, wait_until
from rf.light import LightDevice

ENDLESS = str(10 ** 15)

# With two, what comes and goes moves queues from one to the other.
both = pytest.mark.parametrize("lcores", [1, 2])


def outstanding(daemon: Daemon, port: str) -> List[int]:
    """Of each receive ring, how many buffers the guest has given and not got back."""
    return [(ring["guest_avail_idx"] - ring["guest_used_idx"]) % 65536
            for ring in daemon.rings(port) if ring["direction"] == "receive"]


class Stream:
    """Numbered frames from one guest to another until finish()."""

    def __init__(self, lab: Lab, daemon: Daemon, source: str, sink: str, queues: int = 2):
        self.daemon = daemon
        self.ends = (source, sink)
        options = ("--queues", str(queues))
        self.sink = lab.front_end(daemon, sink, *options)
        daemon.wait_rings(sink, 2 * queues)
        self.idle = outstanding(daemon, sink)
        self.source = lab.front_end(daemon, source, *options, "--tx-count", ENDLESS,
                                    "--size", "60-1514")
        daemon.wait_rings(source, 2 * queues)

    def delivered(self) -> int:
        """How many have arrived."""
        return self.daemon.rpc("stats.show", port=self.ends[1])[0]["out"]["delivered"]

    def wait_flow(self) -> None:
        """Wait until some more have arrived."""
        target = self.delivered() + 1000
        wait_until(lambda: self.delivered() >= target, f"frames arrive at {self.ends[1]}",
                   alive=self.check_running)

    def check_running(self) -> None:
        """Raise if one of the guests has ended."""
        self.source.check_running()
        self.sink.check_running()

    def finish(self) -> int:
        """Stop sending; all that was sent has to have arrived. Returns how many that were."""
        self.check_running()
        sent = self.source.end()["sent"]
        wait_until(lambda: self.delivered() == sent, "all is delivered")
        wait_until(lambda: outstanding(self.daemon, self.ends[1]) == self.idle,
                   "the guest has taken all")
        account = self.sink.end()
        wrong = {key: account[key] for key in ("lost", "duplicated", "reordered", "bad")
                 if account[key] != 0}
        assert not wrong and account["received"] == sent, (sent, account)
        stats = self.daemon.stats()
        assert not stats[self.ends[0]]["in"]["dropped"]
        assert not stats[self.ends[1]]["out"]["dropped"]
        return sent


def config(lcores: int) -> Config:
    """Two wires that stay as they are, with two lanes each."""
    return (Config().lcores(lcores).vhost("vm1", queue_pairs=2).vhost("vm2", queue_pairs=2)
            .vhost("vm3", queue_pairs=2).vhost("vm4", queue_pairs=2)
            .wire("w1", "vm1", "vm2").wire("w2", "vm3", "vm4"))


def add_pair(daemon: Daemon) -> None:
    """Two vhost ports a and b, and a wire between them."""
    for name in ("a", "b"):
        daemon.rpc("port.add", name=name, type="vhost", socket=f"{name}.sock")
    daemon.rpc("wire.add", name="ab", ports=["a", "b"])


def remove_pair(daemon: Daemon) -> None:
    """The wire, and then the ports."""
    daemon.rpc("wire.remove", name="ab")
    for name in ("a", "b"):
        daemon.rpc("port.remove", name=name)


def pass_some(lab: Lab, daemon: Daemon, count: int) -> None:
    """So many frames from a to b, each exactly once."""
    sink = lab.front_end(daemon, "b", "--rx-count", str(count))
    daemon.wait_rings("b", 2)
    source = lab.front_end(daemon, "a", "--tx-count", str(count), "--size", "60-1514")
    assert source.account()["sent"] == count
    account = sink.account()
    assert account["received"] == count and sink.wait(0) == 0, account


@both
def test_ports_come_and_go(lab: Lab, lcores: int) -> None:
    """Ports of all kinds and their wires are added, used and removed next to busy ones."""
    daemon = lab.daemon(config(lcores))
    streams = [Stream(lab, daemon, "vm1", "vm2"), Stream(lab, daemon, "vm3", "vm4")]
    before = daemon.rpc("port.list")
    for number in range(5):
        add_pair(daemon)
        pass_some(lab, daemon, 500)
        remove_pair(daemon)
        daemon.rpc("port.add", name="e", type="ethdev", device=f"net_ring{number}")
        daemon.rpc("port.add", name="a", type="vhost", socket="a.sock")
        daemon.rpc("wire.add", name="ae", ports=["a", "e"])
        for stream in streams:
            stream.wait_flow()
        daemon.rpc("wire.remove", name="ae")
        daemon.rpc("port.remove", name="e")
        daemon.rpc("port.remove", name="a")
    assert [port["name"] for port in daemon.rpc("port.list")] == [p["name"] for p in before]
    for stream in streams:
        assert stream.finish() > 10000


@both
def test_busy_ports_go(lab: Lab, lcores: int) -> None:
    """Ports are unwired, wired and removed while they carry traffic themselves."""
    daemon = lab.daemon(config(lcores))
    stream = Stream(lab, daemon, "vm1", "vm2")

    def dropped(reason: str) -> int:
        return daemon.rpc("stats.show", port="a")[0]["in"]["dropped"].get(reason, 0)

    for _ in range(4):
        add_pair(daemon)
        other = Stream(lab, daemon, "a", "b", queues=1)
        for _ in range(2):
            other.wait_flow()
            daemon.rpc("wire.remove", name="ab")
            before = dropped("no_wire")
            wait_until(lambda b=before: dropped("no_wire") > b + 1000, "frames are dropped")
            daemon.rpc("wire.add", name="ab", ports=["a", "b"])
        other.wait_flow()
        daemon.check_running()
        remove_pair(daemon)
        for end in (other.source, other.sink):
            # Its connection is closed under it.
            assert end.wait(30) != 0
        stream.wait_flow()
    assert stream.finish() > 10000


FILLERS = 12


@pytest.fixture(name="fillers")
def fillers_fixture(lab: Lab) -> Iterator[List[LightDevice]]:
    """Front-ends that only take their share of the lcores' load; see filled_config()."""
    devices = [LightDevice(lab.path(f"rfd/f{number}.sock"), 1) for number in range(FILLERS)]
    yield devices
    for device in devices:
        device.close()


def filled_config() -> Config:
    """Two wires to be busy, and others to be connected and disconnected."""
    result = config(2)
    for number in range(FILLERS):
        result.vhost(f"f{number}")
    for number in range(0, FILLERS, 2):
        result.wire(f"wf{number}", f"f{number}", f"f{number + 1}")
    return result


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs")
def test_queues_change_hands(lab: Lab, fillers: List[LightDevice]) -> None:
    """As other guests come and go, busy queues move from lcore to lcore."""
    daemon = lab.daemon(filled_config())
    streams = [Stream(lab, daemon, "vm1", "vm2"), Stream(lab, daemon, "vm3", "vm4")]
    source = random.Random(1)
    there = [False] * FILLERS

    def owners() -> List[int]:
        return [ring["polled_by"] for port in ("vm1", "vm4") for ring in daemon.rings(port)]

    moves = 0
    before = owners()
    deadline = Deadline(60)
    while moves < 20 and not deadline.passed():
        number = source.randrange(FILLERS)
        if there[number]:
            fillers[number].disconnect()
        else:
            fillers[number].connect()
            fillers[number].start()
            fillers[number].handled()
        there[number] = not there[number]
        after = owners()
        moves += sum(one != other for one, other in zip(before, after))
        before = after
    assert moves >= 20
    for stream in streams:
        stream.wait_flow()
        assert stream.finish() > 10000
    assert all(lcore["packets"] > 0 for lcore in daemon.rpc("lcore.list"))


# --- the management socket --------------------------------------------------------


class Clients:
    """Threads that keep the management socket busy, each with a connection of its own."""

    def __init__(self, daemon: Daemon):
        self.daemon = daemon
        self.done = threading.Event()
        self.rounds: Dict[str, int] = {}
        self.failures: List[str] = []
        self.threads: List[threading.Thread] = []

    def add(self, name: str, turn: Callable[[Any], None]) -> None:
        """A thread that takes turns until the end."""
        self.rounds[name] = 0

        def run() -> None:
            try:
                with self.daemon.connect() as rpc:
                    while not self.done.is_set():
                        turn(rpc)
                        self.rounds[name] += 1
            except Exception as error:  # pylint: disable=broad-except
                self.failures.append(f"{name}: {error!r}")
                self.done.set()

        self.threads.append(threading.Thread(target=run, name=name))

    def run(self, rounds: int, seconds: float) -> None:
        """Until each has had so many turns."""
        for thread in self.threads:
            thread.start()
        try:
            wait_until(lambda: self.done.is_set() or min(self.rounds.values()) >= rounds,
                       f"each client had {rounds} turns", seconds, interval=0.1)
        finally:
            self.done.set()
            for thread in self.threads:
                thread.join(30)
        assert not self.failures, self.failures
        assert not any(thread.is_alive() for thread in self.threads)


VIEWS = ("version", "status.show", "port.list", "wire.list", "device.list", "ring.list",
         "lcore.list", "stats.show", "mempool.show", "log.list", "rpc.list")


def look(rpc: Any) -> None:
    """All views."""
    for view in VIEWS:
        assert rpc.call(view), view


def change(name: str) -> Callable[[Any], None]:
    """Ports and a wire that nobody else knows of: all has to succeed."""
    def turn(rpc: Any) -> None:
        ends = [f"{name}v", f"{name}e"]
        rpc.call("port.add", name=ends[0], type="vhost", socket=f"{name}.sock",
                 **{"queue-pairs": 2})
        rpc.call("port.add", name=ends[1], type="ethdev", device=f"net_null_{name}")
        assert rpc.call("wire.add", name=name, ports=ends)["ports"] == ends
        assert rpc.call("port.show", name=ends[0])["wire"] == name
        rpc.call("wire.remove", name=name)
        for end in ends:
            assert rpc.call("port.remove", name=end)["removed"] is True
    return turn


def contend(rpc: Any) -> None:
    """What others do at the same time, with the same names: refusals are expected."""
    expected = (errno.EEXIST, errno.EBUSY, errno.ENOENT)
    for method, params in (
            ("port.add", {"name": "x", "type": "vhost", "socket": "x.sock"}),
            ("port.add", {"name": "y", "type": "ethdev", "device": "net_ring7"}),
            ("wire.add", {"name": "xy", "ports": ["x", "y"]}),
            ("port.remove", {"name": "x"}), ("wire.remove", {"name": "xy"}),
            ("port.remove", {"name": "x"}), ("port.remove", {"name": "y"})):
        try:
            rpc.call(method, **params)
        except RpcError as error:
            assert error.errno in expected, (method, error)


@both
def test_management_under_load(lab: Lab, lcores: int) -> None:
    """Many clients look, add and remove at once while two wires are busy."""
    daemon = lab.daemon(config(lcores))
    streams = [Stream(lab, daemon, "vm1", "vm2"), Stream(lab, daemon, "vm3", "vm4")]
    clients = Clients(daemon)
    for number in range(3):
        clients.add(f"look{number}", look)
        clients.add(f"change{number}", change(f"c{number}"))
        clients.add(f"contend{number}", contend)
    clients.run(100, 60)
    for stream in streams:
        stream.wait_flow()
    with daemon.connect() as rpc:
        contend(rpc)
    assert [port["name"] for port in daemon.rpc("port.list")] == ["vm1", "vm2", "vm3", "vm4"]
    assert [wire["name"] for wire in daemon.rpc("wire.list")] == ["w1", "w2"]
    for stream in streams:
        assert stream.finish() > 10000
