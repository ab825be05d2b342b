# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""What the numbers were measured on, and which CPUs to measure with."""

import os
import platform
import subprocess
from pathlib import Path

from .errors import BenchmarkError

CPUS = Path('/sys/devices/system/cpu')


def _read(path: Path, default: str = '') -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return default


def _field(text: str, key: str) -> str:
    for line in text.splitlines():
        name, _, value = line.partition(':')
        if name.strip() == key:
            return value.strip()
    return 'unknown'


def describe() -> dict:
    """CPU, kernel, memory, and what disturbs measurements."""
    cpuinfo = _read(Path('/proc/cpuinfo'))
    system = platform.freedesktop_os_release() if Path('/etc/os-release').exists() else {}
    return {
        'cpu': _field(cpuinfo, 'model name'),
        'cpus': os.cpu_count(),
        'mhz': _field(cpuinfo, 'cpu MHz'),
        'microcode': _field(cpuinfo, 'microcode'),
        'virtual': ' hypervisor' in cpuinfo,
        'caches': {f'L{_read(index / "level")} {_read(index / "type")}': _read(index / 'size')
                   for index in sorted((CPUS / 'cpu0' / 'cache').glob('index*'))},
        'governor': _read(CPUS / 'cpu0/cpufreq/scaling_governor', 'none'),
        'isolated': _read(CPUS / 'isolated'),
        'memory_kib': int(_field(_read(Path('/proc/meminfo')), 'MemTotal').split()[0]),
        'kernel': platform.release(),
        'system': system.get('PRETTY_NAME', 'unknown'),
        'load': os.getloadavg(),
    }


def package_version(package: str) -> str:
    """The version of a Debian package, or 'unknown'."""
    try:
        done = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', package],
                              capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 'unknown'
    return done.stdout.strip() or 'unknown'


def revision(tree: Path) -> str:
    """The commit of a source tree, with '+' if it has changes."""
    try:
        done = subprocess.run(['git', '-C', str(tree), 'describe', '--always', '--dirty=+'],
                              capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 'unknown'
    return done.stdout.strip() or 'unknown'


def _place(cpu: int) -> tuple:
    """(node, core) of a CPU; one core with two threads gives the same twice."""
    folder = CPUS / f'cpu{cpu}'
    node = next((path.name for path in folder.glob('node[0-9]*')), 'node0')
    return node, _read(folder / 'topology/core_cpus_list', str(cpu))


def choose_cpus(wish: str = None) -> tuple:
    """(front-end CPU, back-end CPU): one node, different cores."""
    allowed = sorted(os.sched_getaffinity(0))
    if wish:
        try:
            front, back = (int(part) for part in wish.split(','))
        except ValueError:
            raise BenchmarkError(f'--cpus {wish}: expected two numbers, as in 0,1') from None
        if front == back or not {front, back} <= set(allowed):
            raise BenchmarkError(f'--cpus {wish}: expected two different CPUs of {allowed}')
        return front, back
    for back in reversed(allowed):
        for front in allowed:
            if front != back and _place(front)[0] == _place(back)[0] \
                    and _place(front)[1] != _place(back)[1]:
                return front, back
    raise BenchmarkError(f'two CPUs on different cores of one node are needed, have {allowed}')


def stolen(cpus) -> float:
    """Seconds that the hypervisor took from these CPUs since boot, all together."""
    ticks = 0
    for line in _read(Path('/proc/stat')).splitlines():
        fields = line.split()
        if fields and fields[0] in {f'cpu{cpu}' for cpu in cpus}:
            ticks += int(fields[8])
    return ticks / os.sysconf('SC_CLK_TCK')
