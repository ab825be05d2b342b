# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Real guests: QEMU 7.2 and QEMU 10, on a wire to a tap or to each other.

Everything is counted. What a test sends has to arrive exactly once, in order,
or stand in a counter that says why not. At the end of each test the daemon's
own books have to balance (fixture lab).
"""

from typing import Any, Callable, Dict, Tuple

import pytest

from rf import Config, Daemon, Guest, GuestPort, Lab, StreamReceiver, Tap, wait_until
from rf.wait import wait_settled

HOST = "192.0.2.1"
GUEST = "192.0.2.2"
OTHER_MAC = "52:54:00:00:00:02"


def one_guest_config(**settings: Any) -> Config:
    """A guest's port vm1 wired to a tap rf0."""
    return Config().vhost("vm1", **settings).tap("up0", "rf0").wire("w1", "vm1", "up0")


def one_guest(lab: Lab, qemu: str, config: Config = None, queues: int = 1,
              server: bool = False, options: str = "") -> Tuple[Daemon, Tap, Guest]:
    """A daemon, its tap and a booted guest with an address each."""
    daemon = lab.daemon(config or one_guest_config(queue_pairs=queues))
    tap = lab.tap("rf0", address=f"{HOST}/24")
    port = GuestPort(daemon.path("vm1.sock"), server=server, queues=queues, options=options)
    guest = lab.guest([port], qemu=qemu)
    guest.set_up(address=f"{GUEST}/24")
    return daemon, tap, guest


def check_ping(guest: Guest, address: str = HOST, count: int = 5, size: int = 56) -> None:
    """All pings are answered."""
    reply = guest.ping(address, count, size)
    assert reply["received"] == reply["sent"] == count


def check_whole(report: Dict[str, Any], count: int, in_order: bool = True) -> None:
    """A receiver has got each frame once, undamaged and in order."""
    wrong = {key: report[key] for key in ("duplicates", "corrupt", "beyond", "socket_drops")
             if report[key] != 0}
    assert not wrong, report
    assert report["received"] == count, report
    if in_order:
        assert report["reordered"] == 0, report


def answers(guest: Guest) -> bool:
    """Is one ping answered?"""
    return guest.ping(HOST, 1)["received"] == 1


def receive_all(receiver: StreamReceiver, count: int) -> Dict[str, Any]:
    """Wait for count frames, or for a stand-still, and return the last report."""
    wait_settled(lambda: receiver.report()["received"], lambda n: n >= count, "the stream is in")
    return receiver.end()


def check_stream_out(lab: Lab, tap: Tap, guest: Guest, count: int, size: int) -> None:
    """A numbered stream from the guest arrives whole at the tap."""
    receiver = lab.receive(tap)
    guest.tx_start(count, 0, size)
    sent = guest.tx_wait()
    assert sent["error"] == 0 and sent["sent"] == count
    check_whole(receive_all(receiver, count), count)


def check_stream_in(lab: Lab, tap: Tap, guest: Guest, count: int, rate: int, size: int,
                    interface: str = "eth0") -> None:
    """A numbered stream into the tap arrives in the guest, but for what the tap dropped itself."""
    before = tap.stats()
    guest.rx_start(interface=interface)
    sent = lab.send(tap, count=count, rate=rate, size=size).finish()
    assert sent["sent"] == count
    lost = tap.stats()["tx_dropped"] - before["tx_dropped"]
    wait_settled(lambda: guest.rx_report()["received"], lambda n: n >= count - lost,
                 "the stream is in")
    check_whole(guest.rx_stop(), count - lost)
    # Losses of the tap's own are not what is tested: with its long queue there are next to none.
    assert lost <= count // 10


def test_ping(lab: Lab, qemu: str) -> None:
    """Small and full frames, both ways."""
    daemon, tap, guest = one_guest(lab, qemu)
    check_ping(guest)
    check_ping(guest, size=1472)
    out = tap.netns.run(["ping", "-c", "3", "-i", "0.2", "-W", "5", GUEST])
    assert " 0% packet loss" in out
    assert daemon.stats()["vm1"]["in"]["packets"] >= 13


