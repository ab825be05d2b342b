# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""What every file of the tree must satisfy.

A check is a function of the tree's root that yields findings, one per place,
as "FILE:LINE: what is wrong". CHECKS at the end names them all. What a check
looks for stands in a table in front of it.
"""

import ast
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Pattern, Sequence, Tuple

Findings = Iterator[str]

# Folders that hold no source: what is built, cached or git's.
SKIPPED_FOLDERS = re.compile(r'^(build.*|__pycache__|\.git|\.cache|\.pytest_cache|\.venv)$')
HIDDEN_BUT_OURS = {'.ci', '.github'}


def tree(root: Path, under: Sequence[str] = ('',)) -> Iterator[Path]:
    """All files of the tree, or of folders in it, in order."""
    for folder in under:
        for where, folders, files in os.walk(root / folder):
            folders[:] = sorted(
                name for name in folders
                if not SKIPPED_FOLDERS.match(name)
                and (not name.startswith('.') or name in HIDDEN_BUT_OURS))
            for name in sorted(files):
                path = Path(where) / name
                if path.is_file() and not path.is_symlink():
                    yield path


def c_files(root: Path, under: Sequence[str] = ('lib', 'app', 'tests', 'benchmarks')
            ) -> Iterator[Path]:
    """C sources and headers."""
    for path in tree(root, under):
        if path.suffix in ('.c', '.h'):
            yield path


def read(path: Path) -> Optional[str]:
    """A text file's content; None for one that is not text."""
    try:
        text = path.read_bytes()
        return None if b'\0' in text else text.decode('utf-8')
    except (OSError, UnicodeDecodeError):
        return None


def lines_of(path: Path) -> List[str]:
    """The lines of a text file, without their ends."""
    text = read(path)
    return text.split('\n')[:-1] if text else []


def blank(match: 're.Match[str]') -> str:
    """Replace text, keep lines."""
    return re.sub(r'[^\n]', ' ', match.group(0))


