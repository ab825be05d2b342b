# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""The back-ends that are compared. Each offers two vhost-user sockets and
forwards between them on one core.

A back-end has
    start()         returns when both sockets accept a front-end
    counters()      Counters, of what it has forwarded
    check(window)   raises BenchmarkError if the path lost what it must not lose
    child           its process
    stop()
"""

import json
import subprocess
from dataclasses import dataclass

from .errors import BenchmarkError
from .testpmd import MBUFS, Testpmd

# A bigger frame than any benchmark sends must fit.
MTU = 9000


@dataclass
class Counters:
    """Totals at one moment, or the difference of two."""
    packets: int = 0        # forwarded, both directions
    dropped: int = 0
    cycles: int = 0         # the core's cycles with work at hand; 0: not known

    def since(self, before: 'Counters') -> 'Counters':
        return Counters(self.packets - before.packets, self.dropped - before.dropped,
                        self.cycles - before.cycles)

    @property
    def cycles_per_packet(self):
        return self.cycles / self.packets if self.cycles and self.packets else None


class Backend:
    """What both have in common: a name, two sockets, and the context."""
    label = ''

    def __init__(self, ctx):
        self.ctx = ctx
        self.child = None
        self.sockets = [ctx.folder / f'{self.label}-{i}.sock' for i in range(2)]

    def wait_sockets(self):
        self.child.wait_for('sockets', lambda: all(path.is_socket() for path in self.sockets), 20)

    def remove_sockets(self):
        for path in self.sockets:
            path.unlink(missing_ok=True)

    def details(self) -> dict:
        """What else belongs into the result, taken while traffic flows."""
        return {}


class TestpmdBackend(Backend):
    """dpdk-testpmd with two net_vhost ports in io mode: the peer."""
    label = 'testpmd'

    def start(self):
        self.remove_sockets()
        devices = [f'net_vhost{i},iface={path},queues=1' for i, path in enumerate(self.sockets)]
        self._testpmd = Testpmd(self.ctx, self.label, self.ctx.front_cpu, self.ctx.back_cpu,
                                devices, ['--auto-start'])
        self.child = self._testpmd.child
        self._testpmd.wait_prompt()
        self.wait_sockets()

    def counters(self) -> Counters:
        now = self._testpmd.forwarding()
        return Counters(now.rx, now.dropped, now.cycles)

    def check(self, window: Counters):
        """The peer may lose packets (it drops where a ring is full), which is shown."""

    def stop(self):
        self._testpmd.stop()


class RingferryBackend(Backend):
    """ringferryd with two vhost ports and a wire."""
    label = 'ringferryd'

    def start(self):
        self.remove_sockets()
        daemon = self.ctx.program('app/ringferryd')
        self._control = [str(self.ctx.program('app/ringferryctl')), '-s',
                         str(self.ctx.folder / 'ringferry.sock'), '--json']
        config = self.ctx.folder / 'ringferry.conf'
        config.write_text(self._configuration())
        eal = [] if self.ctx.huge else ['--file-prefix', self.label]
        self.child = self.ctx.spawn(self.label, [daemon, '-c', config] + (['--'] + eal if eal else []))
        self.wait_sockets()

    def _configuration(self) -> str:
        lines = ['[global]', f'data-lcores = {self.ctx.back_cpu}',
                 f'management-lcore = {self.ctx.front_cpu}', f'mempool-size = {MBUFS}',
                 f'run-directory = {self.ctx.folder}', 'log-level = notice', 'idle-policy = poll',
                 f'hugepages = {"yes" if self.ctx.huge else "no"}']
        for i, path in enumerate(self.sockets):
            lines += ['', f'[port p{i}]', 'type = vhost', f'socket = {path}', f'mtu = {MTU}']
        lines += ['', '[wire w]', 'ports = p0, p1', '']
        return '\n'.join(lines)

    def ask(self, *words):
        """One ringferryctl command; its result."""
        self.child.check_running()
        try:
            done = subprocess.run(self._control + list(words), capture_output=True, text=True,
                                  timeout=10, check=False)
        except subprocess.TimeoutExpired:
            raise BenchmarkError(f'ringferryctl {" ".join(words)}: no answer in 10 s') from None
        if done.returncode != 0:
            raise BenchmarkError(f'ringferryctl {" ".join(words)}: {done.stderr.strip()}\n'
                                 + self.child.tail())
        return json.loads(done.stdout)

    def counters(self) -> Counters:
        raise NotImplementedError

    def check(self, window: Counters):
        """A wire loses nothing: not one drop while traffic flowed."""
        if window.dropped:
            raise BenchmarkError(f'ringferryd dropped {window.dropped} of {window.packets} packets')

    def stop(self):
        self.ctx.release(self.child)


class TestpmdAgainBackend(TestpmdBackend):
    """The peer under another name: what it differs from itself is the machine's noise."""
    label = 'testpmd-again'