def test_pktgen_out(lab: Lab, qemu: str) -> None:
    """The kernel's generator in the guest, counted at the tap."""
    daemon, tap, guest = one_guest(lab, qemu)
    count = 30000
    receiver = lab.receive(tap, kind="pktgen")
    before = daemon.stats()
    report = guest.pktgen(count, 60)
    assert report["sent"] == count and report["errors"] == 0, report
    check_whole(receive_all(receiver, count), count)
    after = daemon.stats()
    assert after["vm1"]["in"]["packets"] - before["vm1"]["in"]["packets"] >= count
    assert after["up0"]["out"]["delivered"] - before["up0"]["out"]["delivered"] >= count


def test_stream_out(lab: Lab, qemu: str) -> None:
    """Numbered frames from the guest, every byte checked at the tap."""
    _, tap, guest = one_guest(lab, qemu)
    for size in (60, 1514):
        check_stream_out(lab, tap, guest, 20000, size)


def test_stream_in(lab: Lab, qemu: str) -> None:
    """Numbered frames into the guest, as steady flow and as fast as it goes."""
    _, tap, guest = one_guest(lab, qemu)
    for size in (60, 1514):
        check_stream_in(lab, tap, guest, 10000, 5000, size)
        check_stream_in(lab, tap, guest, 5000, 0, size)


def test_both_ways(lab: Lab, qemu: str) -> None:
    """Streams in and out at the same time do not disturb each other."""
    _, tap, guest = one_guest(lab, qemu)
    count = 10000
    receiver = lab.receive(tap)
    guest.rx_start()
    before = tap.stats()
    sender = lab.send(tap, count=count, rate=4000, size=256)
    guest.tx_start(count, 4000, 256)
    assert sender.finish()["sent"] == count
    assert guest.tx_wait()["sent"] == count
    check_whole(receive_all(receiver, count), count)
    lost = tap.stats()["tx_dropped"] - before["tx_dropped"]
    wait_settled(lambda: guest.rx_report()["received"], lambda n: n >= count - lost, "all is in")
    check_whole(guest.rx_stop(), count - lost)


def test_reboot(lab: Lab, qemu: str) -> None:
    """The guest reboots under traffic, twice; then all is as before."""
    _, tap, guest = one_guest(lab, qemu)
    for _ in range(2):
        sender = lab.send(tap, rate=1000)
        check_ping(guest)
        guest.reboot()
        guest.set_up(address=f"{GUEST}/24")
        sender.end()
        check_ping(guest)
    check_stream_out(lab, tap, guest, 5000, 60)
    check_stream_in(lab, tap, guest, 5000, 5000, 60)


def check_out_while(lab: Lab, tap: Tap, guest: Guest, disturb: Callable[[], None]) -> None:
    """A stream from the guest arrives whole although something happens meanwhile, five times."""
    count = 20000
    receiver = lab.receive(tap)
    guest.tx_start(count, 8000, 60)
    for _ in range(5):
        goal = min(receiver.report()["received"] + 1000, count)
        wait_until(lambda least=goal: receiver.report()["received"] >= least, "frames arrive")
        disturb()
    assert guest.tx_wait()["sent"] == count
    check_whole(receive_all(receiver, count), count)


def test_pause(lab: Lab, qemu: str) -> None:
    """QEMU's stop and cont: the rings stop and go on where they were."""
    _, tap, guest = one_guest(lab, qemu)

    def pause() -> None:
        guest.qmp("stop")
        guest.qmp("cont")

    check_out_while(lab, tap, guest, pause)
    check_stream_in(lab, tap, guest, 5000, 5000, 60)


@pytest.mark.parametrize("how", ["pause", "link"])
def test_stopped_rings_are_accounted_for(lab: Lab, qemu: str, how: str) -> None:
    """What comes while the guest's rings are stopped is dropped by name, and nothing else is."""
    daemon, tap, guest = one_guest(lab, qemu)
    count = 20000
    commands = {"pause": (("stop", {}), ("cont", {})),
                "link": (("set_link", {"name": "n0", "up": False}),
                         ("set_link", {"name": "n0", "up": True}))}[how]

    def drops() -> int:
        return (sum(daemon.stats()["vm1"]["out"]["dropped"].values())
                + tap.stats()["tx_dropped"])

    before = drops()
    guest.rx_start()
    sender = lab.send(tap, count=count, rate=5000)
    for _ in range(5):
        for command, arguments in commands:
            guest.qmp(command, **arguments)
            seen = daemon.stats()["vm1"]["out"]["packets"]
            wait_until(lambda n=seen: not sender.running()
                       or daemon.stats()["vm1"]["out"]["packets"] > n + 200, "frames flow")
    assert sender.finish()["sent"] == count
    wait_until(lambda: daemon.stats()["up0"]["in"]["packets"] >= count, "the tap is empty")
    expected = count - (drops() - before)
    wait_settled(lambda: guest.rx_report()["received"], lambda n: n >= expected, "all is in")
    check_whole(guest.rx_stop(), expected)
    assert expected < count  # there was something to account for


