# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""Harness for tests that run the daemon, taps and QEMU guests.

A `Lab` owns everything that a test starts and gives it back whatever happens:

    with Lab(build) as lab:
        daemon = lab.daemon(Config().vhost("vm1").tap("up0", "rf0").wire("w1", "vm1", "up0"))
        tap = lab.tap("rf0")
        guest = lab.guest(image, ports=[GuestPort(daemon.path("vm1.sock"))])

All of it lives in a network namespace of its own, so that taps disturb nobody
and nobody else's packets come in. Every wait has a deadline.
"""

from rf.daemon import Config, Daemon, DaemonError, RpcError
from rf.frontend import FrontEnd
from rf.guest import AgentError, Guest, GuestPort
from rf.lab import Lab
from rf.net import StreamReceiver, StreamSender, Tap
from rf.pcap import compare_frames, make_frames, read_pcap, write_pcap
from rf.proc import Process
from rf.testpmd import Testpmd, virtio_user
from rf.wait import Deadline, WaitTimeout, wait_until

__all__ = [
    "AgentError", "Config", "Daemon", "DaemonError", "Deadline", "FrontEnd", "Guest", "GuestPort",
    "Lab", "Process", "RpcError", "StreamReceiver", "StreamSender", "Tap", "Testpmd",
    "WaitTimeout", "compare_frames", "make_frames", "read_pcap", "virtio_user", "wait_until",
    "write_pcap",
]
