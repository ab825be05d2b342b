# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""The tree passes each check, and each check fails on a bad sample."""

import shutil
import sys
from pathlib import Path
from typing import Dict

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import checks  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
C_HEAD = f'/* {checks.SPDX} */\n/* {checks.COPYRIGHT} */\n\n'
ROOMS = f"# {checks.SPDX}\nrooms = [\n    'base',\n    'conf',\n    'virtq',\n    'vhost',\n]\n"

# A tree in which nothing is wrong.
GOOD = {
    'lib/meson.build': ROOMS,
    'lib/base/err.h': C_HEAD + 'int base_err(void);\n',
    'lib/conf/conf.c': C_HEAD + '#include <stdio.h>\n\n#include "base/err.h"\n\n'
                                '/* strcpy( in a comment */\n'
                                'const char *conf_text = "atoi(exit(1))";\n',
    'app/main.c': C_HEAD + '#include <stdlib.h>\n\n#include "vhost/vhost.h"\n\n'
                           'int\nmain(void)\n{\n\texit(0);\n}\n',
    'tests/run.sh': f'#!/bin/sh\n# {checks.SPDX}\nexit 0\n',
}

# Check, file, content, and a part of the finding that must come.
BAD = (
    ('rooms', 'lib/base/up.c', C_HEAD + '#include "conf/conf.h"\n', 'up.c:4: room base must not'),
    ('rooms', 'lib/conf/app.c', C_HEAD + '#include "app/main.h"\n', 'app is not a room'),
    ('rooms', 'lib/conf/near.c', C_HEAD + '#include "conf.h"\n', 'include as "room/file.h"'),
    ('rooms', 'lib/attic/old.c', C_HEAD, 'room attic is not in the list'),
    ('rooms', 'lib/meson.build', '# nothing\n', 'no list of rooms'),
    ('spdx', 'lib/base/none.c', f'/* {checks.COPYRIGHT} */\n', 'none.c:1: no line "SPDX'),
    ('spdx', 'lib/base/whose.h', f'/* {checks.SPDX} */\n', 'no line "Copyright'),
    ('spdx', 'tests/tool', '#!/bin/sh\nexit 0\n', 'tool:1: no line "SPDX'),
    ('forbidden', 'lib/base/a.c', C_HEAD + '\tstrcpy(a, b);\n', 'a.c:4: strcpy()'),
    ('forbidden', 'lib/base/b.c', C_HEAD + '\tn = sprintf (a, b);\n', 'sprintf'),
    ('forbidden', 'lib/base/c.c', C_HEAD + '\tstrcat(a, b);\n', 'strcat'),
    ('forbidden', 'lib/base/d.c', C_HEAD + '\tn = atoi(b);\n', 'atoi'),
    ('forbidden', 'lib/base/e.c', C_HEAD + '\tp = strtok(b, " ");\n', 'strtok'),
    ('forbidden', 'tests/f.c', C_HEAD + '\tgets(b);\n', 'gets'),
    ('forbidden', 'lib/base/g.c', C_HEAD + '\texit(1);\n', 'only main()'),
    ('forbidden', 'lib/base/h.c', C_HEAD + '\tabort();\n', 'only main()'),
    ('forbidden', 'app/i.c', C_HEAD + '\trte_exit(1, "x");\n', 'only main()'),
    ('forbidden', 'lib/base/j.c', C_HEAD + '/* TODO: more */\n', 'j.c:4: TODO'),
    ('data', 'lib/vhost/ring_data.c', C_HEAD + '#include "base/log.h"\n', 'include base/log.h'),
    ('data', 'lib/virtq/split.c', C_HEAD + '\tp = malloc(8);\n', 'split.c:4: a data file'),
    ('data', 'lib/virtq/call.c', C_HEAD + '\trte_vhost_vring_call(0, 1);\n', 'rte_vhost_vring'),
    ('length', 'lib/base/long.c', C_HEAD + '\n' * 700, '703 lines, 700 at most'),
    ('text', 'lib/base/end.c', C_HEAD + 'int a; \n', 'end.c:4: white space'),
    ('text', 'docs/x.rst', 'a', 'no line end'),
    ('text', 'docs/y.rst', 'a\n\n', 'an empty line'),
    ('text', 'tests/z.py', '\ta = 1\n', 'a tab'),
    ('text', 'lib/base/wide.c', C_HEAD + '\t' * 12 + 'abcde;\n', '102 columns'),
    ('scripts', 'tests/broken.sh', 'if true\n', 'broken.sh:1:'),
    ('scripts', 'tests/careless.sh', '#!/bin/sh\ncd /tmp\nrm ./*\n', 'careless.sh:2:'),
    ('scripts', 'tests/broken.py', 'def (:\n', 'broken.py:1:'),
    ('scripts', 'docs/broken.svg', '<svg>\n', 'broken.svg:2:'),
    ('format', 'lib/base/ugly.c', C_HEAD + 'int a(void) { return 1; }\n', 'ugly.c:4: format'),
)


def plant(root: Path, files: Dict[str, str]) -> None:
    """Write a tree."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding='utf-8')


@pytest.fixture(name='sample')
def sample_tree(tmp_path: Path) -> Path:
    """A small tree that passes."""
    plant(tmp_path, GOOD)
    shutil.copy(ROOT / '.clang-format', tmp_path)
    return tmp_path


@pytest.mark.parametrize('name', checks.CHECKS)
def test_tree(name: str) -> None:
    """Nothing is found in the project's tree."""
    findings = list(checks.CHECKS[name](ROOT))
    assert not findings, '\n' + '\n'.join(findings)


@pytest.mark.parametrize('name', [name for name in checks.CHECKS if name != 'names'])
def test_good_sample(name: str, sample: Path) -> None:
    """Nothing is found where nothing is wrong."""
    assert not list(checks.CHECKS[name](sample))


@pytest.mark.parametrize('name,file,content,expected', BAD, ids=[f'{b[0]}-{b[1]}' for b in BAD])
def test_bad_sample(name: str, file: str, content: str, expected: str, sample: Path) -> None:
    """What is wrong is found, and nothing else."""
    plant(sample, {file: content})
    findings = list(checks.CHECKS[name](sample))
    if file == 'lib/meson.build':
        assert expected in findings[0]
    else:
        assert len(findings) == 1
        assert expected in findings[0]


def test_every_check_has_a_bad_sample() -> None:
    """No check is trusted unseen."""
    assert {bad[0] for bad in BAD} | {'names'} == set(checks.CHECKS)


def test_names(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that no page explains is found, one that is explained is not."""
    table = (('key', 'lib/conf/conf.c', None, r'"([a-z-]+)"', ('docs/conf.rst',)),)
    monkeypatch.setattr(checks, 'NAMES', table)
    plant(sample, {'lib/conf/conf.c': 'a = "mtu";\nb = "queue-pairs";\n',
                   'docs/conf.rst': '``mtu`` is explained, queue-pairs-x is another.\n'})
    findings = list(checks.check_names(sample))
    assert len(findings) == 1
    assert 'conf.c:2: key "queue-pairs"' in findings[0]


def test_names_table_is_alive(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of the table that finds nothing at all is itself a finding."""
    table = (('key', 'lib/gone/*.c', None, r'"([a-z-]+)"', ('docs/conf.rst',)),)
    monkeypatch.setattr(checks, 'NAMES', table)
    assert 'no key found' in list(checks.check_names(sample))[0]
