"""Answers of screens as people read them, and how fields are spread."""

from collections.abc import Callable
from typing import Any

import pytest

from marketbell.core.language.reader import parse_screen
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import UserError
from marketbell.flows.market_views.paging import decode_cursor
from marketbell.flows.market_views.reader import Market
from marketbell.flows.market_views.screen_pages import moment, page, passages
from marketbell.flows.market_views.spread import spread
from marketbell.flows.market_views.universe import Universe
from marketbell.ports.screens import ScreenAnswer, ScreenRow
from marketbell.ports.stores import ScreenEvent

CLOCK = 1_619_580_660 * 10**9  # 2021-04-28 03:31 UTC
PE = {"expression": "fund.pe", "label": "P/E", "type": "number", "unit": ""}
INSTRUMENTS = [
    Instrument("NSE:AAA", "Alpha", sector="Autos", tick_size=0.05),
    Instrument("NSE:BBB", "Beta", sector="Banks"),
    Instrument("NSE:IDX", kind="index"),
]
ROWS: dict[str, dict[str, Any]] = {
    "NSE:AAA": {"close": 101.049, "change_pct": 1.0499, "volume": 15.0, "fund.pe": 12.5, "event_time": CLOCK},
    "NSE:BBB": {"close": 50.0},
    "NSE:IDX": {"close": 9.0, "fund.pe": 99.0},
}
SUMMARY = {"clock": CLOCK, "session": {"zone": "Asia/Kolkata"}, "source": {"label": "Test"}}
MARKET = Market(Universe(INSTRUMENTS), ROWS, {}, SUMMARY)
SCREEN = parse_screen("pe < 20")


def column(expression: str, type_: str) -> dict[str, str]:
    return {"expression": expression, "label": expression, "type": type_, "unit": ""}


def test_a_page_has_names_prices_typed_cells_and_chips_with_forms() -> None:
    columns = (PE, column("sector", "text"), column("sma(close, 2)", "price"))
    chips = ({"text": "fund.pe < 20", "count": 2}, {"text": "close > sma(close, 2)", "count": 1})
    rows = (ScreenRow("NSE:AAA", (12.5, "Autos", 1.004)), ScreenRow("NSE:BBB", (None, None, None)))
    answer = ScreenAnswer(rows, columns, 2, chips, 3, {"fund.pb": 1, "fund.pe": 2}, CLOCK, 1.5)
    found = page(SCREEN, answer, MARKET, is_past=False, offset=0, total=2)
    first, second = found["items"]
    assert first == {
        "instrument": "NSE:AAA",
        "symbol": "AAA",
        "name": "Alpha",
        "close": "101.05",
        "change_pct": "1.05",
        "volume": 15,
        "as_of": "2021-04-28T03:31:00.000Z",
        "values": ["12.50", "Autos", "1.00"],
    }
    assert (second["volume"], second["values"]) == (None, [None, "Banks", None])
    assert found["chips"][0]["form"] == {"op": "compare", "operator": "<", "left": "fund.pe", "right": "20"}
    assert found["unknown"]["fields"] == [{"field": "fund.pe", "count": 2}, {"field": "fund.pb", "count": 1}]
    assert (found["text"], found["source"], found["next_cursor"]) == ("fund.pe < 20", "Test", None)


@pytest.mark.parametrize(
    ("expression", "type_", "value", "shown"),
    [
        ("close > 1", "bool", 1.0, True),
        ("volume * 2", "count", 41.9999, 42),
        ("volume / 3", "number", 1 / 3, "0.3333333333"),
        ("change_pct * 2", "percent", -1.005, "-1.00"),
        ("event_time", "time", float(CLOCK), "2021-04-28T03:31:00.000Z"),
    ],
)
def test_a_cell_is_shown_by_its_type(expression: str, type_: str, value: float, shown: object) -> None:
    answer = ScreenAnswer((ScreenRow("NSE:AAA", (value,)),), (column(expression, type_),), 1, (), 0, {}, CLOCK, 1.0)
    assert page(SCREEN, answer, MARKET, is_past=False, offset=0, total=1)["items"][0]["values"] == [shown]


