# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""The guest's side: dpdk-testpmd with net_virtio_user ports, which sends back
out of one port what came in by the other, so that packets go in circles."""

from dataclasses import asdict, dataclass

from .testpmd import Testpmd

# One start sends BURSTS * 32 packets from each port. That is more than the rings
# take: the surplus is dropped at once, and as many go round as the rings hold.
BURSTS = 32
RING_SIZE = 256


@dataclass(frozen=True)
class Guest:
    """How the guest's driver negotiates, and what it does with packets."""
    packed: bool = False
    mergeable: bool = True
    in_order: bool = True
    mode: str = 'io'            # or macswap: touches every packet, as a guest does

    @property
    def label(self) -> str:
        return (f'{"packed" if self.packed else "split"}'
                f'{"" if self.mergeable else ", not mergeable"}'
                f'{"" if self.in_order else ", not in order"}'
                f'{"" if self.mode == "io" else ", " + self.mode}')

    def settings(self) -> dict:
        return {**asdict(self), 'ring_size': RING_SIZE, 'bursts': BURSTS}


class Frontend:
    """A running front-end on two sockets. `testpmd` is its console."""

    def __init__(self, ctx, name: str, sockets: list, guest: Guest):
        options = (f'queues=1,queue_size={RING_SIZE},packed_vq={int(guest.packed)},'
                   f'mrg_rxbuf={int(guest.mergeable)},in_order={int(guest.in_order)}')
        devices = [f'net_virtio_user{i},path={path},{options}' for i, path in enumerate(sockets)]
        self.testpmd = Testpmd(ctx, name, ctx.front_cpu, ctx.front_cpu, devices,
                               [f'--txd={RING_SIZE}', f'--rxd={RING_SIZE}'])
        self.testpmd.wait_prompt()
        self.testpmd.command(f'set fwd {guest.mode}')
        self._running = False

    def send(self, size: int):
        """Fill the circle with packets of one size (without the frame check sequence)."""
        self.halt()
        self.testpmd.command(f'set txpkts {size}')
        self.testpmd.command(f'start tx_first {BURSTS}')
        self._running = True

    def halt(self):
        if self._running:
            self.testpmd.command('stop')
            self._running = False

    def stop(self):
        self.testpmd.stop()
