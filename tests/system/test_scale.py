# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""As many devices as promised: 128 with 8 queue pairs each, on 64 wires."""

import random
from typing import Any, Dict, List

import pytest

from rf import Config, Daemon, Lab, wait_until
from rf.light import BUFFERS, LightDevice, allow_files
from rf.pcap import compare_frames, make_frames

DEVICES = 128
PAIRS = 8
RINGS = DEVICES * 2 * PAIRS
ROUNDS = 2
MEGABYTE = 1 << 20


def name_of(number: int) -> str:
    """A port's name."""
    return f"vm{number}"


def big_config(count: int = DEVICES) -> Config:
    """So many ports, each wired to its neighbour."""
    config = Config().lcores(2)
    for number in range(count):
        config.vhost(name_of(number), queue_pairs=PAIRS)
    for number in range(0, count, 2):
        config.wire(f"w{number // 2}", name_of(number), name_of(number + 1))
    return config


@pytest.fixture(name="daemon")
def daemon_fixture(lab: Lab) -> Daemon:
    """The daemon with all its ports."""
    allow_files(65536)
    return lab.daemon(big_config())


def make_devices(lab: Lab, daemon: Daemon, count: int = DEVICES) -> List[LightDevice]:
    """A front-end for each port, not connected."""
    devices = []
    for number in range(count):
        devices.append(LightDevice(daemon.path(f"{name_of(number)}.sock"), PAIRS))
        lab.on_exit(devices[-1].close)
    return devices


@pytest.fixture(name="devices")
def devices_fixture(lab: Lab, daemon: Daemon) -> List[LightDevice]:
    """A front-end for each port, not connected."""
    return make_devices(lab, daemon)


def connected(daemon: Daemon) -> int:
    """How many devices have a front-end."""
    return daemon.rpc("status.show")["devices_connected"]


def connect_all(daemon: Daemon, devices: List[LightDevice]) -> None:
    """All at once: nobody waits for anybody else."""
    for device in devices:
        device.connect()
    for device in devices:
        device.start()
    for device in devices:
        device.handled()
    assert connected(daemon) == len(devices)


def disconnect_all(daemon: Daemon, devices: List[LightDevice]) -> None:
    """All at once."""
    for device in devices:
        device.disconnect()
    wait_until(lambda: connected(daemon) == 0, "all devices are free", 60, interval=0.1,
               alive=daemon.check_running)


def check_rings(daemon: Daemon) -> None:
    """Every ring of every device runs, and is polled."""
    cpus = {lcore["cpu"] for lcore in daemon.rpc("lcore.list")}
    rings = daemon.rings()
    assert len(rings) == RINGS
    assert len({(ring["device"], ring["index"]) for ring in rings}) == RINGS
    wrong = [ring for ring in rings if not (
        ring["started"] and ring["enabled"] and ring["runnable"] and ring["polled_by"] in cpus
        and ring["error"] == "none")]
    assert not wrong, (len(wrong), wrong[0])


def check_frames(devices: List[LightDevice], seed: int) -> int:
    """A frame out of every ring comes in at the neighbour's same queue. Returns how many."""
    waiting: Dict[Any, bytes] = {}
    frames = iter(make_frames([60 + number % 1400 for number in range(RINGS // 2)], seed))
    for number, device in enumerate(devices):
        for pair in range(PAIRS):
            frame = next(frames)
            device.rings[2 * pair + 1].send(frame)
            waiting[number ^ 1, pair] = frame
    count = len(waiting)

    def collect() -> bool:
        for key in list(waiting):
            frame = devices[key[0]].rings[2 * key[1]].receive_frame()
            if frame is not None:
                assert frame == waiting.pop(key), key
        return not waiting

    wait_until(collect, "all frames arrive")
    return count


def test_many_devices(daemon: Daemon, devices: List[LightDevice]) -> None:
    """Connect all at once, pass frames, disconnect all at once, come back in another order."""
    baseline = {"fds": daemon.fds(), "mbufs": daemon.mbufs()}
    memory = []
    order = list(devices)
    source = random.Random(1)
    passed = 0
    for turn in range(ROUNDS):
        connect_all(daemon, order)
        check_rings(daemon)
        passed += check_frames(devices, turn)
        disconnect_all(daemon, order)
        wait_until(lambda: {"fds": daemon.fds(), "mbufs": daemon.mbufs()} == baseline,
                   "file descriptors and packet buffers are given back")
        memory.append(daemon.memory())
        source.shuffle(order)
    assert daemon.sanitized() or memory[-1] - memory[0] < 16 * MEGABYTE, memory
    stats = daemon.stats()
    assert sum(port["in"]["packets"] for port in stats.values()) == passed
    assert sum(port["out"]["delivered"] for port in stats.values()) == passed


def test_churn(daemon: Daemon, devices: List[LightDevice]) -> None:
    """Front-ends come and go in any order, without waiting, also in the middle of their start."""
    baseline = {"fds": daemon.fds(), "mbufs": daemon.mbufs()}
    source = random.Random(2)
    there = [False] * DEVICES
    for _ in range(4 * DEVICES):
        number = source.randrange(DEVICES)
        device = devices[number]
        if there[number]:
            device.disconnect()
        else:
            device.connect()
            device.start()
            if source.random() < 0.5:
                device.handled()
                device.rings[1].send(bytes(60))
        there[number] = not there[number]
    disconnect_all(daemon, devices)
    connect_all(daemon, devices)
    check_rings(daemon)
    check_frames(devices, 0)
    disconnect_all(daemon, devices)
    wait_until(lambda: {"fds": daemon.fds(), "mbufs": daemon.mbufs()} == baseline,
               "file descriptors and packet buffers are given back")


def test_held_back(lab: Lab) -> None:
    """Receivers that take nothing hold their senders back; when they go on, all arrives."""
    count = 64
    allow_files(65536)
    daemon = lab.daemon(big_config(count).set("global", mempool_size=1024))
    devices = make_devices(lab, daemon, count)
    connect_all(daemon, devices)
    senders = [device.rings[2 * pair + 1] for device in devices for pair in range(PAIRS)]
    receivers = [devices[number ^ 1].rings[2 * pair]
                 for number in range(count) for pair in range(PAIRS)]
    frames = [make_frames([60 + seed % 1000] * 2 * BUFFERS, seed) for seed in range(len(senders))]
    # As many as the receivers have buffers for, and then as many again.
    for half in range(2):
        for ring, mine in zip(senders, frames):
            for frame in mine[half * BUFFERS:(half + 1) * BUFFERS]:
                ring.send(frame)
        if half == 0:
            wait_until(lambda: not any(ring.in_use() for ring in senders), "all are taken")
    rounds = [lcore["rounds"] for lcore in daemon.rpc("lcore.list")]
    wait_until(lambda: all(lcore["rounds"] > before + 100 for lcore, before in zip(
        daemon.rpc("lcore.list"), rounds)), "the lcores have looked")
    # What has no room stays with its sender, and costs no packet buffer.
    assert all(ring.in_use() == BUFFERS for ring in senders)
    assert daemon.mbufs() == 0
    for ring, mine in zip(receivers, frames):
        got: List[bytes] = []

        def arrived(ring: Any = ring, got: List[bytes] = got) -> bool:
            frame = ring.receive_frame()
            if frame is not None:
                got.append(frame)
            return len(got) == 2 * BUFFERS

        wait_until(arrived, "all frames arrive", interval=0.0001)
        compare_frames(got, mine, "a queue")
    stats = daemon.stats()
    assert sum(port["out"]["delivered"] for port in stats.values()) == sum(map(len, frames))