def test_memory_added(lab: Lab, qemu: str) -> None:
    """Memory is plugged in under traffic: the memory table changes, no frame is lost."""
    daemon, tap, guest = one_guest(lab, qemu)
    before = daemon.rpc("device.show", name="vm1")["counters"]["mem_tables"]
    guest.rx_start()
    dropped = tap.stats()["tx_dropped"]
    sender = lab.send(tap, count=10000, rate=5000, size=1000)
    for _ in range(2):
        guest.add_memory()
    assert sender.finish()["sent"] == 10000
    expected = 10000 - (tap.stats()["tx_dropped"] - dropped)
    wait_settled(lambda: guest.rx_report()["received"], lambda n: n >= expected, "all is in")
    check_whole(guest.rx_stop(), expected)
    check_stream_out(lab, tap, guest, 5000, 60)
    assert daemon.rpc("device.show", name="vm1")["counters"]["mem_tables"] > before


def test_driver_rebound(lab: Lab, qemu: str) -> None:
    """The guest's driver lets go of the device and takes it again, under traffic."""
    _, tap, guest = one_guest(lab, qemu)
    sender = lab.send(tap, rate=2000)
    for _ in range(3):
        guest.rebind()
        guest.set_up(address=f"{GUEST}/24")
        check_ping(guest)
    sender.end()
    check_stream_out(lab, tap, guest, 5000, 60)
    check_stream_in(lab, tap, guest, 5000, 5000, 60)


def test_port_removed(lab: Lab, qemu: str) -> None:
    """A guest's port is removed and added under traffic; QEMU connects again by itself."""
    daemon, tap, guest = one_guest(lab, qemu)
    sender = lab.send(tap, rate=2000)
    for _ in range(2):
        guest.tx_start(0, 2000, 60)
        daemon.ctl_text("wire", "remove", "w1")
        daemon.ctl_text("port", "remove", "vm1")
        assert "vm1" not in daemon.stats()
        daemon.ctl_text("port", "add", "vm1", "type=vhost", "socket=vm1.sock")
        daemon.ctl_text("wire", "add", "w1", "vm1", "up0")
        wait_until(lambda: answers(guest), "a ping is answered")
        assert guest.tx_stop()["error"] == 0
    sender.end()
    check_stream_out(lab, tap, guest, 5000, 60)
    check_stream_in(lab, tap, guest, 5000, 5000, 60)


def test_qemu_killed(lab: Lab, qemu: str) -> None:
    """kill -9 of QEMU under traffic, then another one on the same port; twice."""
    daemon, tap, guest = one_guest(lab, qemu)
    for _ in range(2):
        receiver = lab.receive(tap)
        sender = lab.send(tap, rate=2000)
        guest.tx_start(0, 5000, 60)
        wait_until(lambda r=receiver: r.report()["received"] > 500, "frames arrive at the tap")
        guest.kill()
        daemon.check_running()
        sender.end()
        receiver.end()
        guest.start()
        guest.wait_ready()
        guest.set_up(address=f"{GUEST}/24")
        check_ping(guest)
    check_stream_out(lab, tap, guest, 5000, 60)
    check_stream_in(lab, tap, guest, 5000, 5000, 60)


