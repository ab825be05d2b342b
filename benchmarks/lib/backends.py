# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""The back-ends that are compared. Each offers two vhost-user sockets and
forwards between them on one core.

A back-end has
    start()         returns when both sockets accept a front-end
    counters()      Counters, of what it has forwarded
    check(window)   raises BenchmarkError if the path lost what it must not lose
    check_conservation()    the same for its counters, while nothing flows
    details()       what else belongs into the result
    child           its process
    stop()
"""

import json
import time
from dataclasses import dataclass

from .errors import BenchmarkError
from .jsonrpc import Control
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

    def check_conservation(self):
        """Nothing to check unless a back-end counts what it does with each packet."""

    def details(self) -> dict:
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
        control = self.ctx.folder / 'ringferry.sock'
        control.unlink(missing_ok=True)
        config = self.ctx.folder / 'ringferry.conf'
        config.write_text(self._configuration())
        argv = [self.ctx.program('app/ringferryd'), '-c', config]
        if not self.ctx.huge:
            argv += ['--', '--file-prefix', self.label]
        self.child = self.ctx.spawn(self.label, argv)
        self.wait_sockets()
        self.child.wait_for('control socket', control.is_socket, 20)
        self._control = Control(control)
        about = self._control.call('version')
        self.version = f'{about["version"]} ({about["dpdk"]})'

    def _configuration(self) -> str:
        lines = ['[global]', f'data-lcores = {self.ctx.back_cpu}',
                 f'management-lcore = {self.ctx.front_cpu}', f'mempool-size = {MBUFS}',
                 f'run-directory = {self.ctx.folder}', 'log-level = notice', 'idle-policy = poll',
                 f'hugepages = {"yes" if self.ctx.huge else "no"}']
        for i, path in enumerate(self.sockets):
            lines += ['', f'[port p{i}]', 'type = vhost', f'socket = {path}', f'mtu = {MTU}']
        lines += ['', '[wire w]', 'ports = p0, p1', '']
        return '\n'.join(lines)

    def counters(self) -> Counters:
        ports = self._control.call('stats.show')
        lcores = self._control.call('lcore.list')
        return Counters(sum(port['out']['delivered'] for port in ports),
                        sum(port[way]['dropped_total'] for port in ports for way in ('in', 'out')),
                        sum(lcore['busy_cycles'] for lcore in lcores))

    def check(self, window: Counters):
        """A wire loses nothing: not one drop while traffic flowed."""
        if window.dropped:
            raise BenchmarkError(f'ringferryd dropped {window.dropped} of {window.packets} packets')

    def check_conservation(self):
        """With the traffic halted all counters must add up, over each port and over the wire."""
        deadline = time.monotonic() + 5
        while True:
            ports = self._control.call('stats.show')
            wrong = [f'{port["name"]}.{way} is not balanced' for port in ports
                     for way in ('in', 'out') if not port[way]['balanced']]
            wrong += [f'{a["name"]} passed {a["in"]["passed"]}, '
                      f'{b["name"]} was offered {b["out"]["packets"]}'
                      for a, b in (ports, ports[::-1]) if a['in']['passed'] != b['out']['packets']]
            if not wrong:
                return
            if time.monotonic() > deadline:
                raise BenchmarkError(f'ringferryd: {"; ".join(wrong)}: {json.dumps(ports)}')
            time.sleep(0.05)

    def details(self) -> dict:
        return {'version': self.version, 'rings': self._control.call('ring.list')}

    def stop(self):
        self.ctx.release(self.child)
        self._control.close()


class TestpmdAgainBackend(TestpmdBackend):
    """The peer under another name: what it differs from itself is the machine's noise."""
    label = 'testpmd-again'