def test_pages_go_on_where_the_last_ended() -> None:
    answer = ScreenAnswer((ScreenRow("NSE:AAA", ()), ScreenRow("NSE:BBB", ())), (), 9, (), 0, {}, CLOCK, 1.0)
    first = page(SCREEN, answer, MARKET, is_past=False, offset=0, total=3)
    assert (first["count"], decode_cursor(first["next_cursor"], int)) == (9, [2])
    second = page(SCREEN, answer, MARKET, is_past=False, offset=2, total=3)
    assert ([one["symbol"] for one in second["items"]], second["next_cursor"]) == (["AAA"], None)


def test_a_past_day_has_its_own_prices() -> None:
    priced = (column("close", "price"), column("change_pct", "percent"), column("volume", "count"))
    answer = ScreenAnswer((ScreenRow("NSE:AAA", (8.0, 90.0, -1.0, 4.0)),), (PE, *priced), 1, (), 0, {}, 5 * 10**9, 1.0)
    found = page(SCREEN, answer, MARKET, is_past=True, offset=0, total=1)
    assert [one["expression"] for one in found["columns"]] == ["fund.pe"]
    (row,) = found["items"]
    assert (row["close"], row["change_pct"], row["volume"], row["values"]) == ("90.00", "-1.00", 4, ["8.00"])
    assert row["as_of"] == "1970-01-01T00:00:05.000Z"


def test_a_date_ends_where_the_venue_is() -> None:
    assert moment("2021-04-26", MARKET) == 1_619_461_800 * 10**9 - 1  # before midnight in Kolkata
    assert moment("2021-04-28", MARKET) is None  # today is now
    assert moment(None, MARKET) is None
    assert moment(" ", MARKET) is None
    assert moment("2021-04-26T10:00:00+00:00", MARKET) == moment("2021-04-26T10:00:00", MARKET)
    with pytest.raises(UserError, match="as_of"):
        moment("yesterday", MARKET)


def test_events_of_instruments_that_nobody_knows_are_left_out() -> None:
    known = int(INSTRUMENTS[0].instrument_id)
    found = passages([ScreenEvent("leave", known, CLOCK), ScreenEvent("enter", 1, CLOCK)], MARKET)
    assert found == [{"instrument": "NSE:AAA", "symbol": "AAA", "event": "leave", "at": "2021-04-28T03:31:00.000Z"}]


# --- spreads -----------------------------------------------------------------------------------------------------


def market_of(values: list[float], make: Callable[[int], str] = "X:{}".format) -> Market:
    return Market(
        Universe(Instrument(make(at)) for at in range(len(values) + 1)),
        {make(at): {"fund.pe": value} for at, value in enumerate(values)},
    )


def test_a_spread_counts_everybody_once() -> None:
    found = spread(market_of([float(n) for n in range(100)] + [1e9]), "pe")
    assert (found["field"], found["known"], found["unknown"]) == ("fund.pe", 101, 1)
    assert (found["min"], found["max"], found["quantiles"][2]) == (0.0, 1e9, 50.0)
    bins = found["bins"]
    assert sum(one["count"] for one in bins) == 101
    assert (bins[0]["from"], bins[-1]["to"], len(bins)) == (0.0, 1e9, 24)
    assert max(one["count"] for one in bins) < 10  # a giant does not press the others into one bin


def test_a_spread_of_one_value_of_none_and_of_no_field() -> None:
    same = spread(market_of([3.0, 3.0]), "fund.pe")
    assert same["bins"] == [{"from": 3.0, "to": 3.0, "count": 2}]
    assert spread(market_of([]), "fund.pe")["bins"] == []
    assert spread(MARKET, "fund.pe")["known"] == 1  # an index has no part in it
    with pytest.raises(UserError, match="no field"):
        spread(MARKET, "nope")
