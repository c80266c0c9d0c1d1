"""Trading hours and blackouts at their exact minutes, around the week, and within one another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from risk.windows import ALWAYS, Blackout, TradingHours, blackouts_cover, hours_within

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def read(*texts: str) -> tuple[TradingHours, ...]:
    return tuple(TradingHours.read(text) for text in texts)


def days(text: str) -> str:
    """On which days of a week from Monday it is open at noon."""
    (hours,) = read(text)
    return "".join("x" if hours.allows(MONDAY + day * DAY + 720 * MINUTE) else "." for day in range(7))


@pytest.mark.parametrize(
    ("text", "open_on"),
    [
        ("always", "xxxxxxx"),
        ("08:00-20:00", "xxxxxxx"),
        ("mon 08:00-20:00", "x......"),
        ("sun 08:00-20:00", "......x"),
        ("tue-thu 08:00-20:00", ".xxx..."),
        ("fri-mon 08:00-20:00", "x...xxx"),
        ("sun-mon 08:00-20:00", "x.....x"),
        ("wed-tue 08:00-20:00", "xxxxxxx"),
    ],
)
def test_a_window_is_open_on_its_days(text: str, open_on: str) -> None:
    assert days(text) == open_on


def test_a_window_opens_with_its_first_minute_and_ends_before_its_last() -> None:
    (hours,) = read("mon 08:00-20:00")
    moments = [MONDAY + minutes * MINUTE for minutes in (479, 480, 1199, 1200)]
    assert [hours.allows(moment) for moment in moments] == [False, True, True, False]
    assert hours.minutes() == frozenset(range(480, 1200))


@pytest.mark.parametrize(
    "numbers",
    [(-1, 0, 0, 1), (7, 0, 0, 1), (0, -1, 0, 1), (0, 7, 0, 1), (0, 0, -1, 1), (0, 0, 1, 1), (0, 0, 2, 1)],
)
def test_a_window_that_is_none_is_refused(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"seven days|open before they close"):
        TradingHours(*numbers)
    with pytest.raises(ValueError, match="open before"):
        TradingHours(0, 0, 0, 1441)


@pytest.mark.parametrize("numbers", [(0, 0, 0, 1), (6, 6, 1439, 1440), (0, 6, 0, 1440), (6, 0, 0, 1440)])
def test_the_smallest_and_the_largest_window_stand(numbers: tuple[int, int, int, int]) -> None:
    assert TradingHours(*numbers).minutes()


def test_every_window_is_written_as_it_is_read() -> None:
    for text in ("always", "mon 08:00-20:00", "mon-fri 00:00-24:00", "mon-sun 08:00-20:00"):
        assert [str(each) for each in read(text)] == [text]
    assert read("always") == (ALWAYS,)


@pytest.mark.parametrize(
    ("inner", "outer", "inside"),
    [
        (["mon 08:00-20:00"], ["mon 08:00-20:00"], True),
        (["mon 08:00-20:00"], ["mon 08:01-20:00"], False),
        (["mon 08:00-20:00"], ["mon 08:00-19:59"], False),
        (["mon 08:00-20:00"], ["mon 08:00-12:00", "mon 12:00-20:00"], True),
        (["mon 08:00-20:00", "tue 08:00-20:00"], ["mon 08:00-20:00"], False),
        (["always"], ["mon-sun 00:00-24:00"], True),
        (["always"], ["mon-sat 00:00-24:00"], False),
    ],
)
def test_hours_are_within_others_to_the_minute(inner: list[str], outer: list[str], inside: bool) -> None:
    assert hours_within(read(*inner), read(*outer)) is inside
    assert hours_within(read(*inner), (ALWAYS,))


def black(*spans: tuple[int, int]) -> tuple[Blackout, ...]:
    return tuple(Blackout(MONDAY + start * MINUTE, MONDAY + end * MINUTE) for start, end in spans)


@pytest.mark.parametrize(
    ("more", "covered"),
    [
        ([(0, 10)], True),
        ([(0, 5), (5, 10)], True),
        ([(5, 10), (0, 5)], True),
        ([(-5, 20)], True),
        ([(0, 9)], False),
        ([(1, 10)], False),
        ([(0, 5), (6, 10)], False),
        ([(-5, 0), (0, 10)], True),
        ([(-5, 0)], False),
        ([], False),
    ],
)
def test_blackouts_cover_others_without_a_gap(more: list[tuple[int, int]], covered: bool) -> None:
    assert blackouts_cover(black(*more), black((0, 10))) is covered
    assert blackouts_cover(black(*more), ())


def test_a_blackout_forbids_from_its_start_until_before_its_end() -> None:
    (window,) = black((0, 10))
    told = [window.forbids(MONDAY + minutes * MINUTE) for minutes in (-1, 0, 9, 10)]
    assert told == [False, True, True, False]
    with pytest.raises(ValueError, match="end after it starts"):
        black((5, 5))
