"""Where the monitor listens: the address that an option gives, its sockets, and the names that it answers to."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import re
import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"
_BACKLOG = 256
"""Connections that wait in the kernel; at the pace of `http.py`, about a second of them."""
_ADDRESS = re.compile(r"(?:(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^\[\]:]*)):)?(?P<port>[0-9]+)", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_HOST_HEADER = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%a-z]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?", re.ASCII)
_PRIVATE_ENDINGS = (".localhost", ".local", ".internal", ".svc", ".home.arpa")
"""Of names that nobody can register: reserved for a host, a network or a cluster of one's own."""


def parse_monitor(text: str) -> tuple[str, int]:
    """Read `[HOST:]PORT`; a bare port is one of the loopback interface, port 0 takes a free one.

    Raises ValueError with a sentence for the user.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None:
        hint = "; write an IPv6 address in brackets, [::1]:9090" if text.count(":") > 1 else ""
        raise ValueError(f"{text!r} is not [HOST:]PORT, such as 9090 or 0.0.0.0:9090{hint}.")
    port = int(match["port"]) if len(match["port"]) <= 5 else -1
    if not 0 <= port <= 65535:
        raise ValueError(f"{match['port']} is not a port, 0 to 65535.")
    if match["six"] is not None:
        try:
            return str(ipaddress.IPv6Address(match["six"])), port
        except ValueError:
            raise ValueError(f"{match['six']!r} in brackets is not an IPv6 address.") from None
    if match["host"] == "":
        raise ValueError(f"{text!r} names no host: for every interface write 0.0.0.0:{port} or [::]:{port}.")
    if match["host"] is not None and not _HOST.fullmatch(match["host"]):
        raise ValueError(f"{match['host']!r} is not a host.")
    return match["host"] or LOOPBACK, port


def parse_host(text: str) -> str:
    """Read the name of a host as `--monitor-host` takes it. Raises ValueError with a sentence for the user."""
    if not _HOST.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a host; write it without a scheme and a port.")
    return _plain(text)


def shown_address(host: str, port: int) -> str:
    """An address as a URL has it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on each address of a host; with port 0 on the same free port of all.

    Raises OSError or UnicodeError, of which `why_not` makes a reason.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(found):
        free = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(_bound(family, kind, protocol, (address[0], free, *address[2:])))
        except OSError as error:
            # `localhost` names ::1 also where no interface has it.
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                close_all(sockets)
                raise
            missing = error
    if not sockets and missing is not None:
        raise missing
    return sockets


def close_all(sockets: Collection[socket.socket]) -> None:
    """Listen no more."""
    for each in sockets:
        each.close()


def why_not(error: OSError | UnicodeError) -> str:
    """Why an address cannot be listened on."""
    if isinstance(error, UnicodeError):
        return "that is not a host"
    if isinstance(error, socket.gaierror) or not error.errno:
        return error.strerror or str(error)
    return os.strerror(error.errno)


class Names:
    """The names that a request may call the monitor by.

    A page of the web can let its own name lead to any address, ours too, and would then read what a browser on this
    network can reach. Its requests have that name as their `Host`. So a name passes only if no such page can have it:
    an address, a name without a dot (that of a service or a container), one with an ending that nobody can register,
    the name of this machine, the one that is listened on, and what the user adds.
    """

    def __init__(self, *own: str) -> None:
        self._own = frozenset(_plain(name) for name in (socket.gethostname(), *own))

    def take(self, header: str) -> bool:
        """Whether a `Host` header is one of ours. Its port does not matter, for ports are forwarded."""
        match = _HOST_HEADER.fullmatch(header)
        if match is None:
            return False
        if match["six"] is not None:
            return _is_address(match["six"])
        name = _plain(match["host"])
        return "." not in name or name.endswith(_PRIVATE_ENDINGS) or name in self._own or _is_address(name)


def _bound(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> socket.socket:
    bound = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let two listen on one port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.setblocking(False)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _plain(name: str) -> str:
    return name.rstrip(".").lower()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