C_COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
C_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|(//[^\n]*|/\*.*?\*/)', re.S)


def c_code(path: Path) -> List[str]:
    """The lines of a C file without comments and strings."""
    return C_COMMENT_OR_STRING.sub(blank, read(path) or '').split('\n')


def place(root: Path, path: Path, line: int, text: str) -> str:
    """A finding."""
    return f'{path.relative_to(root)}:{line}: {text}'


# ---- rooms: dependencies go one way ----------------------------------------

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def room_order(root: Path) -> List[str]:
    """The rooms in the order of their dependencies, from lib/meson.build."""
    match = re.search(r'^rooms\s*=\s*\[(.*?)\]', read(root / 'lib/meson.build') or '', re.S | re.M)
    return re.findall(r"^\s*'([^']+)'", match.group(1), re.M) if match else []


def check_rooms(root: Path) -> Findings:
    """A room includes itself and the rooms before it, and never the programs."""
    rooms = room_order(root)
    if not rooms:
        yield 'lib/meson.build:1: no list of rooms'
    for path in c_files(root, ('lib',)):
        room = path.relative_to(root / 'lib').parts[0]
        if room not in rooms:
            yield place(root, path, 1, f'room {room} is not in the list of lib/meson.build')
            continue
        for number, line in enumerate(lines_of(path), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            other = match.group(1).split('/')[0]
            if '/' not in match.group(1) or other.startswith('.'):
                yield place(root, path, number, f'"{match.group(1)}": include as "room/file.h"')
            elif other not in rooms:
                yield place(root, path, number, f'"{match.group(1)}": {other} is not a room')
            elif rooms.index(other) > rooms.index(room):
                yield place(root, path, number, f'room {room} must not include {other}, above it')


# ---- spdx: each file says its licence ---------------------------------------

SPDX = 'SPDX-License-Identifier: BSD-3-Clause'
COPYRIGHT = 'Copyright (c) 2026 Ringferry contributors'
SPDX_SUFFIXES = {'.c', '.h', '.py', '.sh', '.rst', '.svg', '.service', '.bash'}
SPDX_NAMES = {'meson.build', 'meson_options.txt', '.clang-format', '.editorconfig'}


def has_interpreter(path: Path) -> bool:
    """Is it a script?"""
    with path.open('rb') as file:
        return file.read(2) == b'#!'


def check_spdx(root: Path) -> Findings:
    """The licence stands in the first lines; sources also say whose they are."""
    for path in tree(root):
        script = has_interpreter(path)
        if path.suffix not in SPDX_SUFFIXES and path.name not in SPDX_NAMES and not script:
            continue
        head = lines_of(path)[:5]
        if not any(SPDX in line for line in head):
            yield place(root, path, 1, f'no line "{SPDX}"')
        if path.suffix in ('.c', '.h', '.py') and not any(COPYRIGHT in line for line in head):
            yield place(root, path, 1, f'no line "{COPYRIGHT}"')


# ---- forbidden: calls with a better one -------------------------------------

CALL = r'(?<![\w.>])'
FORBIDDEN: Tuple[Tuple[Pattern[str], str], ...] = tuple(
    (re.compile(CALL + call + r'\s*\('), why) for call, why in (
        (r'strcpy', 'no limit: strlcpy or snprintf'),
        (r'stpcpy', 'no limit: strlcpy or snprintf'),
        (r'strncpy', 'may leave no NUL: strlcpy'),
        (r'v?sprintf', 'no limit: snprintf'),
        (r'strcat', 'no limit: strlcat or snprintf'),
        (r'ato(?:i|l|ll|f)', 'no errors: strtol and its like'),
        (r'strtok(?:_r)?', 'changes its input: strchr, strcspn'),
        (r'gets', 'no limit: fgets'),
        (r'alloca', 'no limit: malloc'),
    ))
EXITS: Tuple[Tuple[Pattern[str], str], ...] = tuple(
    (re.compile(CALL + call + r'\s*\('), 'only main() ends a program: return an error')
    for call in (r'_?exit', r'_Exit', r'abort', r'rte_exit', r'rte_panic'))
MAIN = re.compile(r'^main\s*\(|^int main\s*\(', re.M)
LEFT_OVER = re.compile(r'\b(?:TODO|FIXME|XXX)\b')


def check_forbidden(root: Path) -> Findings:
    """No call from the table; the end of a program only where main() is."""
    for path in c_files(root):
        top = path.relative_to(root).parts[0]
        code = c_code(path)
        rules = list(FORBIDDEN)
        if top == 'lib' or (top == 'app' and not MAIN.search('\n'.join(code))):
            rules += EXITS
        for number, line in enumerate(code, 1):
            for pattern, why in rules:
                match = pattern.search(line)
                if match:
                    yield place(root, path, number, f'{match.group(0)}): {why}')
    for path in tree(root):
        if path.is_relative_to(root / 'tests/lint'):
            continue
        for number, line in enumerate(lines_of(path), 1):
            match = LEFT_OVER.search(line)
            if match:
                yield place(root, path, number, f'{match.group(0)}: do it, or open an issue')


# ---- data: what runs on a data lcore ----------------------------------------

# A file is control or data, never both. Data files: these, by pattern.
DATA_FILES = (
    'lib/*/*_data.c',
    'lib/*/*_data.h',
    'lib/virtq/*.c',
    'lib/virtq/*.h',
    'lib/lcore/worker.c',
)
# Set-up of the same room, run by the management lcore.
NOT_DATA_FILES = (
    'lib/virtq/*_control.c',
    'lib/virtq/*_control.h',
    'lib/virtq/*_setup.c',
    'lib/virtq/*_setup.h',
)
DATA_INCLUDES = re.compile(
    r'^\s*#\s*include\s*["<](base/log\.h|base/loop\.h|rte_log\.h|rte_malloc\.h|syslog\.h)[">]')
DATA_CALLS = re.compile(
    CALL + r'(malloc|calloc|realloc|free|strdup|rte_(?:z?malloc|calloc|realloc|free)(?:_socket)?|'
    r'v?f?printf|rte_log|RTE_LOG|BASE_LOG(?:_RATED)?|pthread_mutex_lock|usleep|nanosleep|sleep|'
    r'rte_vhost_\w+)\s*\(')
# Exceptions: file, call, and why it is one.
DATA_ALLOWED = {
    ('lib/lcore/lcore_data.c', 'nanosleep'): 'only while its table is empty',
}


def matches(root: Path, path: Path, patterns: Sequence[str]) -> bool:
    """Is the file named by one of the patterns?"""
    return any(path.relative_to(root).match(pattern) for pattern in patterns)


def check_data(root: Path) -> Findings:
    """Data files do not log, allocate, sleep, lock or call the vhost library."""
    for path in c_files(root, ('lib',)):
        if not matches(root, path, DATA_FILES) or matches(root, path, NOT_DATA_FILES):
            continue
        for number, line in enumerate(lines_of(path), 1):
            match = DATA_INCLUDES.match(line)
            if match:
                yield place(root, path, number, f'a data file must not include {match.group(1)}')
        for number, line in enumerate(c_code(path), 1):
            match = DATA_CALLS.search(line)
            if match and (str(path.relative_to(root)), match.group(1)) not in DATA_ALLOWED:
                yield place(root, path, number, f'a data file must not call {match.group(1)}()')


# ---- size and layout of text ------------------------------------------------

MAX_LINES = 700
MAX_COLUMNS = 100
SOURCE_SUFFIXES = {'.c', '.h', '.py', '.sh', '.build'}


def is_source(path: Path) -> bool:
    """Code, whatever it is called."""
    return path.suffix in SOURCE_SUFFIXES or has_interpreter(path)


def check_length(root: Path) -> Findings:
    """A file that has grown too long holds more than one thing."""
    for path in tree(root):
        if is_source(path):
            count = len(lines_of(path))
            if count > MAX_LINES:
                yield place(root, path, MAX_LINES, f'{count} lines, {MAX_LINES} at most')


def check_text(root: Path) -> Findings:
    """White space at the ends of lines and files, tabs, and columns."""
    for path in tree(root):
        text = read(path)
        if text is None or not text or path.suffix in ('.pcap', '.bin'):
            continue
        if not text.endswith('\n'):
            yield place(root, path, text.count('\n') + 1, 'no line end at the end of the file')
        elif text.endswith('\n\n'):
            yield place(root, path, text.count('\n'), 'an empty line at the end of the file')
        for number, line in enumerate(text.split('\n'), 1):
            if line != line.rstrip():
                yield place(root, path, number, 'white space at the end of the line')
            if path.suffix in ('.py', '.rst', '.build') and '\t' in line:
                yield place(root, path, number, 'a tab')
            columns = len(line.expandtabs(8))
            if is_source(path) and columns > MAX_COLUMNS:
                yield place(root, path, number, f'{columns} columns, {MAX_COLUMNS} at most')


# ---- syntax of what no compiler sees ----------------------------------------

def check_scripts(root: Path) -> Findings:
    """Shell and Python parse, shellcheck has no warning; pictures are XML."""
    shell_scripts: List[str] = []
    for path in tree(root):
        if path.suffix == '.svg':
            try:
                ElementTree.parse(path)
            except ElementTree.ParseError as err:
                yield place(root, path, err.position[0], str(err))
            continue
        first = (lines_of(path) or [''])[0]
        if path.suffix == '.py' or (first.startswith('#!') and 'python' in first):
            try:
                ast.parse(read(path) or '', str(path))
            except SyntaxError as err:
                yield place(root, path, err.lineno or 1, str(err.msg))
        elif path.suffix == '.sh' or re.match(r'#!.*\b(ba)?sh\b', first):
            shell = 'sh' if re.match(r'#!.*/sh\b', first) else 'bash'
            run = subprocess.run([shell, '-n', str(path)], capture_output=True, text=True,
                                 check=False, timeout=60)
            if run.returncode != 0:
                yield place(root, path, 1, run.stderr.strip())
            else:
                shell_scripts.append(str(path.relative_to(root)))
    if shell_scripts and shutil.which('shellcheck'):
        run = subprocess.run(['shellcheck', '-x', '-S', 'warning', '-e', 'SC2187', '-f', 'gcc',
                              *shell_scripts],
                             cwd=root, capture_output=True, text=True, check=False, timeout=120)
        yield from run.stdout.splitlines()


# ---- format: clang-format as in Debian 12 -----------------------------------

CLANG_FORMAT = 'clang-format-14'


def check_format(root: Path) -> Findings:
    """C files are as .clang-format says."""
    if shutil.which(CLANG_FORMAT) is None:
        yield f'.clang-format:1: {CLANG_FORMAT} is not installed: tests/setup-host --install'
        return
    files = [str(path.relative_to(root)) for path in c_files(root)]
    if not files:
        return
    run = subprocess.run([CLANG_FORMAT, '--dry-run', '-Werror', *files], cwd=root,
                         capture_output=True, text=True, check=False, timeout=300)
    seen: Dict[str, List[str]] = {}
    for match in re.finditer(r'^(\S+?):(\d+):\d+: error: ', run.stderr, re.M):
        seen.setdefault(match.group(1), []).append(match.group(2))
    for file, lines in seen.items():
        yield f'{file}:{lines[0]}: format, {len(lines)} places ({CLANG_FORMAT} -i {file})'
    if run.returncode != 0 and not seen:
        yield f'.clang-format:1: {CLANG_FORMAT}: {run.stderr.strip()[:400]}'


# ---- names: what the code names, the documentation explains -------------------

# What, where the code names it (file pattern, expression with the name as
# group 1 within the block), and where it must be explained.
NamedThings = Tuple[str, str, Optional[str], str, Tuple[str, ...]]
NAMES: Tuple[NamedThings, ...] = (
    ('configuration key', 'lib/conf/*.c', None, r'^\t\t\.name = "([a-z-]+)",',
     ('docs/configuration.rst', 'docs/man/ringferry.conf.5.rst')),
    ('feature', 'lib/vhost/vhost_feature.c', r'feature_names\[\] = \{.*?\n\};',
     r'\{\w+_F_(?!PROTOCOL_FEATURES|VERSION_1)\w+, "(\w+)"\}',
     ('docs/vhost-user-messages.rst', 'docs/configuration.rst')),
    ('vhost-user message', 'lib/vhost/vhost_table.c', r'msg_table\[.*?\n\};',
     r'= \{"([A-Z_]+)"', ('docs/vhost-user-messages.rst',)),
    ('drop reason', 'lib/port/port_counters.c', r'drop_names\[.*?\n\};',
     r'\[PORT_DROP_\w+\] = "(\w+)"', ('docs/operations.rst',)),
    ('ring error', 'lib/virtq/virtq.c', r'virtq_errors\[VIRTQ_ERR_COUNT\] = \{.*?\n\};',
     r'\[VIRTQ_ERR_\w+\] = \{"(\w+)"', ('docs/operations.rst', 'docs/management.rst')),
    ('JSON-RPC method', 'lib/mgmt/methods.c', None, r'^\t\{"([a-z.]+)", do_',
     ('docs/management.rst',)),
    ('telemetry command', 'lib/mgmt/telemetry.c', None, r'\{"(/ringferry/\w+)", tel_',
     ('docs/management.rst',)),
    ('command', 'app/ringferryctl/command.c', None, r'^\t\{"([a-z ]+)", "',
     ('docs/man/ringferryctl.1.rst',)),
    ('room', 'lib/meson.build', r'rooms = \[.*?\]', r"'(\w+)'", ('docs/architecture.rst',)),
)


def check_names(root: Path) -> Findings:
    """Configuration keys, drop reasons and methods stand in the documentation."""
    for what, pattern, block, name, pages in NAMES:
        found = False
        for path in sorted(root.glob(pattern)):
            text = read(path) or ''
            for part in re.finditer(block, text, re.S) if block else [re.match(r'(?s).*', text)]:
                for match in re.finditer(name, part.group(0), re.M):
                    found = True
                    word = re.compile(r'(?<![\w-])' + re.escape(match.group(1)) + r'(?![\w-])')
                    line = text[:part.start() + match.start()].count('\n') + 1
                    for page in pages:
                        if not word.search(read(root / page) or ''):
                            yield place(root, path, line,
                                        f'{what} "{match.group(1)}" is not in {page}')
        if not found:
            yield f'tests/lint/checks.py:1: no {what} found in {pattern}: mend the table NAMES'


Check = Callable[[Path], Iterable[str]]
CHECKS: Dict[str, Check] = {
    'rooms': check_rooms,
    'spdx': check_spdx,
    'forbidden': check_forbidden,
    'data': check_data,
    'length': check_length,
    'text': check_text,
    'scripts': check_scripts,
    'format': check_format,
    'names': check_names,
}
