"""No request leaves for a live venue unless somebody said so: every URL is checked, early and at send time.

Early: the whole tree of URLs that a client could build a request from, streams included. At send time:
each address just before the connection, and every redirect. Loopback and the venues' testnets pass; a live
host passes only with a `LiveApproval` for that venue.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from domain.errors import ConfigError

TESTNET_HOSTS: Final = frozenset(
    {
        "testnet.binance.vision",
        "stream.testnet.binance.vision",
        "ws-api.testnet.binance.vision",
        "api-testnet.gateapi.io",
        "ws-testnet.gate.com",
    }
)
"""Where play money trades. Exact names: a look-alike is not among them."""

_FIX: Final = "Use a testnet or a loopback address, or trade live on purpose with the live switch"


@dataclass(frozen=True, slots=True)
class LiveApproval:
    """Somebody's word that real money may move at one venue, and whose word it is."""

    venue: str
    by: str

    def __post_init__(self) -> None:
        if not self.venue or not self.by:
            raise ConfigError("a live approval names the venue and who gave it")


@lru_cache(maxsize=64)  # asked at every request, of the same few hosts
def is_loopback(host: str) -> bool:
    """Whether a host name is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_safe(url: str) -> bool:
    """Whether no real money can move at a URL: a testnet over TLS, or loopback."""
    try:
        parts = urlsplit(url)
        host, secret = parts.hostname or "", parts.username or parts.password
    except ValueError:
        return False
    if secret:
        return False
    if is_loopback(host):
        return parts.scheme in ("http", "https", "ws", "wss")
    return host in TESTNET_HOSTS and parts.scheme in ("https", "wss")


def leaves(tree: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a tree of mappings and lists, with the path to it."""
    if isinstance(tree, str):
        yield path, tree
    elif isinstance(tree, Mapping):
        for key, branch in tree.items():
            yield from leaves(branch, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, list | tuple):
        for index, branch in enumerate(tree):
            yield from leaves(branch, f"{path}[{index}]")
    elif tree is not None:
        raise ConfigError(f"the URL {path} is a {type(tree).__name__}, which cannot be checked")


class UrlGuard:
    """Lets through what is safe, and a live host only for the venue that was approved."""

    __slots__ = ("_approval", "_live_hosts", "_venue")

    def __init__(self, venue: str, approval: LiveApproval | None = None) -> None:
        if approval is not None and approval.venue != venue:
            raise ConfigError(f"the live approval is for {approval.venue}, not for {venue}")
        self._venue = venue
        self._approval = approval
        self._live_hosts: frozenset[str] = frozenset()

    def check(self, url: str) -> None:
        """Raise ConfigError unless a request to this URL is allowed now."""
        if is_safe(url):
            return
        parts = urlsplit(url)
        if (
            self._approval is not None
            and parts.scheme in ("https", "wss")
            and parts.hostname in self._live_hosts
        ):
            return
        where = parts.hostname or url[:60]
        raise ConfigError(f"{self._venue} would talk to {where}, which is a live host", fix=_FIX)

    def check_tree(self, urls: object, hostname: str | None) -> None:
        """Raise ConfigError unless every URL of a client's tree is allowed; `hostname` fills its templates.

        With an approval the tree's own hosts over TLS become the ones that are allowed at send time; the
        approval covers the venue the connector knows and no other.
        """
        found: set[str] = set()
        for path, text in leaves(urls):
            url = text.replace("{hostname}", hostname or "")
            if is_safe(url):
                continue
            parts = urlsplit(url)
            if self._approval is None or parts.scheme not in ("https", "wss") or not parts.hostname:
                where = parts.hostname or url[:60]
                raise ConfigError(f"{self._venue}: the URL {path} points to {where}, a live host", fix=_FIX)
            found.add(parts.hostname)
        self._live_hosts = frozenset(found)
