# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""testpmd's virtio_user as front-end: payloads, reconnects, and changes at run time.

Frames come from pcap files and go to pcap files, and are compared byte by byte.
At the end of each test the daemon's books have to balance, and no packet
buffer may be missing (fixture lab).
"""

import os
import random
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest

from rf import (Config, Daemon, Lab, RpcError, Testpmd, compare_frames, make_frames,
                read_pcap, virtio_user, wait_until, write_pcap)
from rf.pcap import file_bytes, file_size
from rf.wait import wait_settled

MTU = 9000
MAX_FRAME = MTU + 14
# What a receive buffer of testpmd's holds, with mbufs of their usual size.
BUFFER = 2048

# Around what matters: minimum, MTU of 1500, ends of mbufs, several of them, the largest.
EDGES = [60, 61, 62, 63, 64, 65, 127, 128, 129, 1499, 1500, 1501, 1514, 1515, 1518, 1519,
         *range(2030, 2056), *range(2170, 2182), *range(4090, 4100), 8191, 8192, 8193,
         8999, 9000, 9001, MAX_FRAME - 1, MAX_FRAME]


def mixed_sizes(count: int, seed: int, largest: int = MAX_FRAME) -> List[int]:
    """All edges, and sizes at random, in a random order."""
    source = random.Random(seed)
    sizes = [size for size in EDGES if size <= largest]
    sizes += [source.choice((source.randint(60, largest), source.randint(60, 200)))
                     for _ in range(count - len(sizes))]
    source.shuffle(sizes)
    return sizes


def two_guests(queues: int = 1, **settings: Any) -> Config:
    """Two vhost ports on a wire, for frames of any size."""
    settings = {"mtu": MTU, "queue-pairs": queues, **settings}
    return Config().vhost("vm1", **settings).vhost("vm2", **settings).wire("w1", "vm1", "vm2")


def pcap_device(lab: Lab, name: str, send: Sequence[Sequence[bytes]] = (),
                receive: int = 0) -> Tuple[str, List[str]]:
    """A net_pcap, and the files that it writes.

    It sends these frames, a file per queue, and writes what it gets on so many
    queues; of the two, what is none is as many queues as the other.
    """
    sources = [write_pcap(lab.path(f"{name}.tx{index}.pcap"), frames)
               for index, frames in enumerate(send)]
    # Without a file to write to it would need an interface.
    sinks = [lab.path(f"{name}.rx{index}.pcap") for index in range(receive or len(send))]
    device = ["net_pcap0", *(f"rx_pcap={file}" for file in sources),
              *(f"tx_pcap={file}" for file in sinks)]
    return ",".join(device), sinks


def wait_frames(files: Sequence[str], queues: Sequence[Sequence[bytes]]) -> None:
    """Wait until the files have the frames, or have stood still."""
    wanted = sum(file_bytes(frames) for frames in queues)
    wait_settled(lambda: sum(map(file_size, files)), lambda size: size >= wanted,
                 "all frames are written", quiet=5)


def check_files(files: Sequence[str], queues: Sequence[Sequence[bytes]]) -> None:
    """The files have these frames, and no others."""
    for index, frames in enumerate(queues):
        compare_frames(read_pcap(files[index]), frames, f"queue {index}")


def frames_of(queues: int, count: int, seed: int = 1, largest: int = MAX_FRAME) \
        -> List[List[bytes]]:
    """So many frames for each queue."""
    return [make_frames(mixed_sizes(count, seed + index, largest), seed + index)
            for index in range(queues)]


class Link:
    """Two testpmd on the vhost ports of a wire: one to send, one to receive."""

    def __init__(self, lab: Lab, daemon: Daemon, queues: Sequence[Sequence[bytes]], *,
                 source: str = "vm1", sink: str = "vm2", server: bool = False,
                 sink_queues: int = 0, mbuf_size: Optional[int] = None, **driver: Any):
        self.daemon = daemon
        self.frames = queues
        self.ports = (source, sink)
        counts = {source: len(queues), sink: sink_queues or len(queues)}

        def virtio(port: str) -> str:
            return virtio_user(0, daemon.path(f"{port}.sock"), server=server,
                               queues=counts[port], **driver)

        sender, _ = pcap_device(lab, f"from-{source}", queues)
        receiver, self.files = pcap_device(lab, f"to-{sink}", receive=counts[sink])
        # Both start at the same time: half a second each.
        self.sink = lab.testpmd(f"sink-{sink}", [receiver, virtio(sink)], wait_ready=False,
                                queues=counts[sink], mbuf_size=mbuf_size)
        self.source = lab.testpmd(f"source-{source}", [sender, virtio(source)],
                                  wait_ready=False, queues=counts[source], mbuf_size=mbuf_size)
        for testpmd, port in ((self.sink, sink), (self.source, source)):
            testpmd.wait_ready()
            daemon.wait_rings(port, 2 * counts[port])

    def send(self, arriving: Optional[Sequence[Sequence[bytes]]] = None) -> None:
        """Send all, and wait until what is to arrive has, or nothing more comes."""
        self.sink.start()
        self.source.retry()
        self.source.start()
        wait_frames(self.files, arriving or self.frames)

    def check(self, arriving: Optional[Sequence[Sequence[bytes]]] = None) -> None:
        """Compare what has arrived with what was to."""
        check_files(self.files, arriving or self.frames)

    def quit(self) -> None:
        """End both in good order."""
        self.source.type_quit()
        self.sink.type_quit()
        self.source.quit()
        self.sink.quit()
        for port in self.ports:
            self.daemon.wait_connected(port, False)


# --- payloads, from guest to guest ----------------------------------------------


@pytest.mark.parametrize("in_order", [True, False], ids=["in_order", "any_order"])
@pytest.mark.parametrize("mergeable", [True, False], ids=["mergeable", "big_buffers"])
@pytest.mark.parametrize("queues", [1, 4])
@pytest.mark.parametrize("mode", ["server", "client"])
def test_payload(lab: Lab, mode: str, queues: int, mergeable: bool,
                 in_order: bool) -> None:
    """Frames of 60 to 9014 bytes arrive as they were sent, one way and then the other."""
    daemon = lab.daemon(two_guests(queues, mode=mode))
    for number, (source, sink) in enumerate((("vm1", "vm2"), ("vm2", "vm1"))):
        frames = frames_of(queues, 1200 // queues + 100, 10 * number)
        link = Link(lab, daemon, frames, source=source, sink=sink, server=mode == "client",
                    mergeable=mergeable, in_order=in_order,
                    mbuf_size=None if mergeable else 10240)
        link.send()
        link.check()
        stats = daemon.stats()
        assert stats[source]["in"]["packets"] == stats[sink]["out"]["delivered"] \
            == sum(map(len, frames))
        assert stats[source]["in"]["bytes"] == stats[sink]["out"]["bytes"] \
            == sum(len(frame) for queue in frames for frame in queue)
        if number == 0:
            link.quit()


@pytest.mark.parametrize("in_order", [True, False], ids=["in_order", "any_order"])
def test_buffers_too_small(lab: Lab, in_order: bool) -> None:
    """Without mergeable buffers, what does not fit into one is dropped and counted."""
    daemon = lab.daemon(two_guests())
    frames = frames_of(1, 1000)
    link = Link(lab, daemon, frames, mergeable=False, in_order=in_order)
    fitting = [[frame for frame in frames[0] if len(frame) <= BUFFER]]
    assert 0 < len(fitting[0]) < len(frames[0])
    link.send(fitting)
    wait_until(lambda: daemon.stats()["vm2"]["out"]["packets"] == len(frames[0]),
               "all have been offered")
    link.check(fitting)
    assert daemon.stats()["vm2"]["out"]["dropped"] == {
        "rx_too_small": len(frames[0]) - len(fitting[0])}


def test_oversize(lab: Lab) -> None:
    """What is longer than the sender's MTU allows, with two VLAN tags, is dropped and counted."""
    daemon = lab.daemon(two_guests().set("port vm1", mtu=1500))
    frames = frames_of(1, 1000)
    link = Link(lab, daemon, frames)
    fitting = [[frame for frame in frames[0] if len(frame) <= 1500 + 14 + 8]]
    link.send(fitting)
    wait_until(lambda: daemon.stats()["vm1"]["in"]["packets"] == len(frames[0]),
               "all have been taken")
    link.check(fitting)
    assert daemon.stats()["vm1"]["in"]["dropped"] == {
        "oversize": len(frames[0]) - len(fitting[0])}


