# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""dpdk-testpmd behind its interactive console, on pipes.

stdbuf makes it write line by line, so that everything a command prints stands
before the next prompt. A pseudo terminal would do so too, but its bytes pass
through kernel threads that do not get a turn beside a polling real-time thread.
"""

import os
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass, field

from .errors import BenchmarkError

PROMPT = b'testpmd> '
MBUFS = 16384


@dataclass
class Forwarding:
    """`show fwd stats all`: what this testpmd has forwarded since its last start."""
    rx: int = 0
    tx: int = 0
    dropped: int = 0
    cycles: int = 0
    counted: int = 0        # the packets that `cycles` stands for
    mhz: int = 0


@dataclass
class Ports:
    """`show port stats all`: packets, and packets per second since the last call."""
    rx: list = field(default_factory=list)
    tx: list = field(default_factory=list)
    rx_pps: list = field(default_factory=list)


def program() -> str:
    path = shutil.which('dpdk-testpmd')
    if path is None:
        raise BenchmarkError('dpdk-testpmd is missing (Debian package dpdk)')
    return path


class Testpmd:
    """One testpmd: its main lcore on main_cpu, one forwarding lcore on forward_cpu."""

    def __init__(self, ctx, name: str, main_cpu: int, forward_cpu: int, devices: list,
                 options: list = ()):
        self.name = name
        self._ctx = ctx
        self._buffer = b''          # under _arrived
        self._closed = False        # under _arrived
        self._arrived = threading.Condition()
        argv = ['stdbuf', '-oL', program(), '--lcores', f'0@{main_cpu},1@{forward_cpu}',
                *ctx.eal_memory(name), '--no-pci', '--no-telemetry']
        for device in devices:
            argv += ['--vdev', device]
        argv += ['--', '--interactive', '--record-core-cycles', '--forward-mode=io',
                 f'--total-num-mbufs={MBUFS}', *options]
        self.child = ctx.spawn(name, argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._in = self.child.process.stdin.fileno()
        self._out = self.child.process.stdout.fileno()
        # A signal may hit another thread than the one that reads, and change nothing.
        self.child.ask_to_end = lambda: os.write(self._in, b'quit\n')
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self):
        """Runs on a thread: a testpmd that nobody reads would stop in the middle of a line."""
        with open(self.child.log, 'ab') as log:
            while True:
                data = os.read(self._out, 65536)
                log.write(data)
                log.flush()
                with self._arrived:
                    self._closed = not data
                    self._buffer += data
                    self._arrived.notify()
                if not data:
                    return

    def wait_prompt(self, seconds: float = 20.0) -> str:
        """The output up to the next prompt."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._closed or PROMPT in self._buffer, seconds)
            text, prompt, self._buffer = self._buffer.partition(PROMPT)
        if not prompt:
            self._fail('ended' if self._closed else f'no prompt after {seconds:.0f} s')
        return text.decode(errors='replace')

    def _fail(self, what: str):
        raise BenchmarkError(f'{self.name}: {what}:\n{self.child.tail(25)}')

    def command(self, line: str, seconds: float = 20.0) -> str:
        """Type one command and return what it printed."""
        self.child.check_running()
        with self._arrived:
            self._buffer = b''
        try:
            os.write(self._in, line.encode() + b'\n')
        except BrokenPipeError:
            self._fail('ended')
        # The console echoes the line without its prompt: the next prompt ends the output.
        text = self.wait_prompt(seconds)
        for refusal in ('Bad arguments', 'Command not found', 'Ambiguous command'):
            if refusal in text:
                self._fail(f'"{line}": {refusal}')
        return text

    def forwarding(self) -> Forwarding:
        text = self.command('show fwd stats all')
        total = text.rpartition('Accumulated forward statistics')[2]
        result = Forwarding()
        rx = re.search(r'RX-packets:\s*(\d+)', total)
        tx = re.search(r'TX-packets:\s*(\d+)\s*TX-dropped:\s*(\d+)', total)
        if not rx or not tx:
            self._fail('cannot read "show fwd stats all"')
        result.rx, result.tx, result.dropped = int(rx[1]), int(tx[1]), int(tx[2])
        cycles = re.search(r'total cycles=(\d+) / total \w+ packets=(\d+)\) at (\d+) MHz', total)
        if cycles:
            result.cycles, result.counted, result.mhz = (int(group) for group in cycles.groups())
        return result

    def ports(self) -> Ports:
        text = self.command('show port stats all')
        result = Ports([int(n) for n in re.findall(r'RX-packets:\s*(\d+)', text)],
                       [int(n) for n in re.findall(r'TX-packets:\s*(\d+)', text)],
                       [int(n) for n in re.findall(r'Rx-pps:\s*(\d+)', text)])
        if not result.rx or len(result.rx) != len(result.rx_pps):
            self._fail('cannot read "show port stats all"')
        return result

    def stop(self):
        """End testpmd."""
        self._ctx.release(self.child)
        self._reader.join(5)
        self.child.process.stdin.close()
        self.child.process.stdout.close()
