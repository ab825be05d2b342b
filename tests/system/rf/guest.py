# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 Ringferry contributors
"""QEMU guests that run the agent of tests/guest."""

import os
import signal
from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from rf.proc import Process
from rf.qmp import LineServer, Qmp
from rf.wait import Deadline, wait_until

# Under TCG on a busy machine; it boots in 3 s on an idle one.
BOOT_SECONDS = 120.0
HOST_QEMU = "/usr/bin/qemu-system-x86_64"


class AgentError(AssertionError):
    """The guest's agent could not do what it was told."""


@dataclass
class GuestPort:
    """A virtio-net device on a vhost-user socket."""

    socket: str
    server: bool = False  # QEMU listens and Ringferry connects
    queues: int = 1
    mac: str = "52:54:00:00:00:01"
    options: str = ""  # further properties of the device


class Guest:
    """One QEMU with the test guest.

    qemu10, if given, is the root of a file system with a newer QEMU. It is run
    by chroot in a mount namespace of its own, in which the folder with the
    sockets and the image appear: nothing is left mounted, however it ends.
    """

    def __init__(self, name: str, folder: str, image: str, ports: List[GuestPort], *,
                 qemu10: Optional[str] = None, memory: int = 256):
        self.name = name
        self.folder = folder
        self.image = image
        self.ports = ports
        self.qemu10 = qemu10
        self.memory = memory
        self.console = os.path.join(folder, f"{name}.console")
        self._process: Optional[Process] = None
        self._qmp: Optional[Qmp] = None
        self._agent: Optional[LineServer] = None

    # --- life ---------------------------------------------------------

    def start(self) -> None:
        """Start QEMU (again). It is the caller's to wait_ready() or close()."""
        self._qmp = Qmp(os.path.join(self.folder, f"{self.name}.qmp"))
        self._agent = LineServer(os.path.join(self.folder, f"{self.name}.agent"))
        self._process = Process(self.name, self._wrap(self._command()),
                                os.path.join(self.folder, f"{self.name}.log"))

    def wait_ready(self, seconds: float = BOOT_SECONDS) -> None:
        """Wait until the agent serves."""
        deadline = Deadline(seconds)
        self._agent.accept(deadline.left(), self._process.check_running)
        self._qmp.open(deadline.left(), self._process.check_running)
        self._wait_event(deadline)

    def _wait_event(self, deadline: Deadline) -> None:
        while self._agent.receive(deadline.left()).get("event") != "ready":
            pass

    def running(self) -> bool:
        """Does QEMU run?"""
        return self._process is not None and self._process.running()

    @property
    def pid(self) -> int:
        """QEMU's process id."""
        return self._process.pid

    def kill(self) -> None:
        """kill -9 of QEMU. start() begins anew."""
        self._process.signal(signal.SIGKILL)
        self._process.wait(10)
        self._close()

    def close(self) -> None:
        """End QEMU. Idempotent."""
        if self._process is not None:
            self._process.kill()
        self._close()

    def quit(self, seconds: float = 10.0) -> None:
        """Have QEMU end in good order."""
        self._qmp.command("quit", seconds=seconds)
        self._process.wait(seconds)
        self._close()

    def _close(self) -> None:
        for channel in (self._qmp, self._agent):
            if channel is not None:
                channel.close()

    def qmp(self, command: str, /, *, seconds: float = 20.0, **arguments: Any) -> Any:
        """A QMP command's result."""
        return self._qmp.command(command, seconds=seconds, **arguments)

    def reboot(self, seconds: float = BOOT_SECONDS) -> None:
        """Reboot from inside and wait until the agent serves again."""
        self.do("reboot")
        self._wait_event(Deadline(seconds))

    # --- command line ---------------------------------------------------

    def _command(self) -> List[str]:
        args = [
            HOST_QEMU, "-name", self.name, "-nodefaults", "-no-user-config", "-display", "none",
            "-M", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1",
            "-m", f"size={self.memory}M,slots=4,maxmem=1G",
            "-object", f"memory-backend-memfd,id=mem,size={self.memory}M,share=on",
            "-numa", "node,memdev=mem",
            "-kernel", os.path.join(self.image, "vmlinuz"),
            "-initrd", os.path.join(self.image, "initrd"),
            "-append", "console=ttyS0 quiet panic=-1 edd=off mitigations=off random.trust_cpu=on",
            "-serial", f"file:{self.console}",
            "-chardev", f"socket,id=agent,path={self._agent.path}", "-serial", "chardev:agent",
            "-chardev", f"socket,id=qmp,path={self._qmp.path}",
            "-mon", "chardev=qmp,mode=control",
        ]
        for index, port in enumerate(self.ports):
            args += self._port_arguments(index, port)
        return args

    def _port_arguments(self, index: int, port: GuestPort) -> List[str]:
        if port.server:
            way = "server=on,wait=off"
        else:
            # QEMU 10 has renamed it.
            way = "reconnect-ms=200" if self.qemu10 else "reconnect=1"
        # Without a boot ROM, which costs seconds at each boot.
        device = f"virtio-net-pci,netdev=n{index},mac={port.mac},romfile="
        if port.queues > 1:
            device += ",mq=on"
        if not self.qemu10:
            # 7.2 crashes when a vhost-user device uses MSI-X without KVM.
            device += ",vectors=0"
        elif port.queues > 1:
            device += f",vectors={2 * port.queues + 2}"
        if port.options:
            device += "," + port.options
        return [
            "-chardev", f"socket,id=c{index},path={port.socket},{way}",
            "-netdev", f"vhost-user,id=n{index},chardev=c{index},queues={port.queues}",
            "-device", device,
        ]

    def _wrap(self, args: List[str]) -> List[str]:
        if not self.qemu10:
            return args
        folders = {self.folder, self.image} | {os.path.dirname(p.socket) for p in self.ports}
        script = "set -e; root=$1; shift; count=$1; shift; "
        script += ('while [ "$count" -gt 0 ]; do mkdir -p "$root/$1"; '
                   'mount --bind "$1" "$root/$1"; shift; count=$((count - 1)); done; '
                   'exec chroot "$root" "$@"')
        # The tmpfs on top keeps the mount points out of the root file system.
        return ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c",
                'mount -t tmpfs none "$1/tmp"; ' + script, "sh", self.qemu10,
                str(len(folders)), *sorted(folders), *args]

    def add_memory(self, megabytes: int = 128) -> None:
        """Plug memory in: the back-end gets a new memory table."""
        number = len(self.qmp("query-memory-devices"))
        self.qmp("object-add", **{"qom-type": "memory-backend-memfd", "id": f"dimmmem{number}",
                                  "size": megabytes << 20, "share": True})
        self.qmp("device_add", driver="pc-dimm", id=f"dimm{number}", memdev=f"dimmmem{number}")

    # --- the agent --------------------------------------------------------

    def do(self, command: str, seconds: float = 20.0) -> Dict[str, Any]:
        """Have the agent run a command; raises AgentError if it fails."""
        self._process.check_running()
        self._agent.send(command)
        reply = self._agent.receive(seconds)
        if not reply.get("ok"):
            raise AgentError(f"{self.name}: \"{command}\": {reply}")
        return reply

    def busybox(self, command: str, seconds: float = 20.0) -> str:
        """Run a busybox applet to success and return its output."""
        reply = self.do(f"busybox {command}", seconds)
        if reply["status"] != 0:
            raise AgentError(f"{self.name}: \"{command}\": {reply}")
        return reply["output"]

    def rebind(self, interface: str = "eth0") -> None:
        """Have the driver let go of the device and take it again, as unloading it does."""
        path = "/sys/bus/virtio/drivers/virtio_net"
        device = self.device(interface)
        self.do(f"write {path}/unbind {device}")
        self.do(f"write {path}/bind {device}")

    def device(self, interface: str = "eth0") -> str:
        """The name of an interface's virtio device."""
        link = self.busybox(f"readlink /sys/class/net/{interface}/device")
        return os.path.basename(link.strip())

    def set_up(self, interface: str = "eth0", address: Optional[str] = None,
               mtu: Optional[int] = None) -> None:
        """Set an interface up, with an address and MTU if given."""
        if mtu is not None:
            self.busybox(f"ip link set {interface} mtu {mtu}")
        if address is not None:
            self.busybox(f"ip address add {address} dev {interface}")
        self.busybox(f"ip link set {interface} up")

    def ping(self, address: str, count: int = 3, size: int = 56,
             interval: float = 0.1) -> Dict[str, Any]:
        """Ping; the reply has `sent` and `received`."""
        return self.do(f"ping {address} {count} {size} {interval}", 20 + 3 * count)

    def interface(self, name: str = "eth0") -> Dict[str, Any]:
        """MAC, MTU, counters and channels of an interface."""
        return self.do("info")["interfaces"][name]

    def channels(self, count: Optional[int] = None, interface: str = "eth0") -> Dict[str, Any]:
        """The number of queue pairs in use; set it if given."""
        return self.do(f"channels {interface}" + (f" {count}" if count else ""))

    def rx_start(self, kind: str = "stream", interface: str = "eth0") -> None:
        """Count numbered frames from here on."""
        self.do(f"rx start {interface} {kind}")

    def rx_report(self) -> Dict[str, Any]:
        """What has come in."""
        return self.do("rx report")

    def rx_stop(self) -> Dict[str, Any]:
        """Stop counting; the final report."""
        return self.do("rx stop")

    def tx_start(self, count: int, rate: int, size: int, mac: str = "ff:ff:ff:ff:ff:ff",
                 stream: int = 0, interface: str = "eth0") -> None:
        """Begin to send numbered frames (count 0: until stopped; rate 0: as fast as it goes)."""
        self.do(f"tx start {interface} {count} {rate} {size} {mac} {stream}")

    def tx_report(self, stream: int = 0) -> Dict[str, Any]:
        """What has been sent."""
        return self.do(f"tx report {stream}")

    def tx_stop(self, stream: int = 0) -> Dict[str, Any]:
        """Stop sending; the final report."""
        return self.do(f"tx stop {stream}")

    def tx_wait(self, stream: int = 0, seconds: float = 60.0) -> Dict[str, Any]:
        """Wait for the end of a counted stream; its report."""
        wait_until(lambda: not self.tx_report(stream)["running"], f"{self.name} has sent all",
                   seconds, interval=0.1)
        return self.tx_stop(stream)

    def pktgen(self, count: int, size: int, rate: int = 0, mac: str = "ff:ff:ff:ff:ff:ff",
               queues: int = 1, interface: str = "eth0", seconds: float = 60.0) -> Dict[str, Any]:
        """Run the kernel's packet generator to its end; its report. Sizes are without FCS."""
        self.pktgen_start(count, size, rate, mac, queues, interface)
        wait_until(lambda: not self.pktgen_report(interface)["running"],
                   f"{self.name}'s pktgen has sent all", seconds, interval=0.1)
        return self.pktgen_stop(interface)

    def pktgen_report(self, interface: str = "eth0") -> Dict[str, Any]:
        """What has been generated."""
        return self.do(f"pktgen report {interface}")

    def pktgen_start(self, count: int, size: int, rate: int = 0, mac: str = "ff:ff:ff:ff:ff:ff",
                     queues: int = 1, interface: str = "eth0") -> None:
        """Begin to generate (count 0: until stopped); the queues take turns."""
        self.do(f"pktgen start {interface} {count} {size} {rate} {mac} {queues}")

    def pktgen_stop(self, interface: str = "eth0") -> Dict[str, Any]:
        """Stop generating; the report."""
        report = self.do(f"pktgen stop {interface}")
        if report["error"] != 0:
            raise AgentError(f"{self.name}: pktgen: {os.strerror(report['error'])}: {report}")
        return report
