# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""testpmd's virtio_user as front-end: payloads, reconnects, and changes at run time.

Frames come from pcap files and go to pcap files, and are compared byte by byte.
At the end of each test the daemon's books have to balance (fixture lab), and
no packet buffer may be missing (fixture daemon_of).
"""

import random
from typing import Any, Callable, Iterator, List, Sequence

import pytest

from rf import (Config, Daemon, Lab, Testpmd, compare_frames, make_frames, read_pcap, virtio_user,
                wait_until, write_pcap)
from rf.pcap import file_bytes, file_size
from rf.wait import wait_settled

MTU = 9000
MAX_FRAME = MTU + 14

# Around what matters: minimum, MTU of 1500, ends of mbufs, several of them, the largest.
EDGES = [60, 61, 62, 63, 64, 65, 127, 128, 129, 1499, 1500, 1501, 1514, 1515, 1518, 1519,
         *range(2030, 2056), *range(2170, 2182), *range(4090, 4100), 8191, 8192, 8193,
         8999, 9000, 9001, MAX_FRAME - 1, MAX_FRAME]


def mixed_sizes(count: int, seed: int, largest: int = MAX_FRAME) -> List[int]:
    """All edges, and sizes at random, in a random order."""
    source = random.Random(seed)
    sizes = EDGES + [source.choice((source.randint(60, largest), source.randint(60, 200)))
                     for _ in range(count - len(EDGES))]
    source.shuffle(sizes)
    return sizes


@pytest.fixture(name="daemon_of")
def daemon_of_fixture(lab: Lab) -> Iterator[Callable[..., Daemon]]:
    """Starts the test's daemon; at the end its mbufs have to be as many as at the start."""
    started = []

    def start(config: Config, **options: Any) -> Daemon:
        daemon = lab.daemon(config, **options)
        started.append((daemon, daemon.mbufs()))
        return daemon

    yield start
    for daemon, mbufs in started:
        if daemon.running():
            wait_until(lambda d=daemon, m=mbufs: d.mbufs() == m, "no mbuf is missing", 10)


def two_guests(queues: int = 1, **settings: Any) -> Config:
    """Two vhost ports on a wire, for frames of any size."""
    settings = {"mtu": MTU, "queue-pairs": queues, **settings}
    return Config().vhost("vm1", **settings).vhost("vm2", **settings).wire("w1", "vm1", "vm2")


def source_device(lab: Lab, name: str, queues: Sequence[Sequence[bytes]]) -> str:
    """A net_pcap that sends these frames, a file per queue, and throws away what it gets."""
    files = [write_pcap(lab.path(f"{name}-{index}.pcap"), frames)
             for index, frames in enumerate(queues)]
    # Without a file to write to it could only write to an interface.
    return ",".join(["net_pcap0", *(f"rx_pcap={file}" for file in files),
                     *(f"tx_pcap={lab.path(f'{name}-{index}.back.pcap')}"
                       for index in range(len(queues)))])


def sink_files(lab: Lab, name: str, queues: int) -> List[str]:
    """The files that a sink writes."""
    return [lab.path(f"{name}-{index}.pcap") for index in range(queues)]


def sink_device(files: Sequence[str]) -> str:
    """A net_pcap that writes what it gets, a file per queue, and sends nothing."""
    return ",".join(["net_pcap0", *(f"tx_pcap={file}" for file in files)])


def wait_sinks(files: Sequence[str], queues: Sequence[Sequence[bytes]]) -> None:
    """Wait until the files have the frames, or have stood still."""
    wanted = sum(file_bytes(frames) for frames in queues)
    wait_settled(lambda: sum(map(file_size, files)), lambda size: size >= wanted,
                 "all frames are written", quiet=5)


class Link:
    """Two testpmd on the ports of a wire: one to send, one to receive."""

    def __init__(self, lab: Lab, daemon: Daemon, queues: Sequence[Sequence[bytes]], *,
                 source: str = "vm1", sink: str = "vm2", server: bool = False,
                 mbuf_size: int = None, **driver: Any):
        self.lab = lab
        self.daemon = daemon
        self.frames = queues
        self.files = sink_files(lab, f"to-{sink}", len(queues))
        options = {"queues": len(queues), "mbuf_size": mbuf_size}

        def device(port: str) -> str:
            return virtio_user(0, daemon.path(f"{port}.sock"), server=server,
                               queues=len(queues), **driver)

        self.sink = lab.testpmd(f"sink-{sink}", [sink_device(self.files), device(sink)],
                                wait_ready=False, **options)
        self.source = lab.testpmd(
            f"source-{source}", [source_device(lab, f"from-{source}", queues), device(source)],
            wait_ready=False, **options)
        for testpmd, port in ((self.sink, sink), (self.source, source)):
            testpmd.wait_ready()
            daemon.wait_rings(port, 2 * len(queues))

    def send(self) -> None:
        """Send all, and wait until it is there or nothing more comes."""
        self.sink.start()
        self.source.retry()
        self.source.start()
        wait_sinks(self.files, self.frames)

    def quit(self) -> None:
        """End both in good order."""
        self.source.quit()
        self.sink.quit()

    def check(self, expected: Sequence[Sequence[bytes]] = None) -> None:
        """Compare what has come with what was sent, or with what is expected of it."""
        for index, frames in enumerate(expected or self.frames):
            compare_frames(read_pcap(self.files[index]), frames, f"queue {index}")


@pytest.mark.parametrize("in_order", [True, False], ids=["in_order", "any_order"])
@pytest.mark.parametrize("mergeable", [True, False], ids=["mergeable", "big_buffers"])
@pytest.mark.parametrize("queues", [1, 4])
@pytest.mark.parametrize("mode", ["server", "client"])
def test_payload(lab: Lab, daemon_of: Callable[..., Daemon], mode: str, queues: int,
                 mergeable: bool, in_order: bool) -> None:
    """Frames of 60 to 9014 bytes arrive as they were sent, one way and then the other."""
    daemon = daemon_of(two_guests(queues, mode=mode))
    driver = {"mergeable": mergeable, "in_order": in_order,
              "mbuf_size": None if mergeable else 10240}
    count = 1200 // queues + 100
    for number, (source, sink) in enumerate((("vm1", "vm2"), ("vm2", "vm1"))):
        frames = [make_frames(mixed_sizes(count, seed), seed)
                  for seed in range(10 * number, 10 * number + queues)]
        link = Link(lab, daemon, frames, source=source, sink=sink, server=mode == "client",
                    **driver)
        link.send()
        link.check()
        stats = daemon.stats()
        assert stats[source]["in"]["packets"] >= sum(map(len, frames))
        assert stats[sink]["out"]["dropped_total"] == 0
        link.quit()
        for port in (source, sink):
            daemon.wait_connected(port, False)