def test_indices_wrap(lab: Lab) -> None:
    """More packets than the rings' 16-bit indices can count."""
    daemon = lab.daemon(two_guests())
    frames = [make_frames([60 + number % 200 for number in range(70000)])]
    link = Link(lab, daemon, frames)
    link.send()
    link.check()


@pytest.mark.parametrize("source_queues, sink_queues", [(4, 2), (1, 4), (2, 3)])
def test_unequal_queues(lab: Lab, source_queues: int,
                        sink_queues: int) -> None:
    """A guest may use fewer queue pairs than offered, and other numbers than its peer.

    Queue i feeds queue i modulo the number of queues that the peer uses; the
    frames of one queue stay in order.
    """
    daemon = lab.daemon(two_guests(4))
    frames = frames_of(source_queues, 400)
    link = Link(lab, daemon, frames, sink_queues=sink_queues)
    arriving = [[frame for index in range(queue, source_queues, sink_queues)
                 for frame in frames[index]] for queue in range(sink_queues)]
    link.send(arriving)
    for queue, expected in enumerate(arriving):
        got = read_pcap(link.files[queue])
        assert sorted(got) == sorted(expected), f"queue {queue}"
        for index in range(queue, source_queues, sink_queues):
            mine = set(frames[index])
            compare_frames([frame for frame in got if frame in mine], frames[index],
                           f"queue {index}")


