"""Recorded depth, snapshots, quotes and trades: read as written, or refused with file, line and fix."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import paper_fidelity
from domain.errors import DataError
from market.depth_files import Recording, kind_of, read_recording

DEPTH = "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu"
START = 1_667_346_579_146  # ms
BASE = [
    DEPTH,
    "BTCUSDT,1667346579146,100,100,b,snap,20377.00,1.770,-1",
    "BTCUSDT,1667346579146,100,100,a,snap,20377.10,0.500,-1",
    "BTCUSDT,1667346579200,101,103,b,set,20376.90,0.001,100",
    "BTCUSDT,1667346579300,104,104,a,set,20377.10,0.000,103",
]


def write(folder: Path, lines: Sequence[str], name: str = "depth.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows(found: Recording) -> list[tuple[bool, bool, int, int]]:
    columns = (found.trade, found.buy, found.price, found.quantity)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_depth_is_read_in_ticks_and_lots(tmp_path: Path) -> None:
    found = read_recording([write(tmp_path, BASE)])
    assert (found.symbol, found.tick, found.lot) == ("BTCUSDT", Decimal("0.1"), Decimal("0.001"))
    assert rows(found) == [
        (False, True, 203770, 1770),
        (False, False, 203771, 500),
        (False, True, 203769, 1),
        (False, False, 203771, 0),
    ]
    assert found.time_ns.tolist() == [START * 10**6] * 2 + [1667346579200 * 10**6, 1667346579300 * 10**6]


def test_a_given_tick_and_lot_are_used(tmp_path: Path) -> None:
    found = read_recording([write(tmp_path, BASE)], tick=Decimal("0.05"), lot=Decimal("0.0005"))
    assert rows(found)[0] == (False, True, 407540, 3540)


def test_a_later_snapshot_empties_the_levels_it_does_not_name(tmp_path: Path) -> None:
    later = [
        "BTCUSDT,1667346579400,200,200,b,snap,20376.90,0.300,-1",
        "BTCUSDT,1667346579400,200,200,a,snap,20377.30,0.400,-1",
        "BTCUSDT,1667346579500,201,201,a,set,20377.20,0.100,200",
    ]
    found = rows(read_recording([write(tmp_path, [*BASE, *later])]))
    assert found[4:] == [
        (False, True, 203770, 0),
        (False, True, 203769, 300),
        (False, False, 203773, 400),
        (False, False, 203772, 100),
    ]


@pytest.mark.parametrize(
    ("line", "wrong", "says"),
    [
        (
            3,
            "BTCUSDT,1667346579200,101,103,b,set,oops,0.001,100",
            "line 4: price is 'oops', which is no number",
        ),
        (3, "BTCUSDT,1667346579200,101,103,b,set,,0.001,100", "line 4: price is '', which is empty"),
        (
            3,
            "BTCUSDT,1667346579200,101,103,b,set,0,0.001,100",
            "line 4: price is '0', which is not above zero",
        ),
        (3, "BTCUSDT,1667346579200,101,103,b,set,1.5,-0.1,100", "line 4: qty is '-0.1', which is negative"),
        (
            3,
            "BTCUSDT,1667346579200,101,103,b,set,inf,0.1,100",
            "line 4: price is 'inf', which is not a finite",
        ),
        (3, "BTCUSDT,1667346579200,101,103,x,set,1.5,0.1,100", "line 4: side is 'x', which is none of"),
        (3, "BTCUSDT,1667346579200,101,103,b,new,1.5,0.1,100", "line 4: update_type is 'new'"),
        (3, "BTCUSDT,1667346579100,101,103,b,set,1.5,0.1,100", "line 4: its timestamp is older"),
        (3, "BTCUSDT,12,101,103,b,set,1.5,0.1,100", "line 4: timestamp is '12', which is no time since 1970"),
        (
            3,
            "BTCUSDT,1667346579200,101,x,b,set,1.5,0.1,100",
            "line 4: last_update_id is 'x', which is no whole",
        ),
        (
            3,
            "BTCUSDT,1667346579200,105,106,b,set,1.5,0.1,104",
            "line 4: update 105 to 106 does not follow 100",
        ),
        (
            4,
            "BTCUSDT,1667346579300,104,104,b,set,1.5,0.1,102",
            "line 5: update 104 to 104 does not follow 103",
        ),
        (3, "BTCUSDT,1667346579200,101,103,b", "Row #4: Expected 9 columns, got 5"),
        (
            3,
            "BTCUSDT,1667346579200,101,103,b,set,1.0000000000001,0.1,100",
            "line 4: a price has more than 12",
        ),
    ],
)
def test_a_garbled_line_is_refused_by_its_number(tmp_path: Path, line: int, wrong: str, says: str) -> None:
    path = write(tmp_path, [*BASE[:line], wrong, *BASE[line + 1 :]])
    with pytest.raises(DataError) as refused:
        read_recording([path])
    assert str(path) in refused.value.message
    assert says in refused.value.message
    assert refused.value.fix


def test_a_price_off_the_given_tick_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 3: the price 20377\.1 is no multiple of 0\.5"):
        read_recording([write(tmp_path, BASE)], tick=Decimal("0.5"))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"\xff\xfe\x00\x01" * 9, "cannot be read as csv"),
        ("a.csv", b"", "cannot be read as csv: Empty CSV file"),
        ("a.csv", b"time,px\n1,2\n", "which is no recording known here"),
        ("a.csv", DEPTH.encode() + b"\n", "has no rows"),
        ("a.parquet", b"PAR1 not really", "cannot be read as parquet"),
        ("a.txt", b"x", "neither .csv nor .parquet"),
    ],
)
def test_a_file_that_is_none_of_the_kinds_is_refused(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as refused:
        read_recording([tmp_path / name])
    assert says in refused.value.message
    assert refused.value.fix


def test_a_missing_file_and_no_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_recording([tmp_path / "nowhere.csv"])
    with pytest.raises(DataError, match="no file to read"):
        read_recording([])


SNAPSHOTS = (
    "exchange,symbol,timestamp,local_timestamp,"
    "asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,"
    "asks[1].price,asks[1].amount,bids[1].price,bids[1].amount"
)


def test_snapshots_become_what_changed_between_them(tmp_path: Path) -> None:
    lines = [
        SNAPSHOTS,
        "x,BTCUSDT,1598918403696000,1,10.5,1,10.4,2,10.6,3,10.2,4",
        "x,BTCUSDT,1598918403815000,1,10.5,1,10.4,2,10.6,3,10.2,4",
        "x,BTCUSDT,1598918403888000,1,10.5,2,10.3,7,,,10.2,4",
    ]
    path = write(tmp_path, lines)
    assert kind_of(path) == "book snapshots"
    found = read_recording([path])
    assert sorted(rows(found)[:4]) == sorted(
        [(False, False, 105, 1), (False, False, 106, 3), (False, True, 104, 2), (False, True, 102, 4)]
    )
    gone, there = rows(found)[4:6], rows(found)[6:]
    assert sorted(gone) == [(False, False, 106, 0), (False, True, 104, 0)]
    assert sorted(there) == [(False, False, 105, 2), (False, True, 103, 7)]
    assert set(found.time_ns[4:].tolist()) == {1598918403888000 * 1000}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("10.5,1,10.5,2,10.6,3,10.2,4", "the best bid 10.5 is not below the ask 10.5"),
        ("10.5,1,10.4,2,10.5,3,10.2,4", "asks[1] has the price 10.5"),
        ("10.5,1,10.4,2,10.6,3,10.45,4", "bids[1] has the price 10.45"),
        ("10.5,1,10.4,2,10.6,,10.2,4", "asks[1] has the price 10.6 and the amount nan"),
        ("10.5,1,10.4,-2,10.6,1,10.2,4", "bids[0] has the price 10.4 and the amount -2"),
    ],
)
def test_a_snapshot_that_is_no_book_is_refused(tmp_path: Path, wrong: str, says: str) -> None:
    path = write(tmp_path, [SNAPSHOTS, f"x,BTCUSDT,1598918403815000,1,{wrong}"])
    with pytest.raises(DataError) as refused:
        read_recording([path])
    assert f"{path}, line 2: {says}" in refused.value.message


def quotes_and_trades(folder: Path) -> tuple[Path, Path]:
    start = datetime(2021, 1, 8, tzinfo=UTC)
    quotes = pd.DataFrame(
        {
            "timestamp": [start, start + timedelta(milliseconds=5)],
            "symbol": "BTC/USDT",
            "ask_size": [0.5, 0.0028420000000000003],
            "ask": [39433.62, 39433.62],
            "bid_size": [0.003, 2.0],
            "bid": [39432.99, 39433.0],
        }
    )
    trades = pd.DataFrame(
        {
            "timestamp": [start, start + timedelta(milliseconds=5)],
            "trade_id": [1, 2],
            "price": [39433.62, 39432.99],
            "quantity": [0.25, 0.003],
            "buyer_maker": ["False", "True"],
        }
    )
    paths = folder / "quotes.parquet", folder / "trades.parquet"
    quotes.astype({"timestamp": "datetime64[ms, UTC]"}).to_parquet(paths[0])
    trades.astype({"timestamp": "datetime64[ms, UTC]"}).to_parquet(paths[1])
    return paths


def test_files_of_one_symbol_are_joined_in_order_of_time_trades_first(tmp_path: Path) -> None:
    quotes, trades = quotes_and_trades(tmp_path)
    assert (kind_of(quotes), kind_of(trades)) == ("quotes", "trades")
    found = read_recording([quotes, trades], symbol="BTC/USDT")
    assert (found.symbol, found.tick, found.lot) == ("BTC/USDT", Decimal("0.01"), Decimal("0.000001"))
    assert rows(found) == [
        (True, True, 3943362, 250_000),
        (False, True, 3943299, 3_000),
        (False, False, 3943362, 500_000),
        (True, False, 3943299, 3_000),
        (False, True, 3943299, 0),
        (False, True, 3943300, 2_000_000),
        (False, False, 3943362, 2_842),
    ]


def test_a_garbled_row_of_parquet_is_named(tmp_path: Path) -> None:
    quotes, _ = quotes_and_trades(tmp_path)
    table = pd.read_parquet(quotes)
    table.loc[1, "ask"] = float("nan")
    table.to_parquet(quotes)
    with pytest.raises(DataError, match="row 2: ask is None, which is empty"):
        read_recording([quotes])


def test_two_symbols_are_not_joined(tmp_path: Path) -> None:
    quotes, _ = quotes_and_trades(tmp_path)
    other = write(tmp_path, [line.replace("BTCUSDT", "ETHUSDT") for line in BASE])
    with pytest.raises(DataError, match=r"several symbols: BTC/USDT in .*, ETHUSDT in "):
        read_recording([quotes, other])
    with pytest.raises(DataError, match=r"is of ETHUSDT in .*, not of BTC/USDT"):
        read_recording([other], symbol="BTC/USDT")


def test_a_compressed_csv_is_read(tmp_path: Path) -> None:
    path = tmp_path / "depth.csv.gz"
    path.write_bytes(gzip.compress("\n".join(BASE).encode()))
    assert rows(read_recording([path])) == rows(read_recording([write(tmp_path, BASE)]))


prices = st.integers(1, 40)
levels = st.dictionaries(prices, st.integers(1, 5000), min_size=1, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(st.tuples(levels, levels), min_size=1, max_size=6))
def test_replaying_the_changes_gives_every_snapshot_again(
    tmp_path: Path, books: list[tuple[dict[int, int], dict[int, int]]]
) -> None:
    names = [
        f"{side}[{n}].{what}" for n in range(6) for side in ("asks", "bids") for what in ("price", "amount")
    ]
    table = []
    for number, (bids, asks) in enumerate(books):
        line = {"symbol": "BTCUSDT", "timestamp": 1598918403696000 + number}
        line |= dict.fromkeys(names)
        for side, book, order in (("bids", bids, -1), ("asks", {p + 50: q for p, q in asks.items()}, 1)):
            for level, price in enumerate(sorted(book, key=lambda price: order * price)):
                line[f"{side}[{level}].price"] = price / 10
                line[f"{side}[{level}].amount"] = book[price] / 1000
        table.append(line)
    path = tmp_path / "books.csv"
    pd.DataFrame(table).to_csv(path, index=False)
    found = read_recording([path], tick=Decimal("0.1"), lot=Decimal("0.001"))
    for number, (bids, asks) in enumerate(books):
        shown = paper_fidelity.book_at(found, (1598918403696000 + number) * 1000)
        assert shown == ({price + 50: left for price, left in asks.items()}, bids)


@st.composite
def depth_files(draw: st.DrawFn) -> list[str]:
    """A Binance depth file of some messages, never crossed: bids up to 50, asks above."""
    lines = [DEPTH]
    for message in range(draw(st.integers(1, 12))):
        kind = "snap" if message == 0 else "set"
        for side, base in (("b", 1), ("a", 51)):
            for price in draw(st.lists(st.integers(0, 49), max_size=5, unique=True)):
                lines.append(
                    f"BTCUSDT,{START + message},{message},{message},{side},{kind},{(base + price) / 10:.2f},"
                    f"{draw(st.integers(0, 3000)) / 1000:.3f},{message - 1}"
                )
    return lines


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(depth_files(), st.integers(0, 10_000))
def test_market_orders_on_a_generated_recording_fill_exactly_and_limits_never_better(
    tmp_path: Path, lines: list[str], seed: int
) -> None:
    if len(lines) == 1:
        return
    part = write(tmp_path, _unbroken(lines))
    found = paper_fidelity.examine([part])
    assert not found.skipped
    assert found.market_exact == found.market_orders
    assert found.limit_better_than_tape == 0


def _unbroken(lines: list[str]) -> list[str]:
    """Messages without a row leave holes in the ids; number those that are there."""
    table = [line.split(",") for line in lines[1:]]
    numbers = {name: str(place) for place, name in enumerate(dict.fromkeys(line[2] for line in table))}
    for line in table:
        line[2] = line[3] = numbers[line[2]]
        line[8] = str(int(line[2]) - 1)
    return [lines[0], *(",".join(line) for line in table)]


def test_the_fidelity_command_tells_what_it_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    quotes_and_trades(tmp_path)
    monkeypatch.setattr("sys.argv", ["paper_fidelity", str(tmp_path)])
    assert paper_fidelity.main() == 0
    told = json.loads(capsys.readouterr().out)
    assert told["market_orders"] == told["market_exact"] > 10
    assert told["limit_orders"] > 5
    assert told["limit_fills"] > 0
    assert told["limit_better_than_tape"] == 0


def test_the_fidelity_command_names_a_garbled_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, ["not,a,recording", "1,2,3"])
    monkeypatch.setattr("sys.argv", ["paper_fidelity", str(tmp_path)])
    assert paper_fidelity.main() == 1
    assert "depth.csv" in capsys.readouterr().err
