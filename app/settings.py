"""What the desk was told: one commented file, the environment, and the command line, in rising order.

The only module that reads the environment. Unknown keys are refused wherever they stand. Secrets come
from the environment alone and never appear in a file, a log or an error.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from app.allocation_section import AllocationSection
from app.breakers_section import BreakersSection
from app.section import Mode, Section
from app.sizing_section import SizingSection
from app.stops_section import StopsSection
from app.venue_section import VenueSection
from domain.errors import ConfigError, MoneyError
from domain.instrument import split_symbol
from domain.market import Timeframe

CONFIG_FILE = "desk.toml"
DEFAULT_HOME = ".desk"
_PREFIX = "DESK_"
_OWN_VARIABLES = frozenset({"DESK_HOME", "DESK_CONFIG"})
_KEY_VARIABLES = ("NEBIUS_API_KEY", "OPENAI_API_KEY")
_PAPER_SPEED = 450.0
_VENUE_QUOTE_AGE = timedelta(minutes=1)

_Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
_Rate = Annotated[Decimal, Field(ge=0, lt=Decimal("0.1"), allow_inf_nan=False)]


class SessionSection(Section):
    """What is traded, with how much, and how often a decision is made."""

    symbols: tuple[str, ...] = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
    timeframe: Timeframe = Timeframe.M15
    capital: _Positive = Decimal(10_000)
    currency: str = "USDT"
    decide_every: Annotated[int, Field(ge=1, le=10_000)] = 1

    @field_validator("symbols", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_currency(self) -> SessionSection:
        if not self.symbols:
            raise ValueError("symbols is empty; name at least one, for example BTC/USDT")
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError("symbols names one twice")
        for symbol in self.symbols:
            try:
                quote = split_symbol(symbol)[1]
            except MoneyError as error:
                raise ValueError(str(error)) from None
            if quote != self.currency:
                raise ValueError(f"{symbol} is not quoted in {self.currency}, the currency of the account")
        return self


class MarketSection(Section):
    """Where prices come from: the embedded simulated market, or candles replayed from files."""

    source: Literal["synthetic", "replay"] = "synthetic"
    candles: Path | None = None
    stamps: Literal["open", "close"] = "open"
    gaps: Literal["refuse", "allow"] = "refuse"
    start: datetime | None = None
    end: datetime | None = None
    seed: Annotated[int, Field(ge=0)] = 5  # one that trades from its first bar on; nothing else was looked at
    max_age_bars: Annotated[int, Field(ge=1)] = 3
    speed: float | Literal["max"] | None = None

    @field_validator("start", "end", mode="before")
    @classmethod
    def _utc(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
            except ValueError:
                raise ValueError(f"{value!r} is not a date; write 2021-01-31 or 2021-01-31T08:00Z") from None
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        if isinstance(value, date):  # a day named as the end is meant whole
            return datetime.combine(value, time.max if info.field_name == "end" else time.min, UTC)
        return value

    @field_validator("speed")
    @classmethod
    def _forward(cls, value: float | str | None) -> float | str | None:
        if isinstance(value, float) and not 0 < value < float("inf"):
            raise ValueError("speed is a multiple of real time above 0, or max")
        return value

    @model_validator(mode="after")
    def _complete(self) -> MarketSection:
        if self.source == "replay" and self.candles is None:
            raise ValueError("source is replay, but candles names no file or folder")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError("end lies before start")
        return self


class CostsSection(Section):
    """What trading costs on the paper venue: fees as fractions of the notional, and slippage.

    `venue` brings that exchange's fee ladder, entered at a 30-day `turnover`, and its words for a refusal; a
    rate that is given wins. `impact`, `latency_ms` and `queue` add to slippage "book" and not to "none".
    """

    venue: Literal["binance", "gate", "mexc", "coinbase"] | None = None
    turnover: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] = Decimal(0)
    maker: _Rate | None = None
    taker: _Rate | None = None
    slippage: Literal["book", "none"] = "book"
    impact: Annotated[Decimal, Field(ge=0, le=10)] = Decimal("0.5")
    latency_ms: Annotated[int, Field(ge=0, le=5_000)] = 250
    queue: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] | None = None


class DecisionSection(Section):
    """How opinions become target weights."""

    strategies: tuple[str, ...] = ("ma_crossover", "breakout")
    max_weight: Annotated[Decimal, Field(gt=0, le=1)] = Decimal("0.25")
    rebalance_band: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.05")
    entry_patience: Annotated[float, Field(ge=0, le=604_800, allow_inf_nan=False)] = 0.0
    entry_unfilled: Literal["cancel", "market"] = "cancel"
    runner: Literal["auto", "graph", "inline"] = "auto"


class ModelsSection(Section):
    """Which language models answer for the roles. Without a key in the environment, none do."""

    preset: Literal["nebius", "openai", "custom"] | None = None
    base_url: str | None = None
    model: str | None = None
    roles: dict[str, str] = Field(default_factory=dict)
    deadline_seconds: Annotated[float, Field(gt=0, le=600)] = 20.0
    max_tokens: Annotated[int, Field(ge=64, le=100_000)] = 1_500
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.1
    daily_tokens: Annotated[int, Field(ge=0)] = 2_000_000
    daily_cost: Annotated[Decimal, Field(ge=0)] = Decimal(5)
    enabled: bool = True


class ApiSection(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8420


class Settings(Section):
    """Everything the desk was told. `risk` is checked by the risk room, which knows the limits."""

    session: SessionSection = SessionSection()
    venue: VenueSection = VenueSection()
    market: MarketSection = MarketSection()
    costs: CostsSection = CostsSection()
    decision: DecisionSection = DecisionSection()
    breakers: BreakersSection = BreakersSection()
    sizing: SizingSection = SizingSection()
    allocation: AllocationSection = AllocationSection()
    models: ModelsSection = ModelsSection()
    api: ApiSection = ApiSection()
    stops: StopsSection = StopsSection()
    peers: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,31}$")], Path] = Field(default_factory=dict)
    risk: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_market(self) -> Settings:
        if self.venue.name == "paper":
            return self
        if self.market.source == "replay":
            raise ValueError(f"{self.venue.name} has its own prices; candles are for the paper venue")
        if self.market.speed not in (None, 1) and not self.venue.rehearsal:
            raise ValueError("speed is for paper, or an exchange on this machine; a venue's time is real")
        if self.market.speed == "max":
            raise ValueError("speed max is for paper; a venue's time runs by itself")
        return self

    @property
    def speed(self) -> float:
        """How many of the desk's seconds pass in one of ours; infinite for as fast as it goes."""
        told = self.market.speed
        if told is None:
            return _PAPER_SPEED if self.venue.name == "paper" else 1.0
        return float("inf") if told == "max" else float(told)

    @property
    def mode(self) -> Mode:
        return self.venue.mode

    def fingerprint(self) -> str:
        """SHA-256 of what decides a session's outcome: not its speed, its addresses or its models' budget."""
        aside: Any = {
            "api": True,
            "models": True,
            "peers": True,
            "market": {"speed"},
            "decision": {"runner"},
            "venue": {"url", "stream_url"},
        }
        told = self.model_dump(mode="json", exclude=aside)
        return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def max_age(self) -> timedelta:
        return self.session.timeframe.delta * self.market.max_age_bars

    def max_quote_age_seconds(self) -> int:
        """How old a price may be that an order is reviewed on; a venue is asked for one every second."""
        told = self.max_age()
        if self.venue.name != "paper":
            told = min(told, _VENUE_QUOTE_AGE * max(1.0, self.speed))
        return int(told.total_seconds())