def test_circles(lab: Lab) -> None:
    """Packets in circles, both ways at once on four queues and two lcores: none is dropped."""
    daemon = lab.daemon(two_guests(4).lcores(2))
    ends = [virtio_user(index, daemon.path(f"vm{index + 1}.sock"), queues=4) for index in range(2)]
    testpmd = lab.testpmd("guests", ends, queues=4)
    for port in ("vm1", "vm2"):
        daemon.wait_rings(port, 8)
    testpmd.retry()
    testpmd.start(tx_first=2)
    wait_until(lambda: min(port[way]["packets"] for port in daemon.stats().values()
                           for way in ("in", "out")) > 200000, "packets go in circles")
    testpmd.stop()
    stats = daemon.stats()
    assert all(port[way]["dropped_total"] == 0 for port in stats.values() for way in ("in", "out"))


# --- between guest and ethdev -------------------------------------------------------


def echo_frames(lab: Lab, daemon: Daemon, frames: List[List[bytes]]) -> None:
    """A guest at vm1 sends frames, and has to get the same ones back."""
    device, files = pcap_device(lab, "guest", frames)
    # A lcore each way: one that waits for room must not keep the other from making it.
    testpmd = lab.testpmd("guest", [device, virtio_user(0, daemon.path("vm1.sock"))], lcores=2)
    daemon.wait_rings("vm1", 2)
    testpmd.retry()
    testpmd.start()
    wait_frames(files, frames)
    check_files(files, frames)


@pytest.mark.parametrize("queues", [1, 2])
def test_pcap_wire(lab: Lab, queues: int) -> None:
    """A guest and a pcap port of the daemon's exchange frames both ways at once."""
    to_guest, to_wire = frames_of(queues, 500, 1), frames_of(queues, 500, 11)
    wire_device, wire_files = pcap_device(lab, "wire", to_guest)
    daemon = lab.daemon(Config().vhost("vm1", mtu=MTU, queue_pairs=queues)
                       .ethdev("up0", wire_device, mtu=MTU, queues=queues))
    guest_device, guest_files = pcap_device(lab, "guest", to_wire)
    testpmd = lab.testpmd("guest", [guest_device, virtio_user(
        0, daemon.path("vm1.sock"), queues=queues)], queues=queues)
    daemon.wait_rings("vm1", 2 * queues)
    testpmd.retry()
    # A guest without a wire sends into the void, and a file is read but once.
    daemon.rpc("wire.add", name="w1", ports=["vm1", "up0"])
    testpmd.start()
    wait_frames(wire_files, to_wire)
    wait_frames(guest_files, to_guest)
    check_files(wire_files, to_wire)
    check_files(guest_files, to_guest)


def test_ring_wire(lab: Lab) -> None:
    """A net_ring gives back what it is sent."""
    daemon = lab.daemon(Config().vhost("vm1", mtu=MTU).ethdev("up0", "net_ring0", mtu=MTU)
                       .wire("w1", "vm1", "up0"))
    echo_frames(lab, daemon, frames_of(1, 2000))


