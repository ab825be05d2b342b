# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""The demo behind run-demo: a guest on a wire to a tap, traffic both ways, and the account.

A guest boots on a vhost-user port of ringferryd, which is wired to a tap
interface. The guest's kernel generates packets; numbered frames flow in, then
both ways at once. Every frame is looked for at the other end.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from rf import Config, Daemon, Guest, GuestPort, Lab, StreamReceiver, Tap  # noqa: E402
from rf.daemon import books  # noqa: E402
from rf.proc import run_tool  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOST = "192.0.2.1"
GUEST = "192.0.2.2"
QUIET_SECONDS = 3.0  # without a further frame, what is missing counts as lost
LIMIT_SECONDS = 60.0  # for one stream
TOOL_SECONDS = 900.0  # to fetch and make what the guest needs
FRAME_OVERHEAD = 24  # FCS, preamble and gap, which a wire would carry too

started = time.monotonic()


def say(text: str = "") -> None:
    """A line with the time, or an empty one."""
    print(f"[{time.monotonic() - started:5.1f} s] {text}" if text else "", flush=True)


def indent(text: str) -> None:
    """Something that a program printed."""
    for line in text.rstrip().splitlines():
        print(f"          {line}", flush=True)


def view(daemon: Daemon, *command: str) -> None:
    """A ringferryctl view as an operator sees it."""
    say(f"$ ringferryctl {' '.join(command)}")
    indent(daemon.ctl_text(*command))


class Row:
    """One stream and what became of it."""

    def __init__(self, name: str, size: int):
        self.name = name
        self.size = size
        self.sent = 0
        self.report: Dict[str, Any] = {}
        self.dropped_by_tap = 0

    def close(self, sent: int, report: Dict[str, Any], dropped_by_tap: int = 0) -> "Row":
        """Enter the outcome."""
        self.sent, self.report, self.dropped_by_tap = sent, report, dropped_by_tap
        return self

    @property
    def received(self) -> int:
        """Different frames that came in."""
        return self.report["received"]

    @property
    def lost(self) -> int:
        """Frames that were handed to Ringferry and never came out."""
        return self.sent - self.dropped_by_tap - self.received

    @property
    def rate(self) -> float:
        """Frames a second at the receiver."""
        stream = self.report["streams"].get("0")
        return self.received / stream["seconds"] if stream and stream["seconds"] else 0.0

    def good(self) -> bool:
        """Everything once, in order, undamaged?"""
        return self.lost == 0 and not any(
            self.report[key] for key in ("duplicates", "reordered", "corrupt"))

    def as_dict(self) -> Dict[str, Any]:
        """For the JSON file."""
        return {"name": self.name, "size": self.size, "sent": self.sent,
                "dropped_by_tap": self.dropped_by_tap, "received": self.received,
                "lost": self.lost, "frames_per_second": round(self.rate),
                **{key: self.report[key] for key in ("duplicates", "reordered", "corrupt")}}


def follow(name: str, total: int, number: Callable[[], int], meanwhile: Callable[[], None]) -> None:
    """Tell the progress of a stream until it is in or stands still; look around half-way."""
    begin = told = changed = time.monotonic()
    last = number()
    looked = False
    while last < total and time.monotonic() - changed < QUIET_SECONDS:
        if time.monotonic() - begin > LIMIT_SECONDS:
            say(f"{name}: not done after {LIMIT_SECONDS:.0f} s, going on")
            break
        if not looked and last >= total // 3:
            looked = True
            meanwhile()
        if time.monotonic() - told >= 2:
            told = time.monotonic()
            say(f"{name}: {last} of {total} frames")
        time.sleep(0.1)
        now = number()
        if now != last:
            last, changed = now, time.monotonic()
    if not looked:
        meanwhile()
    say(f"{name}: {last} of {total} frames are in")


def generator_out(lab: Lab, daemon: Daemon, tap: Tap, guest: Guest, count: int) -> Row:
    """The guest's pktgen to the tap."""
    row = Row("guest's pktgen -> tap", 60)
    receiver = lab.receive(tap, kind="pktgen")
    guest.pktgen_start(count, row.size)

    def look() -> None:
        view(daemon, "port", "list")
        view(daemon, "lcore", "list")

    follow(row.name, count, lambda: receiver.report()["received"], look)
    return row.close(guest.pktgen_stop()["sent"], receiver.end())


def stream_in(lab: Lab, daemon: Daemon, tap: Tap, guest: Guest, count: int) -> Row:
    """A numbered stream from the tap into the guest."""
    row = Row("numbered stream: tap -> guest", 1000)
    guest.rx_start()
    before = tap.stats()["tx_dropped"]
    sender = lab.send(tap, count=count, rate=8000, size=row.size)
    follow(row.name, count, lambda: guest.rx_report()["received"],
           lambda: view(daemon, "device", "show", "vm1", "--rings"))
    sent = sender.end()["sent"]
    return row.close(sent, guest.rx_stop(), tap.stats()["tx_dropped"] - before)


def both_ways(lab: Lab, daemon: Daemon, tap: Tap, guest: Guest, count: int) -> List[Row]:
    """Numbered streams out and in at the same time."""
    out = Row("both at once: guest -> tap", 256)
    inward = Row("both at once: tap -> guest", 256)
    receiver: StreamReceiver = lab.receive(tap)
    guest.rx_start()
    before = tap.stats()["tx_dropped"]
    sender = lab.send(tap, count=count, rate=5000, size=256)
    guest.tx_start(count, 5000, 256)
    follow(out.name, count, lambda: receiver.report()["received"], lambda: view(daemon, "stats"))
    follow(inward.name, count, lambda: guest.rx_report()["received"], lambda: None)
    out.close(guest.tx_stop()["sent"], receiver.end())
    inward.close(sender.end()["sent"], guest.rx_stop(), tap.stats()["tx_dropped"] - before)
    return [out, inward]


