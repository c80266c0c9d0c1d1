"""The ring: who comes late sees what was, who is slow loses the oldest, and nobody is waited for."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.hub import EventHub
from domain.events import DeskEvent, NodeFinished, Notice

AT = datetime(2024, 1, 1, tzinfo=UTC)


def notice(text: str) -> DeskEvent:
    return Notice("info", "test", text, AT)


def hub_with(events: int, ring: int = 10) -> EventHub:
    hub = EventHub(ring=ring)
    for number in range(1, events + 1):
        hub.publish(notice(str(number)))
    return hub


def test_who_comes_late_gets_what_the_ring_holds_in_order() -> None:
    hub = hub_with(14)
    batch = hub.take(hub.follow())
    assert [entry.seq for entry in batch.entries] == list(range(5, 15))
    assert batch.missed == 0


def test_who_comes_back_goes_on_where_it_was() -> None:
    hub = hub_with(8)
    batch = hub.take(hub.follow(stream=hub.stream, after=6))
    assert [entry.seq for entry in batch.entries] == [7, 8]


@pytest.mark.parametrize(("stream", "after"), [("another", 6), (None, 6), ("own", 99), ("own", -1)])
def test_a_place_in_another_stream_means_nothing(stream: str | None, after: int) -> None:
    hub = hub_with(8)
    follower = hub.follow(stream=hub.stream if stream == "own" else stream, after=after)
    assert len(hub.take(follower).entries) == 8


def test_a_slow_follower_is_told_how_much_it_missed() -> None:
    hub = hub_with(0)
    slow, quick = hub.follow(), hub.follow()
    for number in range(25):
        hub.publish(notice(str(number)))
        assert len(hub.take(quick).entries) == 1
    batch = hub.take(slow)
    assert (batch.missed, [entry.seq for entry in batch.entries]) == (15, list(range(16, 26)))


def test_a_follower_sleeps_when_it_has_seen_everything() -> None:
    hub = hub_with(3)
    follower = hub.follow()
    assert follower.wake.is_set()
    hub.take(follower)
    assert not follower.wake.is_set()
    hub.publish(notice("more"))
    assert follower.wake.is_set()


def test_who_left_is_forgotten() -> None:
    hub = hub_with(0)
    follower = hub.follow()
    hub.leave(follower)
    assert hub.followers == 0
    hub.publish(notice("x"))
    assert not follower.wake.is_set()


def test_silence_is_measured_from_the_last_event() -> None:
    now = [100.0]
    hub = EventHub(monotonic=lambda: now[0])
    now[0] = 107.5
    assert hub.quiet_seconds() == 7.5
    hub.publish(notice("x"))
    assert hub.quiet_seconds() == 0


def test_an_event_on_the_wire_is_what_the_journal_writes() -> None:
    hub = EventHub()
    hub.publish(NodeFinished("c-1", "market", "up\n<b>", ("model",), "", 1.5, 12, Decimal("0.0001"), AT))
    told = orjson.loads(hub.take(hub.follow()).entries[0].json())
    assert (told["seq"], told["kind"]) == (1, "node_finished")
    assert told["data"]["cost"] == "0.0001"
    assert told["data"]["said"] == "up\n<b>"


def test_an_event_that_cannot_be_written_does_not_stop_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    hub = EventHub()
    hub.publish(Notice("info", "test", "naive", datetime(2024, 1, 1)))  # noqa: DTZ001 - the malformed case
    hub.publish(notice("fine"))
    kinds = [orjson.loads(entry.json())["kind"] for entry in hub.take(hub.follow()).entries]
    assert kinds == ["unreadable", "notice"]
    assert "event 1 cannot be sent" in caplog.text


@given(
    ring=st.integers(1, 12),
    steps=st.lists(st.one_of(st.just("publish"), st.integers(1, 7)), max_size=80),
)
def test_nothing_is_seen_twice_and_what_is_lost_is_counted(ring: int, steps: list[str | int]) -> None:
    hub = EventHub(ring=ring)
    follower = hub.follow()
    seen: list[int] = []
    missed = 0
    for step in [*steps, 1_000]:
        if isinstance(step, str):
            hub.publish(notice("x"))
        else:
            batch = hub.take(follower, step)
            assert len(batch.entries) <= step
            seen += [entry.seq for entry in batch.entries]
            missed += batch.missed
    assert seen == sorted(set(seen))
    assert len(seen) + missed == hub.seq