@pytest.mark.parametrize("size", [60, 1514])
def test_tap_wire(lab: Lab, size: int) -> None:
    """Numbered frames from a tap through a guest that sends them back, every byte checked."""
    daemon = lab.daemon(Config().vhost("vm1").tap("up0", "rf0").wire("w1", "vm1", "up0"))
    tap = lab.tap("rf0")
    testpmd = lab.testpmd("guest", [virtio_user(0, daemon.path("vm1.sock"))],
                          options=["--port-topology=loop"])
    daemon.wait_rings("vm1", 2)
    testpmd.retry()
    testpmd.start()
    count = 3000
    receiver = lab.receive(tap)
    before = tap.stats()
    assert lab.send(tap, count=count, rate=3000, size=size).finish()["sent"] == count
    lost = tap.stats()["tx_dropped"] - before["tx_dropped"]
    wait_settled(lambda: receiver.report()["received"], lambda n: n >= count - lost, "all is back")
    report = receiver.end()
    assert report["received"] == count - lost and report["corrupt"] == 0, report
    assert report["duplicates"] == 0 and report["reordered"] == 0, report
    # Losses of the tap's own are not what is tested: with its long queue there are next to none.
    assert lost <= count // 10


def test_link_down(lab: Lab) -> None:
    """What goes to a tap that is down is dropped by name; when it is up again, it arrives."""
    daemon = lab.daemon(Config().vhost("vm1").tap("up0", "rf0").wire("w1", "vm1", "up0"))
    tap = lab.tap("rf0")
    testpmd = lab.testpmd("guest", [virtio_user(0, daemon.path("vm1.sock"))], mode="txonly")
    daemon.wait_rings("vm1", 2)
    testpmd.start()

    def out(what: str) -> int:
        counters = daemon.stats()["up0"]["out"]
        return counters["delivered"] if what == "delivered" else counters["dropped"].get(what, 0)

    def state() -> str:
        return daemon.rpc("port.show", name="up0")["state"]

    for _ in range(3):
        begin = out("delivered")
        wait_until(lambda b=begin: out("delivered") > b + 1000, "frames arrive")
        assert state() == "up"
        begin = out("link_down")
        tap.netns.run(["ip", "link", "set", "dev", "rf0", "down"])
        wait_until(lambda b=begin: out("link_down") > b + 1000, "frames are dropped")
        assert state() == "down"
        tap.netns.run(["ip", "link", "set", "dev", "rf0", "up"])
    wait_until(lambda: state() == "up", "the link is up")
    testpmd.stop()
    assert set(daemon.stats()["up0"]["out"]["dropped"]) <= {"link_down", "tx_error"}


def test_memif_wire(lab: Lab) -> None:
    """Another process on a memif, and a guest: one way, and then the other."""
    memif = f"net_memif0,id=0,socket={lab.path('memif.sock')},socket-abstract=no"
    daemon = lab.daemon(Config().vhost("vm1").ethdev("up0", f"{memif},role=server")
                        .wire("w1", "vm1", "up0"))
    ends = {"vm1": virtio_user(0, daemon.path("vm1.sock")), "up0": f"{memif},role=client"}
    for number, (source, sink) in enumerate((("vm1", "up0"), ("up0", "vm1"))):
        frames = frames_of(1, 1000, number, largest=1514)
        sender, _ = pcap_device(lab, f"from-{source}", frames)
        receiver, files = pcap_device(lab, f"to-{sink}", receive=1)
        receiving = lab.testpmd(f"sink-{sink}", [receiver, ends[sink]])
        sending = lab.testpmd(f"source-{source}", [sender, ends[source]])
        daemon.wait_rings("vm1", 2)
        wait_until(lambda: daemon.rpc("port.show", name="up0")["state"] == "up", "memif is up")
        receiving.start()
        sending.retry()
        sending.start()
        wait_frames(files, frames)
        check_files(files, frames)
        sending.quit()
        receiving.quit()
        daemon.wait_connected("vm1", False)


