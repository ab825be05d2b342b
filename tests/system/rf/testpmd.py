# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""dpdk-testpmd as a front-end: virtio-net drivers on vhost-user sockets.

It runs without hugepages, and is talked to over a pseudo terminal: with one it
writes line by line, so that all that a command prints stands before the next
prompt. Its lcores may run on any CPU.
"""

import os
import pty
import re
import shutil
import signal
import termios
import threading
from typing import Callable, List, Optional, Sequence

from rf.proc import Process

PROMPT = b"testpmd> "
MBUFS = 8192
START_SECONDS = 60.0
COMMAND_SECONDS = 30.0
# How long a stream waits for room before it drops a packet: longer than any test lasts.
RETRY_MICROSECONDS = 20
RETRIES = 3000000

_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\r")
_REFUSALS = ("Bad arguments", "Command not found", "Ambiguous command",
             "Not all ports were started")


class TestpmdError(AssertionError):
    """testpmd ended, or refused a command."""

    __test__ = False


def virtio_user(index: int, path: str, *, server: bool = False, queues: int = 1,
                mergeable: bool = True, in_order: bool = True, ring: int = 256) -> str:
    """The devargs of a virtio-net driver on a vhost-user socket; as a server it listens."""
    return (f"net_virtio_user{index},path={path},queues={queues},queue_size={ring},"
            f"mrg_rxbuf={int(mergeable)},in_order={int(in_order)}"
            + (",server=1" if server else ""))


class Testpmd:
    """One testpmd. Its ports are the devices, in their order; port 2n is paired with 2n + 1."""

    __test__ = False

    def __init__(self, name: str, folder: str, devices: Sequence[str], *, queues: int = 1,
                 mbuf_size: Optional[int] = None, mode: str = "io", lcores: int = 1,
                 options: Sequence[str] = (),
                 wrap: Callable[[List[str]], List[str]] = lambda args: args):
        """It is the caller's to wait_ready() and close()."""
        self.name = name
        self._text = b""  # under _arrived
        self._closed = False  # under _arrived
        self._ending = False
        self._arrived = threading.Condition()
        cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
        args = [shutil.which("dpdk-testpmd") or "dpdk-testpmd", f"--lcores=(0-{lcores})@({cpus})",
                "--no-huge", "-m", "256", "--no-shconf", "--no-pci", "--no-telemetry",
                f"--file-prefix=rf{os.getpid()}{name}"]
        for device in devices:
            args += ["--vdev", device]
        args += ["--", "--interactive", f"--forward-mode={mode}", "--no-flush-rx",
                 f"--nb-cores={lcores}",
                 f"--rxq={queues}", f"--txq={queues}", f"--total-num-mbufs={MBUFS}"]
        if mbuf_size is not None:
            args.append(f"--mbuf-size={mbuf_size}")
        args += options
        self._terminal, ours = pty.openpty()
        try:
            mode_bits = termios.tcgetattr(ours)
            mode_bits[3] &= ~termios.ECHO
            termios.tcsetattr(ours, termios.TCSANOW, mode_bits)
            self.process = Process(name, wrap(args), os.path.join(folder, f"{name}.log"),
                                   stdin=ours, stdout=ours)
        except BaseException:
            os.close(self._terminal)
            raise
        finally:
            os.close(ours)
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until it takes commands; a listening virtio_user waits for Ringferry before."""
        text = self.wait_prompt(seconds)
        if "Fail to" in text or "Start ports failed" in text:
            raise TestpmdError(f"{self.name}: {text}")

    def _drain(self) -> None:
        """Runs on a thread: a testpmd that nobody reads would stop in the middle of a line."""
        with open(self.process.log, "ab") as log:
            while True:
                try:
                    data = os.read(self._terminal, 65536)
                except OSError:
                    data = b""  # EIO: testpmd has ended
                log.write(data)
                log.flush()
                with self._arrived:
                    self._closed = not data
                    self._text = _ESCAPES.sub(b"", self._text + data)
                    self._arrived.notify()
                if not data:
                    return

    def wait_prompt(self, seconds: float = COMMAND_SECONDS) -> str:
        """The output up to the next prompt."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._closed or PROMPT in self._text, seconds)
            closed = self._closed
            text, prompt, self._text = self._text.partition(PROMPT)
        if not prompt:
            raise TestpmdError(f"{self.name} {'has ended' if closed else 'gives no prompt'}:\n"
                               f"{self.process.log_tail()}")
        return text.decode(errors="replace")

    def command(self, line: str, seconds: float = COMMAND_SECONDS) -> str:
        """Type a command and return what it printed."""
        self.process.check_running()
        with self._arrived:
            self._text = b""
        os.write(self._terminal, line.encode() + b"\n")
        text = self.wait_prompt(seconds)
        if any(refusal in text for refusal in _REFUSALS):
            raise TestpmdError(f"{self.name}: {line}: {text}")
        return text

    def retry(self) -> None:
        """Have streams wait for room instead of dropping what does not fit."""
        self.command("set fwd io retry")
        self.command(f"set burst tx delay {RETRY_MICROSECONDS} retry {RETRIES}")

    def start(self, tx_first: int = 0) -> None:
        """Begin to forward."""
        self.command(f"start tx_first {tx_first}" if tx_first else "start")

    def stop(self) -> None:
        """Stop forwarding."""
        self.command("stop")

    def rx_packets(self) -> List[int]:
        """What each port has received since it was started."""
        return [int(number) for number in
                re.findall(r"RX-packets:\s*(\d+)", self.command("show port stats all"))]

    def type_quit(self) -> None:
        """Tell it to end; quit() waits for that."""
        self.process.check_running()
        os.write(self._terminal, b"quit\n")
        self._ending = True

    def quit(self, seconds: float = 20.0) -> None:
        """End it in good order."""
        if not self._ending:
            self.type_quit()
        status = self.process.wait(seconds)
        self.close()
        if status != 0:
            raise TestpmdError(f"{self.name} ended with {status}:\n{self.process.log_tail()}")

    def kill(self) -> None:
        """kill -9."""
        self.process.signal(signal.SIGKILL)
        self.process.wait(10)
        self.close()

    def close(self) -> None:
        """End it at once. Idempotent."""
        self.process.kill()
        self._reader.join(5)
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1
