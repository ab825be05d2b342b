# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""ringferryd against testpmd, from one virtio-net device to another through one core.

Back-end: ringferryd with two vhost ports joined by a wire, or dpdk-testpmd
with two net_vhost ports in io mode; either on one core. Front-end, on another
core: dpdk-testpmd with two net_virtio_user ports, which sends packets in
circles. Split rings of 256. Counted are the packets that arrive at the
front-end, both directions together.
"""

from lib import compare, machine
from lib.backends import RingferryBackend, TestpmdAgainBackend, TestpmdBackend
from lib.frontend import BURSTS, RING_SIZE, Guest
from lib.report import Result, Table

SUMMARY = 'throughput from vhost port to vhost port, against testpmd'
SIZES = (64, 256, 1518)


def add_arguments(parser):
    parser.add_argument('--sizes', metavar='N,...', default=','.join(map(str, SIZES)),
                        help='bytes per frame (default: %(default)s)')
    parser.add_argument('--noise', action='store_true',
                        help='compare testpmd with itself: shows what the machine adds')


def run(ctx) -> Result:
    args = ctx.args
    rounds = args.rounds or (5 if args.quick else 11)
    seconds = args.seconds or (0.4 if args.quick else 1.0)
    guests = [Guest()] if args.quick else [Guest(), Guest(mergeable=False)]
    sizes = [int(size) for size in args.sizes.split(',')]
    judged = TestpmdAgainBackend(ctx) if args.noise else RingferryBackend(ctx)
    peer = TestpmdBackend(ctx)

    cases = compare.run(ctx, [judged, peer], guests, sizes, rounds, seconds)
    entries = compare.summarise(cases, judged.label, peer.label)
    versions = {'testpmd': 'DPDK package ' + machine.package_version('dpdk')}
    if not args.noise:
        versions['ringferryd'] = f'{judged.version}, commit {machine.revision(ctx.build.parent)}'
    return Result(
        benchmark='loopback',
        title=f'{judged.label} against {peer.label}, vhost port to vhost port, one core, Mpps both '
              'directions together',
        table=_table(entries, judged.label, peer.label), cases=entries,
        notes=compare.notes(cases), versions=versions,
        details=ctx.details,
        settings={'rounds': rounds, 'seconds': seconds, 'ring_size': RING_SIZE, 'bursts': BURSTS})


def _table(entries: list, judged: str, peer: str) -> Table:
    table = Table(['case', judged, 'spread', peer, 'spread', 'ratio', 'per round',
                   'cycles/packet', 'peer\'s'])
    for entry in entries:
        ours, theirs = entry['systems'][judged], entry['systems'][peer]
        ratio = entry['ratio']
        table.rows.append([
            entry['label'],
            f'{ours["mpps"]["median"]:.2f}', f'{ours["mpps"]["spread"]:.0%}',
            f'{theirs["mpps"]["median"]:.2f}', f'{theirs["mpps"]["spread"]:.0%}',
            f'{ratio["median"]:.2f}', f'{ratio["min"]:.2f} to {ratio["max"]:.2f}',
            _cycles(ours), _cycles(theirs)])
    return table


def _cycles(system: dict) -> str:
    cycles = system['backend_cycles_per_packet']
    return f'{cycles["median"]:.0f}' if cycles else '-'
