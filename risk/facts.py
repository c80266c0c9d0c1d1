"""What the gate may know. A fact that nobody could establish is None, and None refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.frozen import quick
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import Quote
from domain.money import Currency, Symbol
from domain.orders import Side


@quick
@dataclass(frozen=True, slots=True)
class PositionFacts:
    """A holding in base currency and the price it is valued at, in the account's currency."""

    quantity: Decimal
    price: Decimal


@quick
@dataclass(frozen=True, slots=True)
class OpenOrderFacts:
    """An order that may still fill. `remaining` in base currency; `price` is the worst it may pay.

    For a buy, `price` is the limit or trigger price (the ask for a market order); it is what the gate
    sets aside for it. `is_stop` says that it guards a holding and makes way for what sells that sooner. An
    order whose fate is unknown belongs here too.
    """

    client_id: str
    symbol: Symbol
    side: Side
    remaining: Decimal
    price: Decimal
    reduce_only: bool
    is_stop: bool


@quick
@dataclass(frozen=True, slots=True)
class AccountFacts:
    """The account at market prices, in `currency`.

    `equity` includes unrealised profit and loss. `free` holds what is owned per currency **before** open
    orders are set aside: the gate subtracts `RiskFacts.open_orders` itself. Passing balances that already
    leave them out only refuses more. A currency or symbol that is absent counts as nothing held.
    """

    currency: Currency
    equity: Decimal
    day_start_equity: Decimal
    peak_equity: Decimal
    free: Mapping[Currency, Decimal]
    positions: Mapping[Symbol, PositionFacts]


@quick
@dataclass(frozen=True, slots=True)
class MarketFacts:
    """The market of the intent's symbol beyond its quote; values in the account's currency.

    `reference` is a price from elsewhere that the quote has to agree with. `bids_quote` and `asks_quote` are
    what rests on the visible levels of each side, `volume_quote` what was traded in the last 24 hours.
    `severe_news_at` is when the newest severe headline about the symbol became known; here None says that
    there was none, while a market that cannot be established is `RiskFacts.market` None.
    """

    reference: Decimal | None
    bids_quote: Decimal | None
    asks_quote: Decimal | None
    volume_quote: Decimal | None
    severe_news_at: datetime | None


@quick
@dataclass(frozen=True, slots=True)
class LossFacts:
    """What was lost before. `streak` counts losing round trips in a row, the newest at `streak_at`.

    `week_start_equity` is the equity when the UTC week (from Monday) began. `last_loss_at` tells when a
    symbol was last sold at a loss; a symbol that is absent never was.
    """

    week_start_equity: Decimal
    streak: int
    streak_at: datetime | None
    last_loss_at: Mapping[Symbol, datetime]


@quick
@dataclass(frozen=True, slots=True)
class ScenarioFacts:
    """What one stress scenario does to an asset: 0.4 is a loss of 40 %, and a gain is below zero.

    `shock_fraction` is how much of its value the intent's asset loses, `worst_fraction` how much the asset of
    the session that loses most.
    """

    name: str
    shock_fraction: Decimal
    worst_fraction: Decimal


@quick
@dataclass(frozen=True, slots=True)
class BookFacts:
    """How the intent's asset and what is held move together.

    `correlations` are those of the asset with the other symbols of the session. `scenario_losses` is what
    the holdings would lose in each of `scenarios`, in the account's currency. `variance` is that of what is
    held, in squared account currency per day; `covariance` that of one unit of currency in the asset with
    what is held; `asset_variance` that of one unit of currency in the asset. `worst_deviation` is the
    standard deviation of the most restless asset of the session, a fraction per day.
    """

    correlations: Mapping[Symbol, Decimal]
    scenarios: tuple[ScenarioFacts, ...]
    scenario_losses: tuple[Decimal, ...]
    variance: Decimal
    covariance: Decimal
    asset_variance: Decimal
    worst_deviation: Decimal


@quick
@dataclass(frozen=True, slots=True)
class IntentFacts:
    """An order of the intent's symbol that was sent not long ago. `parent` as in its intent."""

    client_id: str
    side: Side
    quantity: Decimal
    parent: str
    at: datetime


@quick
@dataclass(frozen=True, slots=True)
class HealthFacts:
    """How often models were `asked` lately, and how often they `abstained`. A desk without models asks 0."""

    asked: int
    abstained: int


@quick
@dataclass(frozen=True, slots=True)
class BreakerFacts:
    """The breakers that concern the intent: how much of its usual size is allowed, and which are open.

    `size_fraction` is in [0, 1]: 1 when all is well, less on probation. A name in `open` forbids entries.
    """

    size_fraction: Decimal
    open: tuple[str, ...]


@quick
@dataclass(frozen=True, slots=True)
class RiskFacts:
    """Everything `review` looks at besides the intent and the limits.

    `quote` and `instrument` are those of the intent's symbol. `open_orders` are the other orders that may
    still fill, of every symbol, without the one under review. `recent_orders` counts the orders submitted
    within the limits' rate window before now, `recent_intents` are those of the symbol within the window for
    duplicates. None means unknown: every rule that needs it refuses. An order that reduces needs none of the
    facts from `market` on.
    """

    halt: HaltState | None
    account: AccountFacts | None
    instrument: Instrument | None
    quote: Quote | None
    open_orders: tuple[OpenOrderFacts, ...] | None
    recent_orders: int | None
    market: MarketFacts | None = None
    losses: LossFacts | None = None
    book: BookFacts | None = None
    recent_intents: tuple[IntentFacts, ...] | None = None
    health: HealthFacts | None = None
    breakers: BreakerFacts | None = None
