"""Which addresses may be asked: a service's own, and those that a stranger's answer names."""

from __future__ import annotations

import ipaddress
import os
import socket
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from ...pipelines.errors import InputError

SWITCH = "FITTING_ROOM_ALLOW_LOOPBACK"
"""Set to 1, it lets services stand on http and on loopback: for tests, for one's own machines."""


class ForbiddenAddress(Exception):
    """A link that is not followed. The message has no query of the link, which may be signed."""


def loopback_allowed() -> bool:
    return os.environ.get(SWITCH, "") == "1"


def service_address(name: str, official: str, *variables: str) -> str:
    """The address of a service, without a slash at its end: from the first of the variables
    (`FITTING_ROOM_<NAME>_URL` before the official client's own) that is set, or the official one.

    Raises InputError for one that is not https, unless the switch for tests is set.
    """
    for variable in (f"FITTING_ROOM_{name.upper()}_URL", *variables):
        given = os.environ.get(variable, "").strip()
        if not given:
            continue
        if "://" not in given:
            given = f"https://{given}"
        parts = urlsplit(given)
        if parts.username or parts.password or not parts.hostname:
            raise InputError(f"{variable} must be an address without a user's name or password.")
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback_allowed()):
            raise InputError(
                f"{variable} must begin with https://, as photos and a key go there. For a machine "
                f"of your own or a test, {SWITCH}=1 allows http://."
            )
        return given.rstrip("/")
    return official


def same_place(address: str, base: str) -> bool:
    """Whether both are at one scheme, host and port: a key for one may be sent to the other."""
    one, other = urlsplit(address), urlsplit(base)
    return (one.scheme, one.hostname, _port(one)) == (other.scheme, other.hostname, _port(other))


def place_to_ask(address: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """A stranger's link as it is asked for: the address with its name looked up and checked, the
    header and the extension that carry the name. So nobody can change it between check and use.

    Raises ForbiddenAddress for anything but https to a public address; with the switch set,
    loopback and http to it are allowed as well. Behind a proxy the proxy looks names up.
    """
    parts = _checked(address)
    host = parts.hostname or ""
    if _proxied(parts):
        return address, {}, {}
    found = _addresses(host, _port(parts))
    for each in found:
        if not _allowed(each, parts.scheme):
            raise ForbiddenAddress(f"its host {host} is at {each}, which is not public")
    shown = f"[{found[0]}]" if ":" in found[0] else found[0]
    port = f":{parts.port}" if parts.port else ""
    pinned = parts._replace(netloc=f"{shown}{port}").geturl()
    return pinned, {"Host": parts.netloc}, {"sni_hostname": host}


def _checked(address: str) -> SplitResult:
    if not isinstance(address, str) or not address.isascii() or not address.isprintable():
        raise ForbiddenAddress("it is no address")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise ForbiddenAddress("it is no address") from error
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ForbiddenAddress(f"it begins with {parts.scheme or 'nothing'}://, not https://")
    if parts.username or parts.password:
        raise ForbiddenAddress("it carries a user's name")
    if parts.scheme == "http" and not loopback_allowed():
        raise ForbiddenAddress("it begins with http://, not https://")
    if port is not None and port != 443 and not loopback_allowed():
        raise ForbiddenAddress(f"it names port {port}")
    return parts


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ForbiddenAddress(f"its host {host[:100]} is not known") from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _allowed(address: str, scheme: str) -> bool:
    """Public addresses by https; loopback where the switch allows it; nothing else by http."""
    parsed = ipaddress.ip_address(address.split("%")[0])
    inner = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None) or parsed
    if inner.is_loopback:
        return loopback_allowed()
    return scheme == "https" and parsed.is_global and inner.is_global and not inner.is_multicast


def _proxied(parts: SplitResult) -> bool:
    return bool(getproxies().get(parts.scheme)) and not proxy_bypass(parts.hostname or "")


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
