# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Asks ringferryd's control socket: JSON-RPC 2.0, one request a line."""

import json
import socket
from pathlib import Path

from .errors import BenchmarkError


class Control:
    """One connection to a control socket."""

    def __init__(self, path: Path, seconds: float = 10.0):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(seconds)
        self._id = 0
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise BenchmarkError(f'{path}: {error}') from None
        self._lines = self._socket.makefile('rb')

    def call(self, method: str, **params):
        """The result of one method; BenchmarkError if it is refused."""
        self._id += 1
        request = {'jsonrpc': '2.0', 'id': self._id, 'method': method, 'params': params}
        try:
            self._socket.sendall(json.dumps(request).encode() + b'\n')
            answer = json.loads(self._lines.readline())
        except (OSError, ValueError) as error:
            raise BenchmarkError(f'ringferryd: {method}: {error}') from None
        if 'result' not in answer:
            raise BenchmarkError(f'ringferryd: {method}: {answer.get("error")}')
        return answer['result']

    def close(self):
        self._lines.close()
        self._socket.close()