class VenueKey(Section):
    """A venue's key pair, as it stood in the environment."""

    key: SecretStr
    secret: SecretStr


class ModelKey(Section):
    """A key that stood in the environment, and the preset it belongs to."""

    preset: Literal["nebius", "openai"]
    secret: SecretStr


def load(
    config: Path | None = None,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    on_paper: bool = False,
) -> Settings:
    """Settings from defaults, file, environment and command line, later ones winning.

    `on_paper` leaves out the venue that they name: for what never sends an order.

    `overrides` maps section -> key -> value; None values are left out. Raises ConfigError with the
    offending key and what to write instead. Also switches off what libraries would send home, so that
    it is done before any of them is imported.
    """
    silence_telemetry()
    path = config or (Path(os.environ["DESK_CONFIG"]) if "DESK_CONFIG" in os.environ else Path(CONFIG_FILE))
    told: dict[str, Any] = {}
    if path.exists():
        told = _read(path)
    elif config is not None or "DESK_CONFIG" in os.environ:
        raise ConfigError(
            f"the configuration file {path} does not exist", fix="Check --config or DESK_CONFIG"
        )
    _merge(told, _from_environment())
    _merge(told, overrides or {})
    if on_paper:
        told.pop("venue", None)
    try:
        return Settings.model_validate(told)
    except ValidationError as error:
        raise ConfigError(
            _explain(error), fix=f"Mend {path.name}, the DESK_ variables or the option"
        ) from None


