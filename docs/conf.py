# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Sphinx configuration; the version is meson's."""

import re
from pathlib import Path

_MESON = (Path(__file__).resolve().parent.parent / 'meson.build').read_text(encoding='utf-8')
_VERSION = re.search(r"^\s*version:\s*'([^']+)'", _MESON, re.M)

# Names that Sphinx expects.
project = 'Ringferry'  # pylint: disable=invalid-name
copyright = '2026 Ringferry contributors'  # pylint: disable=redefined-builtin,invalid-name
release = _VERSION.group(1) if _VERSION else ''
version = release
language = 'en'  # pylint: disable=invalid-name
html_theme = 'alabaster'  # pylint: disable=invalid-name
html_theme_options = {
    'description': 'a DPDK vhost-user back-end',
    'fixed_sidebar': True,
    'page_width': '1100px',
}
highlight_language = 'none'  # pylint: disable=invalid-name
nitpicky = True  # pylint: disable=invalid-name
exclude_patterns = ['_build', '*.inc.rst']
