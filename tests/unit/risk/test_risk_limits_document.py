"""The limits document: every edge, every contradiction, ceilings, versions, the hash."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError
from risk.contradictions import NOT_ABOVE, contradictions
from risk.document import BUILT_IN, LimitsDocument
from risk.limit_table import LIMITS
from risk.limits import DEFAULTS, VERSION, RiskLimits
from risk.windows import Blackout, TradingHours, blackouts_cover, hours_within
from tests.unit.risk.limit_tables import DEFAULTS_OF_A_SESSION, EDGES, ROOM, Edge, document

NAMES = [each.name for each in fields(RiskLimits)]
PAIRS = {(small, large): why for small, large, why in NOT_ABOVE}


def test_every_limit_stands_in_every_table() -> None:
    assert list(LIMITS) == NAMES
    assert set(EDGES) == set(NAMES)


@pytest.mark.parametrize(("name", "edge"), EDGES.items(), ids=EDGES)
def test_a_limit_may_be_what_its_type_allows_and_nothing_beyond(name: str, edge: Edge) -> None:
    for value in edge.may:
        assert getattr(RiskLimits.from_mapping({name: value}), name) is not None
    for value in edge.may_not:
        with pytest.raises(ConfigError, match=name):
            RiskLimits.from_mapping({name: value})


@pytest.mark.parametrize(("name", "edge"), EDGES.items(), ids=EDGES)
def test_a_limit_may_stand_at_its_ceiling_and_not_above(name: str, edge: Edge) -> None:
    at = document({**ROOM, name: edge.ceiling})
    assert getattr(at.limits, name) == getattr(RiskLimits.from_mapping({name: edge.ceiling}), name)
    if edge.beyond is not None and name != "allowed_symbols":
        with pytest.raises(ConfigError, match=f"{name} = .* is looser than its ceiling"):
            document({**ROOM, name: edge.beyond})


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_file_may_lower_a_ceiling_and_never_raise_it(name: str) -> None:
    edge = EDGES[name]
    assert getattr(document(ceilings={name: edge.ceiling}).ceilings, name) is not None
    if edge.beyond is not None:
        with pytest.raises(ConfigError, match=f"risk.ceilings.{name} = .* is looser than the built-in"):
            document(ceilings={name: edge.beyond})


def test_a_limit_above_a_ceiling_of_the_file_is_refused_and_a_default_gives_way() -> None:
    ceilings = {"max_daily_loss_fraction": "0.03"}
    assert document(ceilings=ceilings).limits.max_daily_loss_fraction == Decimal("0.03")
    assert document(max_daily_loss_fraction="0.03", ceilings=ceilings).limits is not None
    with pytest.raises(ConfigError, match=r"max_daily_loss_fraction = 0.031 is looser than its ceiling 0.03"):
        document(max_daily_loss_fraction="0.031", ceilings=ceilings)


def test_without_a_ceiling_the_configured_value_is_one() -> None:
    told = document(max_order_notional_quote=5000)
    assert told.ceilings.max_order_notional_quote == Decimal(5000)
    assert told.ceilings.allowed_symbols == told.limits.allowed_symbols
    assert told.ceilings.max_position_notional_quote is None
    more = document(max_order_notional_quote=5000, ceilings={"max_order_notional_quote": 7000})
    assert more.ceilings.max_order_notional_quote == Decimal(7000)


# small, large and a value of both at which they just agree
AGREE: dict[tuple[str, str], tuple[dict[str, object], str, str]] = {
    ("max_trade_loss_equity_fraction", "max_daily_loss_fraction"): ({}, "0.04", "0.0401"),
    ("max_daily_loss_fraction", "max_weekly_loss_fraction"): ({}, "0.08", "0.0801"),
    ("max_weekly_loss_fraction", "max_drawdown_fraction"): ({}, "0.15", "0.1501"),
    ("max_daily_loss_fraction", "max_drawdown_fraction"): (
        {"max_weekly_loss_fraction": "0.15"},
        "0.15",
        "0.1501",
    ),
    ("max_order_notional_quote", "max_position_notional_quote"): ({}, "9000", "9000.01"),
    ("max_position_equity_fraction", "max_cluster_equity_fraction"): ({}, "0.4", "0.4001"),
    ("max_cluster_equity_fraction", "max_gross_exposure_equity_fraction"): ({}, "0.7", "0.7001"),
    ("max_position_equity_fraction", "max_gross_exposure_equity_fraction"): (
        {"max_cluster_equity_fraction": "0.5"},
        "0.5",
        "0.5001",
    ),
    ("max_var_equity_fraction", "max_cvar_equity_fraction"): ({}, "0.18", "0.1801"),
    ("max_cvar_equity_fraction", "max_stressed_loss_equity_fraction"): ({}, "0.3", "0.3001"),
}


@pytest.mark.parametrize(("pair", "case"), AGREE.items(), ids=["-".join(pair) for pair in AGREE])
def test_limits_that_contradict_are_refused_with_what_to_change(
    pair: tuple[str, str], case: tuple[dict[str, object], str, str]
) -> None:
    small, large = pair
    more, equal, above = case
    agreed = document({**more, small: equal, large: equal})
    assert contradictions(agreed.limits) == ()
    with pytest.raises(ConfigError, match="risk limits contradict each other") as error:
        document({**more, small: above, large: equal})
    moved: dict[str, Any] = {small: Decimal(above)}
    found = contradictions(replace(agreed.limits, **moved))
    said = f"{small} = {above} is above {large} = {equal}: {PAIRS[pair]}; "
    assert f"{said}lower {small} to at most {equal} or raise {large}" in found
    assert error.value.fix.startswith("Lower ")


def test_exposure_beyond_the_leverage_needs_borrowed_money() -> None:
    limits = RiskLimits.from_mapping(DEFAULTS_OF_A_SESSION)
    assert ("max_gross_exposure_equity_fraction", "max_leverage_ratio") in PAIRS
    assert set(AGREE) | {("max_gross_exposure_equity_fraction", "max_leverage_ratio")} == set(PAIRS)
    assert contradictions(replace(limits, max_gross_exposure_equity_fraction=Decimal(1))) == ()


def test_a_stop_wider_than_the_loss_of_any_entry_is_a_contradiction() -> None:
    """An entry of 0.3 * 0.05 = 1.5 % of equity loses 0.15 of that at the widest stop: 0.225 % of equity."""
    assert document(max_trade_loss_equity_fraction="0.00225").limits is not None
    with pytest.raises(ConfigError, match=r"max_stop_distance_fraction = 0.15 is wider") as error:
        document(max_trade_loss_equity_fraction="0.00224")
    assert "to at most 0.1493 or raise the loss limit" in error.value.fix
    assert "more)" not in str(error.value)


def test_symbols_of_two_currencies_are_a_contradiction() -> None:
    with pytest.raises(ConfigError, match="quoted in EUR and USDT"):
        document(allowed_symbols=["BTC/USDT", "BTC/EUR"])


def test_several_contradictions_are_counted() -> None:
    with pytest.raises(ConfigError, match=r"\(and 1 more\)"):
        document(max_trade_loss_equity_fraction="0.06", max_daily_loss_fraction="0.05",
                 max_weekly_loss_fraction="0.04")  # fmt: skip


@pytest.mark.parametrize(
    ("told", "name", "value"),
    [
        ({"max_drawdown_fraction": "0.03"}, "max_weekly_loss_fraction", "0.03"),
        ({"max_drawdown_fraction": "0.03"}, "max_daily_loss_fraction", "0.03"),
        ({"max_drawdown_fraction": "0.015"}, "max_trade_loss_equity_fraction", "0.015"),
        ({"max_gross_exposure_equity_fraction": "0.25"}, "max_cluster_equity_fraction", "0.25"),
        ({"max_gross_exposure_equity_fraction": "0.25"}, "max_position_equity_fraction", "0.25"),
        ({"max_position_notional_quote": 9000}, "max_order_notional_quote", "9000"),
        ({"max_stressed_loss_equity_fraction": "0.1"}, "max_var_equity_fraction", "0.1"),
    ],
)
def test_one_careful_line_tightens_the_defaults_that_it_contradicts(
    told: dict[str, object], name: str, value: str
) -> None:
    assert getattr(document(told).limits, name) == Decimal(value)


def test_what_the_file_names_is_never_moved() -> None:
    with pytest.raises(ConfigError, match="contradict"):
        document(max_drawdown_fraction="0.03", max_weekly_loss_fraction="0.04")
    with pytest.raises(ConfigError, match="contradict"):
        document(max_daily_loss_fraction="0.11")  # the default of the week is never raised for it


@pytest.mark.parametrize("version", [0, 2, "1", 1.0, True, None])
def test_another_version_is_refused(version: object) -> None:
    assert document(version=1).limits == document().limits
    with pytest.raises(ConfigError, match="version"):
        document(version=version)


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        ("max_drawdwon_fraction", "Did you mean max_drawdown_fraction"),
        ("max_quote_age", "max_quote_age_seconds"),
        ("celings", r"Did you mean version or \[risk.ceilings\]"),
        ("versoin", r"Did you mean version or \[risk.ceilings\]"),
        ("nonsense", "Known limits: allowed_symbols"),
    ],
)
def test_an_unknown_key_is_refused_with_what_was_meant(key: str, fix: str) -> None:
    with pytest.raises(ConfigError, match=fix):
        document({key: 1})


def test_ceilings_are_a_table_of_known_limits() -> None:
    with pytest.raises(ConfigError, match="not a table"):
        document(ceilings="0.1")
    with pytest.raises(ConfigError, match="Did you mean max_daily_loss_fraction"):
        document(ceilings={"max_dayly_loss_fraction": "0.1"})


@pytest.mark.parametrize("name", [each for each in NAMES if each != "max_position_notional_quote"])
def test_a_missing_limit_is_named(name: str) -> None:
    absent = {key: value for key, value in DEFAULTS_OF_A_SESSION.items() if key != name}
    with pytest.raises(ConfigError, match="risk limits are missing:") as error:
        LimitsDocument.read({}, defaults=absent)
    assert name in str(error.value)


def test_one_of_the_position_limits_is_enough() -> None:
    absent = {
        key: value for key, value in DEFAULTS_OF_A_SESSION.items() if key != "max_position_equity_fraction"
    }
    told = LimitsDocument.read({"max_position_notional_quote": 30_000}, defaults=absent)
    assert told.limits.max_position_equity_fraction is None


def test_the_hash_is_of_the_values_and_not_of_their_writing() -> None:
    one = document(max_daily_loss_fraction="0.050", allowed_symbols="ETH/USDT, BTC/USDT").limits
    other = document(max_daily_loss_fraction=0.05, allowed_symbols=["BTC/USDT", "ETH/USDT"]).limits
    assert one.hash == other.hash == copy.deepcopy(one).hash == pickle.loads(pickle.dumps(one)).hash  # noqa: S301
    assert len(one.hash) == 64
    big = RiskLimits(max_order_notional_quote=Decimal(100))
    assert big.hash == RiskLimits(max_order_notional_quote=Decimal("1E+2")).hash
    assert '"max_order_notional_quote":"100"' in big.canonical()


@pytest.mark.parametrize("name", NAMES)
def test_every_limit_is_in_the_hash(name: str) -> None:
    """No two of the values that a limit may have give the same hash, and neither does none at all."""
    hashes = {RiskLimits.from_mapping({name: value}).hash for value in (None, *EDGES[name].may)}
    assert len(hashes) == 1 + len(EDGES[name].may)


def test_limits_come_back_from_their_canonical_text() -> None:
    windows: dict[str, object] = {
        "trading_hours_utc": ["fri-mon 08:00-20:00", "tue 00:00-24:00"],
        "blackout_windows_utc": ["2026-03-18T18:00Z/2026-03-18T20:00Z"],
    }
    limits = document(windows).limits
    assert RiskLimits.from_canonical(limits.canonical()) == limits
    assert json.loads(limits.canonical())["version"] == VERSION


def _stored(change: Any) -> str:
    told = json.loads(document().limits.canonical())
    change(told)
    return json.dumps(told)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda told: told.pop("version"), "cannot be read"),
        (lambda told: told.pop("limits"), "cannot be read"),
        (lambda told: told.update(version=2), "of version 2, this desk knows 1"),
        (lambda told: told.update(version=0), "of version 0"),
        (lambda told: told.update(version="1"), "of version '1'"),
        (lambda told: told["limits"].pop("max_daily_loss_fraction"), "lack max_daily_loss_fraction"),
        (lambda told: told["limits"].update(more=1), "unknown risk limit 'more'"),
        (lambda told: told["limits"].update(max_daily_loss_fraction="2"), "max_daily_loss_fraction"),
    ],
)
def test_a_stored_document_is_read_strictly(change: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        RiskLimits.from_canonical(_stored(change))


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"version":1,"limits":3}'])
def test_a_stored_document_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        RiskLimits.from_canonical(text)


def test_the_defaults_are_a_document() -> None:
    assert document().limits == RiskLimits.from_mapping(DEFAULTS_OF_A_SESSION)
    assert set(DEFAULTS) == set(NAMES) - {"allowed_symbols", "max_position_notional_quote"}


# -- windows

MONDAY = datetime(2026, 3, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("mon-fri 08:00-20:00", [(0, 8, 0), (4, 19, 59)], [(0, 7, 59), (0, 20, 0), (5, 12, 0), (6, 12, 0)]),
        ("fri-mon 00:00-24:00", [(4, 0, 0), (6, 23, 59), (0, 0, 0)], [(1, 0, 0), (3, 23, 59)]),
        ("sat 10:00-10:01", [(5, 10, 0)], [(5, 9, 59), (5, 10, 1), (6, 10, 0)]),
        ("12:30-13:00", [(2, 12, 30)], [(2, 12, 29), (2, 13, 0)]),
        ("always", [(0, 0, 0), (6, 23, 59)], []),
    ],
)
def test_hours_open_with_their_first_minute_and_close_before_their_last(
    text: str, inside: list[tuple[int, int, int]], outside: list[tuple[int, int, int]]
) -> None:
    hours = TradingHours.read(text)
    for days, hour, minute in inside:
        assert hours.allows(MONDAY + timedelta(days=days, hours=hour, minutes=minute))
    for days, hour, minute in outside:
        assert not hours.allows(MONDAY + timedelta(days=days, hours=hour, minutes=minute, seconds=0))
    assert TradingHours.read(str(hours)) == hours


@pytest.mark.parametrize("week", ["mon-sun 00:00-24:00", "wed-tue 00:00-24:00", "00:00-24:00"])
def test_a_whole_week_is_always(week: str) -> None:
    assert str(TradingHours.read(week)) == "always"


def test_a_blackout_begins_at_its_start_and_ends_before_its_end() -> None:
    window = Blackout.read("2026-03-18T18:00Z/2026-03-18T21:00+01:00")
    assert str(window) == "2026-03-18T18:00:00Z/2026-03-18T20:00:00Z"
    assert window.forbids(window.start)
    assert not window.forbids(window.start - timedelta(microseconds=1))
    assert window.forbids(window.end - timedelta(microseconds=1))
    assert not window.forbids(window.end)


HOURS = st.builds(
    lambda first, last, opens, length: TradingHours(first, last, opens, min(1440, opens + length)),
    st.integers(0, 6), st.integers(0, 6), st.integers(0, 1438), st.integers(1, 1440),
)  # fmt: skip
WEEK = [MONDAY + timedelta(minutes=17 * step) for step in range(593)]


@given(st.lists(HOURS, min_size=1, max_size=3), st.lists(HOURS, min_size=1, max_size=3))
def test_hours_within_others_allow_no_more(inner: list[TradingHours], outer: list[TradingHours]) -> None:
    if hours_within(tuple(inner), tuple(outer)):
        for at in WEEK:
            assert not any(each.allows(at) for each in inner) or any(each.allows(at) for each in outer)
    assert hours_within(tuple(inner), tuple(inner + outer))


HOUR = timedelta(hours=1)
WINDOWS = st.lists(
    st.builds(
        lambda start, hours: Blackout(MONDAY + start * HOUR, MONDAY + (start + hours) * HOUR),
        st.integers(0, 20), st.integers(1, 8),
    ), max_size=4,
)  # fmt: skip


@given(WINDOWS, WINDOWS)
def test_windows_that_cover_others_forbid_at_least_as_much(
    more: list[Blackout], less: list[Blackout]
) -> None:
    def forbidden(windows: list[Blackout]) -> set[int]:
        return {hour for hour in range(30) if any(w.forbids(MONDAY + timedelta(hours=hour)) for w in windows)}

    assert blackouts_cover(tuple(more), tuple(less)) == (forbidden(less) <= forbidden(more))