def home_folder(option: Path | None = None) -> Path:
    """The folder that holds all state: the option, else DESK_HOME, else `.desk` here."""
    return (option or Path(os.environ.get("DESK_HOME", DEFAULT_HOME))).expanduser().resolve()


def model_key() -> ModelKey | None:
    """The first model key in the environment, or None: then every role uses its baseline."""
    for variable in _KEY_VARIABLES:
        if secret := os.environ.get(variable, "").strip():
            preset: Literal["nebius", "openai"] = "nebius" if variable.startswith("NEBIUS") else "openai"
            return ModelKey(preset=preset, secret=SecretStr(secret))
    return None


def venue_key(venue: str) -> VenueKey:
    """The key pair of a venue from the environment; ConfigError names the variables when one is missing."""
    prefix = venue.upper().replace("-", "_")
    names = f"{prefix}_API_KEY", f"{prefix}_API_SECRET"
    found = [os.environ.get(name, "").strip() for name in names]
    for name, value in zip(names, found, strict=True):
        if not value:
            raise ConfigError(
                f"{venue} needs keys, and {name} is not in the environment",
                fix=f"Set {' and '.join(names)}; they never stand in a file",
            )
    secret = found[1].replace("\\n", "\n")  # a private key on one line
    return VenueKey(key=SecretStr(found[0]), secret=SecretStr(secret))


def silence_telemetry() -> None:
    """Switch off what libraries would send home, before any of them is imported."""
    for name, value in (
        ("ANONYMIZED_TELEMETRY", "False"),
        ("CHROMA_TELEMETRY", "False"),
        ("HF_HUB_DISABLE_TELEMETRY", "1"),
        ("HF_HUB_OFFLINE", "1"),
        ("DO_NOT_TRACK", "1"),
        ("LANGCHAIN_TRACING_V2", "false"),
        ("LANGSMITH_TRACING", "false"),
        ("OTEL_SDK_DISABLED", "true"),
    ):
        os.environ.setdefault(name, value)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", fix="Mend the file; it is TOML") from error


def _from_environment() -> dict[str, dict[str, Any]]:
    """DESK_SECTION__KEY=value, as nested mappings. Raises ConfigError for a name that means nothing."""
    found: dict[str, dict[str, Any]] = {}
    for variable, value in os.environ.items():
        if not variable.startswith(_PREFIX) or variable in _OWN_VARIABLES:
            continue
        section, double, key = variable.removeprefix(_PREFIX).lower().partition("__")
        if not double or section not in Settings.model_fields:
            known = ", ".join(f"DESK_{name.upper()}__..." for name in Settings.model_fields)
            raise ConfigError(f"the environment variable {variable} means nothing here", fix=f"Use {known}")
        found.setdefault(section, {})[key] = value
    return found


def _merge(told: dict[str, Any], more: Mapping[str, Mapping[str, Any]]) -> None:
    for section, values in more.items():
        given = {key: value for key, value in values.items() if value is not None}
        if not given:
            continue
        below = told.get(section, {})
        if not isinstance(below, dict):
            raise ConfigError(f"{section} is not a table", fix=f"Write [{section}] and its keys below it")
        told[section] = {**below, **given}


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the configuration"
    said = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        said = "there is no such setting"
    more = error.error_count() - 1
    return f"{place}: {said}" + (f" (and {more} more)" if more else "")