def test_mtu_of_device(lab: Lab) -> None:
    """An MTU that a device does not take is refused with the one that it does."""
    daemon = lab.daemon(Config().vhost("vm1"))
    with pytest.raises(RpcError, match="iface=rf0: MTU 9000, the device allows [0-9]+ at most"):
        daemon.rpc("port.add", name="up0", type="ethdev", device="net_tap0,iface=rf0", mtu=9000)
    # Nothing is left of it.
    assert [port["name"] for port in daemon.rpc("port.list")] == ["vm1"]
    daemon.rpc("port.add", name="up0", type="ethdev", device="net_tap0,iface=rf0", mtu=1500)
    # Its receive ring is full of packet buffers.
    assert daemon.mbufs() > 0
    daemon.rpc("port.remove", name="up0")
    wait_until(lambda: daemon.mbufs() == 0, "the buffers are given back", 10)


# --- reconnects -----------------------------------------------------------------------


class Traffic:
    """A testpmd that sends into vm1 as fast as it can, and one that counts at vm2."""

    def __init__(self, lab: Lab, daemon: Daemon, mode: str, queues: int):
        self.lab = lab
        self.daemon = daemon
        self.queues = queues
        self.server = mode == "client"
        self.ends: Dict[str, Testpmd] = {}
        for port in ("vm1", "vm2"):
            self.begin(port, wait_ready=False)
        for port in ("vm1", "vm2"):
            self.go(port)

    def begin(self, port: str, wait_ready: bool = True) -> None:
        """Start the testpmd of a port."""
        path = self.daemon.path(f"{port}.sock")
        if self.server and os.path.exists(path):
            # A listener that was killed leaves its socket behind, and would not listen again.
            os.unlink(path)
        self.ends[port] = self.lab.testpmd(
            port, [virtio_user(0, path, server=self.server, queues=self.queues)],
            queues=self.queues, mode="txonly" if port == "vm1" else "rxonly", wait_ready=wait_ready)

    def go(self, port: str) -> None:
        """Have it send, or count."""
        self.ends[port].wait_ready()
        self.daemon.wait_rings(port, 2 * self.queues)
        self.ends[port].start()

    def received(self) -> int:
        """What has arrived at vm2."""
        return self.ends["vm2"].rx_packets()[0]

    def wait_flow(self, what: str) -> None:
        """Wait until packets arrive at vm2, for the daemon and for the driver."""
        target = self.received() + 10000
        wait_until(lambda: self.received() >= target, f"packets arrive {what}",
                   alive=self.daemon.check_running)


@pytest.mark.parametrize("mode, queues", [("server", 4), ("client", 1)])
def test_front_end_killed(lab: Lab, mode: str, queues: int) -> None:
    """kill -9 of the receiver, then of the sender; the other one runs on, and traffic resumes."""
    daemon = lab.daemon(two_guests(queues, mode=mode))
    traffic = Traffic(lab, daemon, mode, queues)
    traffic.wait_flow("at first")
    for port in ("vm2", "vm1", "vm2"):
        before = daemon.stats()
        traffic.ends[port].kill()
        daemon.wait_connected(port, False)
        if port == "vm2":
            # The sender goes on, and what it sends is dropped by name.
            wait_until(lambda b=before: daemon.stats()["vm2"]["out"]["dropped"].get(
                "no_device", 0) > b["vm2"]["out"]["dropped"].get("no_device", 0) + 1000,
                "packets are dropped")
        traffic.begin(port, wait_ready=False)
        traffic.go(port)
        traffic.wait_flow(f"after {port} was killed")
    for testpmd in traffic.ends.values():
        testpmd.quit()


@pytest.mark.parametrize("how, queues", [("stop", 1), ("kill", 4)])
def test_daemon_restarted(lab: Lab, how: str, queues: int) -> None:
    """The daemon ends and comes back in client mode; the front-ends stay, and traffic resumes."""
    daemon = lab.daemon(two_guests(queues, mode="client"))
    traffic = Traffic(lab, daemon, "client", queues)
    for _ in range(2):
        traffic.wait_flow("before the daemon ends")
        getattr(daemon, how)()
        daemon.start()
        for port in ("vm1", "vm2"):
            daemon.wait_rings(port, 2 * queues)
        traffic.wait_flow("after the daemon is back")
        assert all(ring["error"] == "none" for ring in daemon.rings())
    for testpmd in traffic.ends.values():
        testpmd.quit()