@pytest.mark.parametrize("mode", ["client", "server"])
def test_daemon_restarted(lab: Lab, qemu: str, mode: str) -> None:
    """The daemon ends, in good order and by kill -9, and comes back; the guest runs on.

    In client mode it connects to QEMU again, in server mode QEMU to it. While
    nobody is connected QEMU takes the guest's link down, and what the guest sends
    is lost in the guest: frames may be missing, but none comes twice or late.
    """
    config = one_guest_config(mode=mode, reconnect="yes" if mode == "client" else None)
    daemon, _, guest = one_guest(lab, qemu, config, server=mode == "client")
    check_ping(guest)
    for stop in (daemon.stop, daemon.kill):
        # The guest goes on sending all the time: its stream has to resume by itself.
        guest.tx_start(0, 1000, 60)
        stop()
        daemon.start()
        tap = lab.tap("rf0", address=f"{HOST}/24")
        receiver = lab.receive(tap)
        wait_until(lambda r=receiver: r.report()["received"] > 1000, "the stream goes on")
        guest.tx_stop()
        report = receiver.end()
        assert report["duplicates"] == 0 and report["reordered"] == 0, report
        wait_until(lambda: answers(guest), "a ping is answered")
        check_stream_out(lab, tap, guest, 5000, 60)
        check_stream_in(lab, tap, guest, 5000, 5000, 60)


def test_fewer_queues(lab: Lab, qemu: str) -> None:
    """A guest offered 4 queue pairs uses 1, 2, 4, 1, 3 of them, changed under traffic."""
    daemon, tap, guest = one_guest(lab, qemu, queues=4)
    assert guest.channels()["max_channels"] == 4
    check_ping(guest)
    for number, queues in enumerate((2, 4, 1, 3)):
        guest.tx_start(0, 2000, 60)
        sender = lab.send(tap, rate=2000)
        assert guest.channels(queues)["channels"] == queues
        check_ping(guest)
        sender.end()
        guest.tx_stop()
        count = 8000
        receiver = lab.receive(tap, kind="pktgen")
        report = guest.pktgen(count, 60, queues=queues)
        assert report["sent"] == count, report
        # The queues are polled in turn: the order is kept per queue only.
        check_whole(receive_all(receiver, count), count, in_order=queues == 1)
        check_stream_in(lab, tap, guest, 4000, 4000, 60)
        used = [ring for ring in rings(daemon, "vm1") if ring["enabled"]]
        assert len(used) == 2 * queues, (number, used)


def rings(daemon: Daemon, device: str) -> Any:
    """`ringferryctl --json ring list DEVICE`."""
    return daemon.ctl("ring", "list", device)


def two_guests(lab: Lab, qemu: str, mtu: int) -> Tuple[Guest, Guest]:
    """Two guests on one wire, with the addresses HOST and GUEST."""
    daemon = lab.daemon(Config().vhost("vm1", mtu=mtu).vhost("vm2", mtu=mtu)
                        .wire("w1", "vm1", "vm2"))
    options = f"host_mtu={mtu}"
    ports = [GuestPort(daemon.path("vm1.sock"), options=options),
             GuestPort(daemon.path("vm2.sock"), mac=OTHER_MAC, options=options)]
    guests = [lab.guest([port], f"vm{number}", qemu=qemu, memory=192, wait_ready=False)
              for number, port in enumerate(ports, 1)]
    for guest, address in zip(guests, (HOST, GUEST)):
        guest.wait_ready()
        # The guest takes the MTU from the device.
        assert guest.interface()["mtu"] == mtu
        guest.set_up(address=f"{address}/24")
    return guests[0], guests[1]


@pytest.mark.parametrize("mtu, size", [(1500, 60), (9000, 9014)])
def test_two_guests(lab: Lab, qemu: str, mtu: int, size: int) -> None:
    """Pings, and streams both ways as fast as they go, with nothing lost.

    Frames of 9000 bytes span several buffers of the receiver.
    """
    one, two = two_guests(lab, qemu, mtu)
    check_ping(one, GUEST, size=mtu - 28)
    check_ping(two, HOST)
    count = 10000 if size < 1500 else 2000
    for guest in (one, two):
        guest.rx_start()
    # A receiver without room holds the sender back.
    for guest in (one, two):
        guest.tx_start(count, 0, size)
    for guest in (one, two):
        assert guest.tx_wait()["sent"] == count
    for guest in (one, two):
        wait_settled(lambda g=guest: g.rx_report()["received"], lambda n: n >= count, "all is in")
        check_whole(guest.rx_stop(), count)
