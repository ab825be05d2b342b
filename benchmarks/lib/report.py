# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""The result of a benchmark: a table to read, JSON to keep."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

SCHEMA = 1


@dataclass
class Table:
    """Rows of text under headings; the first column is left, the others right aligned."""
    head: list
    rows: list = field(default_factory=list)

    def text(self) -> str:
        lines = [self.head] + self.rows
        widths = [max(len(row[i]) for row in lines) for i in range(len(self.head))]

        def line(row):
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
            return '  '.join(cells).rstrip()

        rule = '  '.join('=' * width for width in widths)      # a simple table of reST
        return '\n'.join([rule, line(self.head), rule, *map(line, self.rows), rule])


@dataclass
class Result:
    """What a benchmark hands back. `cases` hold every sample; `notes` what qualifies them."""
    benchmark: str
    title: str
    table: Table
    cases: list
    notes: list = field(default_factory=list)
    settings: dict = field(default_factory=dict)
    details: dict = field(default_factory=dict)
    versions: dict = field(default_factory=dict)
    commands: dict = field(default_factory=dict)
    machine: dict = field(default_factory=dict)
    seconds: float = 0.0


def text(result: Result) -> str:
    """The table, with what one must know to read it."""
    where = result.machine
    lines = ['', result.title, '', result.table.text(), '']
    lines += [f'{name}: {version}' for name, version in result.versions.items()]
    lines.append(f'machine: {where["cpu"]}, {where["cpus"]} CPUs'
                 f'{" (virtual)" if where["virtual"] else ""}, {where["system"]}, '
                 f'Linux {where["kernel"]}')
    lines += [f'note: {note}' for note in result.notes]
    return '\n'.join(lines)


def write_json(result: Result, path: Path):
    """All of the result; the file appears whole or not at all."""
    document = {'schema': SCHEMA, 'time': datetime.now(timezone.utc).isoformat(timespec='seconds'),
                **asdict(result)}
    path = path.resolve()
    with tempfile.NamedTemporaryFile('w', dir=path.parent, prefix=path.name, delete=False,
                                     encoding='utf-8') as out:
        json.dump(document, out, indent=2)
        out.write('\n')
    os.chmod(out.name, 0o644)
    os.replace(out.name, path)
