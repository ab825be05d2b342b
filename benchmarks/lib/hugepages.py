# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Huge pages for the time of a benchmark."""

from pathlib import Path

COUNT = Path('/proc/sys/vm/nr_hugepages')


def _meminfo(key: str) -> int:
    for line in Path('/proc/meminfo').read_text().splitlines():
        if line.startswith(key + ':'):
            return int(line.split()[1])
    return 0


class Hugepages:
    """Makes a number of MiB available in huge pages, and gives back what it added."""

    def __init__(self, mebibytes: int):
        self.mebibytes = mebibytes
        self.added = 0

    def reserve(self) -> bool:
        """True if there are enough huge pages now."""
        size = _meminfo('Hugepagesize')
        if size == 0:
            return False
        wanted = -(-self.mebibytes * 1024 // size)
        missing = wanted - self._available()
        if missing <= 0:
            return True
        before = _meminfo('HugePages_Total')
        try:
            COUNT.write_text(str(before + missing))
        except OSError:
            return False
        self.added = _meminfo('HugePages_Total') - before
        if self._available() >= wanted:
            return True
        self.restore()
        return False

    def restore(self):
        """Give back what reserve() added, and no more: others may have added since."""
        if self.added > 0:
            COUNT.write_text(str(max(0, _meminfo('HugePages_Total') - self.added)))
            self.added = 0

    @staticmethod
    def _available() -> int:
        return _meminfo('HugePages_Free') - _meminfo('HugePages_Rsvd')
