"""What the desk knows about each venue before it connects: facts as frozen data, one entry a venue.

A fact that the venue itself tells (tick sizes, fees, balances) is read from the venue and is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Final

from domain.errors import ConfigError
from domain.orders import OrderType, TimeInForce
from execution.exchanges.pace import Pace
from execution.venue import Capabilities

_IMMEDIATE: Final = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK})
_PLAIN: Final = frozenset({OrderType.MARKET, OrderType.LIMIT})
_STOPS: Final = frozenset(
    {OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)


class Paging(Enum):
    """How a venue pages through the executions of an account.

    BY_ID: oldest first, the next page begins after an id. BY_PAGE: numbered pages. BY_TIME: the newest
    of a span of time first, the next page ends where this one began.
    """

    BY_ID = "id"
    BY_PAGE = "page"
    BY_TIME = "time"


@dataclass(frozen=True, slots=True)
class ClientIdRule:
    """Which client order ids a venue takes: a prefix it insists on, an alphabet, a length with the prefix."""

    longest: int
    alphabet: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class VenueProfile:
    """One venue as the desk names it.

    `acceptance` is how long after signing a request can still be taken in: the venue refuses it later, by
    its own clock. `expiry_header` carries the moment on venues that want it in a header (milliseconds).
    `trigger_book` says that orders with a trigger live in a list of their own, where client ids are not
    kept. `market_buy_bound` says that a market buy can only be told as an amount to spend: it goes out as
    an immediate-or-cancel limit this fraction above the best ask, so that the quantity stays exact.
    `rest` and `streams` are the places in the connector's URL tree that the desk uses, with their paths;
    `testnet_streams` are addresses that the connector lacks. `pace` is how fast the venue may be asked, None
    leaves that to the connector. `order_params` go with every order: the shortest answer the venue gives, for
    the desk takes only the order's number from it, found in the field `order_number` (empty: the connector
    knows where). `clock_words` are what the venue says to a time stamp that is off, where it says the same to
    a wrong key.
    """

    name: str
    ccxt_id: str
    sandbox: bool
    client_ids: ClientIdRule
    acceptance: timedelta
    capabilities: Capabilities
    rest: Mapping[str, str]
    streams: Mapping[str, str]
    paging: Paging
    page_size: int
    testnet_streams: Mapping[str, str] = field(default_factory=dict)
    client_id_key: str = "clientOrderId"
    finds_client_ids: bool = True
    expiry_header: str = ""
    recv_window: bool = False
    trigger_book: bool = False
    trigger_lasts: timedelta | None = None
    market_buy_bound: Decimal | None = None
    gone_words: tuple[str, ...] = ()
    pace: Pace | None = None
    clock_words: tuple[str, ...] = ()
    order_params: Mapping[str, str] = field(default_factory=dict)
    order_number: str = ""

    @property
    def live(self) -> bool:
        """Whether money is real here."""
        return not self.sandbox


_BINANCE: Final = VenueProfile(
    name="binance",
    ccxt_id="binance",
    sandbox=False,
    client_ids=ClientIdRule(36, r"[0-9A-Za-z_-]"),
    acceptance=timedelta(seconds=5),
    recv_window=True,
    capabilities=Capabilities(
        order_types=_PLAIN | _STOPS | {OrderType.TRAILING_STOP}, times_in_force=_IMMEDIATE, post_only=True
    ),
    rest=MappingProxyType({"public": "/api/v3", "private": "/api/v3", "v1": "/api/v1"}),
    streams=MappingProxyType({"ws.spot": "/stream/ws", "ws.ws-api.spot": "/ws-api/v3"}),
    paging=Paging.BY_ID,
    page_size=1000,
    gone_words=("-2011", "-2013"),
    pace=Pace(300, 15),  # 6000 weight a minute are 1200 of the connector's cost
    order_params=MappingProxyType({"newOrderRespType": "ACK"}),
    order_number="orderId",
)

_GATE: Final = VenueProfile(
    name="gate",
    ccxt_id="gate",
    sandbox=False,
    # The venue allows 28 characters after the prefix; ccxt counts the prefix in.
    client_ids=ClientIdRule(28, r"[0-9A-Za-z_.-]", prefix="t-"),
    acceptance=timedelta(seconds=5),
    expiry_header="x-gate-exptime",
    capabilities=Capabilities(order_types=_PLAIN | _STOPS, times_in_force=_IMMEDIATE, post_only=True),
    rest=MappingProxyType(
        {
            f"{access}.{section}": "/api/v4"
            for access in ("public", "private")
            for section in ("spot", "wallet", "margin", "account", "unified")
        }
    ),
    streams=MappingProxyType({"spot": "/ws/v4/"}),
    testnet_streams=MappingProxyType({"spot": "wss://ws-testnet.gate.com/v4/ws/spot"}),  # ccxt has none
    paging=Paging.BY_PAGE,
    page_size=1000,
    trigger_book=True,
    trigger_lasts=timedelta(days=30),
    market_buy_bound=Decimal("0.02"),
    order_number="id",
    gone_words=("ORDER_NOT_FOUND", "CLIENT_ID_NOT_FOUND", "ORDER_CLOSED", "ORDER_CANCELLED"),
)

_MEXC: Final = VenueProfile(
    name="mexc",
    ccxt_id="mexc",
    sandbox=False,
    client_ids=ClientIdRule(32, r"[0-9A-Za-z_-]"),
    acceptance=timedelta(seconds=5),
    recv_window=True,
    capabilities=Capabilities(order_types=_PLAIN, times_in_force=_IMMEDIATE, post_only=True),
    rest=MappingProxyType({"spot.public": "", "spot.private": ""}),
    streams=MappingProxyType({"ws.spot": "/ws"}),
    paging=Paging.BY_TIME,
    page_size=100,
    gone_words=("-2011", "-2013", "Order does not exist", "Unknown order"),
    order_number="orderId",
    pace=Pace(100, 20),  # sources disagree: 300 in 10 seconds for an address, or 500 for an endpoint
)

_COINBASE: Final = VenueProfile(
    name="coinbase",
    ccxt_id="coinbase",
    sandbox=False,
    client_ids=ClientIdRule(64, r"[0-9A-Za-z_-]"),
    client_id_key="client_order_id",  # ccxt drops `clientOrderId` here without a word
    finds_client_ids=False,
    acceptance=timedelta(seconds=120),  # the life of the token that signs a request
    capabilities=Capabilities(order_types=_PLAIN, times_in_force=_IMMEDIATE, post_only=True),
    rest=MappingProxyType({"rest": ""}),
    streams=MappingProxyType({"ws": ""}),
    paging=Paging.BY_TIME,
    page_size=100,
    market_buy_bound=Decimal("0.02"),
    clock_words=("401 Unauthorized",),
)


def _testnet(profile: VenueProfile) -> VenueProfile:
    return replace(profile, name=f"{profile.name}-testnet", sandbox=True)


PROFILES: Final[Mapping[str, VenueProfile]] = MappingProxyType(
    {each.name: each for each in (_BINANCE, _testnet(_BINANCE), _GATE, _testnet(_GATE), _MEXC, _COINBASE)}
)
"""Every venue by the name the desk uses. Those without "-testnet" are live: real money."""


def profile(name: str) -> VenueProfile:
    """The venue of that name; raises ConfigError for a name the desk does not know."""
    found = PROFILES.get(name)
    if found is None:
        raise ConfigError(f"no venue is called {name!r}", fix=f"Choose one of {', '.join(sorted(PROFILES))}")
    return found