def print_table(rows: List[Row]) -> None:
    """The result."""
    print(f"{'':31} {'bytes':>6} {'sent':>8} {'received':>8} {'lost':>6} {'twice':>6} "
          f"{'late':>6} {'frames/s':>9} {'Mbit/s':>7}")
    for row in rows:
        megabits = row.rate * (row.size + FRAME_OVERHEAD) * 8 / 1e6
        print(f"{row.name:31} {row.size:6} {row.sent:8} {row.received:8} {row.lost:6} "
              f"{row.report['duplicates']:6} {row.report['reordered']:6} {row.rate:9.0f} "
              f"{megabits:7.1f}")
        if row.dropped_by_tap:
            print(f"{'':31} ({row.dropped_by_tap} were dropped by the tap's own queue in the "
                  "kernel, before Ringferry)")


def print_books(stats: Dict[str, Dict[str, Any]]) -> bool:
    """Ringferry's own account; does it balance?"""
    balanced = True
    print(f"{'port':6} {'way':4} {'came':>10} {'= went on':>10} {'+ dropped':>10} "
          f"{'+ in hand':>10}")
    for port, way, came, accounted in books(stats):
        counts = stats[port][way]
        went = counts["passed" if way == "in" else "delivered"]
        dropped = counts["dropped"]
        named = ", ".join(f"{why}: {number}" for why, number in dropped.items() if number)
        print(f"{port:6} {way:4} {came:10} {went:10} {sum(dropped.values()):10} "
              f"{counts['in_hand']:10} {named}{'' if came == accounted else ' DOES NOT BALANCE'}")
        balanced = balanced and came == accounted
    return balanced


def get(tool: str, target: str) -> str:
    """Have a tool of tests/guest make something; it shows its own progress."""
    run_tool([os.path.join(TOP, "tests", "guest", tool), target], TOOL_SECONDS, capture=False)
    return target


def qemu_version(root: str) -> str:
    """What QEMU calls itself."""
    args = (["chroot", root] if root else []) + ["/usr/bin/qemu-system-x86_64", "--version"]
    result = subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True)
    return result.stdout.splitlines()[0]


def run(options: argparse.Namespace) -> bool:
    """The demo; True if all is well."""
    image = get("build-image", os.path.join(options.cache, "guest"))
    root = ""
    if options.qemu == "10":
        root = os.environ.get("RF_QEMU10") or get("get-qemu10",
                                                  os.path.join(options.cache, "qemu10"))
    scale = 1 if options.quick else 5
    logs = os.path.join(options.build, "logs", "demo")
    shutil.rmtree(logs, ignore_errors=True)
    with Lab(options.build, image=image, qemu10=root or None, keep_logs=logs) as lab:
        config = Config().vhost("vm1").tap("up0", "rf0").wire("w1", "vm1", "up0")
        say("ringferryd starts with this configuration")
        daemon = lab.daemon(config)
        indent(daemon.config.text())
        tap = lab.tap("rf0", address=f"{HOST}/24")
        say("ringferryd is ready; its tap interface rf0 is in a network namespace of its own")
        say(f"a guest boots on {daemon.path('vm1.sock')}: {qemu_version(root)}, emulated, 1 CPU")
        guest = lab.guest([GuestPort(daemon.path("vm1.sock"))], qemu=options.qemu)
        guest.set_up(address=f"{GUEST}/24")
        say(f"the guest is up: Linux {guest.do('info')['kernel']}")
        ping = guest.ping(HOST, 5)
        say(f"the guest pings the tap: {ping['received']} of {ping['sent']} answered")
        rows = [generator_out(lab, daemon, tap, guest, 40000 * scale),
                stream_in(lab, daemon, tap, guest, 16000 * scale),
                *both_ways(lab, daemon, tap, guest, 10000 * scale)]
        say("stopping the guest, then ringferryd")
        guest.quit()
        stats = daemon.stats()
        daemon.stop()
        print()
        print_table(rows)
        print()
        balanced = print_books(stats)
        print()
        good = balanced and all(row.good() for row in rows) and ping["received"] == ping["sent"]
        lost = sum(row.lost for row in rows)
        sent = sum(row.sent - row.dropped_by_tap for row in rows)
        print(f"{'passed' if good else 'FAILED'}: {sent} frames, {lost} lost, "
              f"{time.monotonic() - started:.0f} s", flush=True)
        lab.failed = not good
    if options.json:
        result = {"passed": good, "qemu": qemu_version(root), "lost": lost, "sent": sent,
                  "balanced": balanced, "seconds": round(time.monotonic() - started, 1),
                  "streams": [row.as_dict() for row in rows], "stats": stats}
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
            file.write("\n")
    if not good:
        say(f"logs are in {logs}")
    return good


def interrupted(*_: Any) -> None:
    """End in good order, once."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """Options are run-demo's."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--qemu", choices=["7", "10"], default="7")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        return 0 if run(options) else 1
    except KeyboardInterrupt:
        say("interrupted; everything that was started is gone")
        return 130
    except (AssertionError, OSError, subprocess.CalledProcessError) as error:
        say(f"FAILED: {error}")
        say(f"logs are in {os.path.join(options.build, 'logs', 'demo')}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
