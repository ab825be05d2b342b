# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Back-ends against each other: the same guest, the same sizes, in turns.

In each round every back-end is started afresh, in an order that changes from
round to round, so that neither the machine's mood nor the layout of memory
favours one of them.
"""

import contextlib
import time
from dataclasses import dataclass, field

from . import machine, stats
from .errors import BenchmarkError
from .frontend import BURSTS, RING_SIZE, Frontend, Guest
from .process import busiest_thread, realtime

QUICK_LIMIT = 38        # seconds into the run after which a quick one starts no other round
SETTLE = 0.25           # seconds of traffic before a sample
LEAST_PPS = 1000        # per direction; less is a path that hardly works
# Packets that can be on the way between the front-end's send and receive.
MOST_IN_FLIGHT = 2 * (2 * RING_SIZE + BURSTS * 32)
DISTURBED = 0.97        # share of its core below which a back-end was disturbed
LIMIT = 0.93            # share of its core above which the front-end sets the pace
UNSTEADY = 0.4          # spread above which a median says little
TOLERANCE = 0.05        # between the front-end's count and the back-end's


@dataclass
class Case:
    """One line of the comparison. samples: by back-end, one per round."""
    guest: Guest
    size: int
    samples: dict = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f'{self.guest.label}, {self.size} B'

    def values(self, label: str, key: str) -> list:
        return [sample[key] for sample in self.samples[label] if sample[key] is not None]


def run(ctx, backends: list, guests: list, sizes: list, rounds: int, seconds: float) -> list:
    """Measure every case with every back-end; the first is the one that is judged."""
    cases = [Case(guest, size, {backend.label: [] for backend in backends})
             for guest in guests for size in sizes]
    ctx.expect_steps(len(cases) * len(backends) * rounds)
    for number in range(rounds):
        if ctx.args.quick and number and ctx.elapsed() * (number + 1) / number > QUICK_LIMIT:
            ctx.say(f'enough: {number} of {rounds} rounds fit into the time of a quick run')
            break
        for guest in guests:
            turn = backends if number % 2 == 0 else backends[::-1]
            for backend in turn:
                _measure(ctx, backend, [case for case in cases if case.guest == guest],
                         seconds, f'round {number + 1}/{rounds}')
    return cases


def _measure(ctx, backend, cases: list, seconds: float, prefix: str):
    """One start of a back-end and its front-end, all sizes of one guest."""
    backend.start()
    frontend = None
    try:
        frontend = Frontend(ctx, f'front-end of {backend.label}', backend.sockets, cases[0].guest)
        ctx.details[backend.label] = backend.details()
        for case in cases:
            before = backend.counters()
            frontend.send(case.size)
            with _undisturbed(ctx, [backend.child, frontend.testpmd.child]):
                sample = _sample(ctx, backend, frontend, before, seconds)
            case.samples[backend.label].append(sample)
            frontend.halt()
            backend.check_conservation()
            ctx.step(f'{prefix}  {backend.label:<14} {case.label:<22} {sample["mpps"]:6.2f} Mpps')
    finally:
        if frontend:
            frontend.stop()
        backend.stop()


@contextlib.contextmanager
def _undisturbed(ctx, children: list):
    """Let the traffic settle; then real-time priority, if that was asked for."""
    before = [child.thread_times() for child in children]
    time.sleep(SETTLE)
    if not ctx.args.realtime:
        yield
        return
    polling = [busiest_thread(times, child.thread_times())['id']
               for times, child in zip(before, children)]
    with realtime(children, polling):
        yield


def _sample(ctx, backend, frontend, before, seconds: float) -> dict:
    """Throughput from the front-end's counters, cycles from the back-end's; both checked."""
    console = frontend.testpmd
    cpus = (ctx.front_cpu, ctx.back_cpu)
    front0 = console.forwarding()
    console.ports()                                         # starts the interval of Rx-pps
    stolen0 = machine.stolen(cpus)
    threads0, back0, start = backend.child.thread_times(), backend.counters(), time.monotonic()
    time.sleep(seconds)
    threads1, back1, end = backend.child.thread_times(), backend.counters(), time.monotonic()
    stolen = machine.stolen(cpus) - stolen0
    ports = console.ports()
    front1 = console.forwarding()

    window = back1.since(back0)
    thread = busiest_thread(threads0, threads1)
    pps = sum(ports.rx_pps)
    sample = {
        'mpps': pps / 1e6,
        'mpps_each_way': [rate / 1e6 for rate in ports.rx_pps],
        'seconds': end - start,
        'backend_packets': window.packets,
        'backend_dropped': window.dropped,
        'backend_cycles_per_packet': window.cycles_per_packet,
        'backend_core_share': thread['ran'] / (end - start) / 1e9,
        'backend_thread': thread['name'],
        'frontend_dropped': front1.dropped - front0.dropped,
        'frontend_cycles_per_packet': (front1.cycles - front0.cycles)
                                      / max(1, front1.counted - front0.counted),
        'frontend_busy': _busy(front0, front1, pps),
        'in_flight': front1.tx - front1.rx - back1.since(before).dropped,
        'lost_on_the_way': (front1.tx - front1.rx) - (front0.tx - front0.rx),
        'dropped_while_settling': back0.since(before).dropped,
        'stolen_seconds': stolen,
        'tsc_mhz': front1.mhz,
    }
    _check(backend, window, sample)
    return sample


def _busy(front0, front1, pps: int) -> float:
    """Share of its core that the front-end spends on packets."""
    packets = front1.counted - front0.counted
    if not packets or not front1.mhz:
        return 0.0
    return (front1.cycles - front0.cycles) / packets * pps / (front1.mhz * 1e6)


def _check(backend, window, sample: dict):
    """A path that does not work is not measured."""
    if min(sample['mpps_each_way']) * 1e6 < LEAST_PPS:
        raise BenchmarkError(f'{backend.label}: no traffic, or one way only: '
                             f'{sample["mpps_each_way"]} Mpps each way')
    lost = sample['lost_on_the_way'] - window.dropped
    if abs(lost) > MOST_IN_FLIGHT:
        raise BenchmarkError(f'{backend.label}: {lost} packets lost without a trace')
    counted = window.packets / sample['seconds']
    # The two are not read at quite the same time, which matters when others run in between.
    tolerance = TOLERANCE + max(0, 1 - sample['backend_core_share'])
    if abs(counted / (sample['mpps'] * 1e6) - 1) > tolerance:
        raise BenchmarkError(f'{backend.label}: it counts {counted / 1e6:.2f} Mpps, '
                             f'its front-end {sample["mpps"]:.2f}')
    backend.check(window)


def summarise(cases: list, ours: str, theirs: str) -> list:
    """The cases as plain data, with medians, spreads and ratios."""
    result = []
    for case in cases:
        entry = {'label': case.label, 'size': case.size, 'guest': case.guest.settings(),
                 'systems': {}}
        for label, samples in case.samples.items():
            entry['systems'][label] = {
                key: stats.summary(case.values(label, key)) if case.values(label, key) else None
                for key in ('mpps', 'backend_cycles_per_packet', 'frontend_cycles_per_packet')}
            entry['systems'][label]['samples'] = samples
        entry['ratio'] = stats.ratio(case.values(ours, 'mpps'), case.values(theirs, 'mpps'))
        result.append(entry)
    return result


def notes(cases: list) -> list:
    """What a reader of the table must know about the samples."""
    samples = [(label, sample) for case in cases for label, taken in case.samples.items()
               for sample in taken]
    found = []
    disturbed = sum(sample['backend_core_share'] < DISTURBED for _, sample in samples)
    if disturbed:
        found.append(f'{disturbed} of {len(samples)} samples were disturbed: other programs took '
                     f'more than {1 - DISTURBED:.0%} of the back-end\'s core')
    for case in cases:
        for label in case.samples:
            busy = stats.summary(case.values(label, 'frontend_busy'))['median']
            spread = stats.summary(case.values(label, 'mpps'))['spread']
            if spread > UNSTEADY:
                found.append(f'{case.label}, {label}: samples spread by {spread:.0%}; the machine '
                             'changed its pace, as when a hypervisor moves CPUs apart: repeat')
            if busy > LIMIT:
                found.append(f'{case.label}, {label}: the front-end is the limit, its core is '
                             f'{min(busy, 1):.0%} busy: compare cycles per packet')
    for label in cases[0].samples:
        dropped = sum(sample['backend_dropped'] for name, sample in samples if name == label)
        if dropped:
            found.append(f'{label} dropped {dropped} packets while it was measured')
    return found
