"""Put first on PYTHONPATH: this process and its children only connect to this machine; other attempts are recorded."""

import ipaddress
import os
import socket
from pathlib import Path
from typing import Any

RECORD = os.environ.get("OFFLINE_RECORD", "")


def _refuse(address: object) -> None:
    if RECORD:
        with Path(RECORD).open("a") as record:
            record.write(f"{address!r}\n")
    raise OSError(101, f"the network is closed here: {address!r}")


def _is_local(host: object) -> bool:
    if host in ("localhost", b"localhost", None, ""):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


class LocalSocket(socket.socket):
    """A socket that only connects to this machine."""

    def connect(self, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            _refuse(address)
        super().connect(address)

    def connect_ex(self, address: Any) -> int:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            _refuse(address)
        return super().connect_ex(address)


_resolve = socket.getaddrinfo


def _resolve_local(host: Any, *args: Any, **kwargs: Any) -> Any:
    if not _is_local(host):
        try:
            ipaddress.ip_address(str(host))
        except ValueError:
            _refuse(host)
    return _resolve(host, *args, **kwargs)


socket.socket = LocalSocket  # type: ignore[misc]
socket.getaddrinfo = _resolve_local
