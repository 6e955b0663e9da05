"""Keeping screens, asking them with the stream's answer in place, and who came and went."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.language.errors import RuleErrors
from marketbell.core.language.json_form import from_json
from marketbell.core.language.printer import print_tree
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import ConflictError, NotFoundError, UserError
from marketbell.core.screening.templates import TEMPLATES
from marketbell.flows.market_views.reader import Market as View
from marketbell.flows.market_views.universe import Universe
from marketbell.flows.rules.people import People
from marketbell.flows.screening.names import screens_of
from marketbell.flows.screening.service import DAY_NS, Question, ScreenService, moment
from marketbell.flows.screening.spread import spread
from marketbell.ports.screens import NOW, ScreenAnswer, ScreenRequest, ScreenRow
from marketbell.ports.stores import LOCAL_OWNER, ScreenEvent, Watchlist

ME = LOCAL_OWNER
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
VIEW = View(
    Universe(INSTRUMENTS), ROWS, {}, {"clock": CLOCK, "session": {"zone": "Asia/Kolkata"}, "source": {"label": "Test"}}
)


class Stream:
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[ScreenRequest] = []
        self.answer = ScreenAnswer((), (), 0, (), 0, {}, CLOCK, 1.5)

    def __call__(self, request: ScreenRequest) -> ScreenAnswer:
        self.asked.append(request)
        return self.answer

    def text(self) -> str:
        return print_tree(from_json(dict(self.asked[-1].definition)))


@pytest.fixture
def stores() -> MemoryStores:
    stores = MemoryStores()
    stores.instruments.put(INSTRUMENTS)
    stores.watchlists.put(Watchlist("w", ME, "core", ("NSE:AAA",)))
    stores.watchlists.put(Watchlist("e", ME, "empty", ()))
    return stores


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache(ManualClock(CLOCK).monotonic)


@pytest.fixture
def service(stores: MemoryStores, stream: Stream, cache: MemoryCache) -> ScreenService:
    people = People(stores.instruments, stores.watchlists, stores.channels, screens_of(stores.screens))
    return ScreenService(stores.screens, people, cache, ManualClock(CLOCK), stream)


def commands(stores: MemoryStores) -> list[dict[str, Any]]:
    return [one.payload for one in stores.rules.unpublished()]


# --- keeping -----------------------------------------------------------------------------------------------------


def test_the_ready_screens_come_first_with_live_counts(service: ScreenService, cache: MemoryCache) -> None:
    cache.set(NOW + "top-gainers", orjson.dumps({"seq": 3, "count": 7, "as_of": CLOCK, "members": []}))
    mine = service.save(ME, "Cheap", "pe < 10")
    found = service.all(ME)
    assert [one["screen_id"] for one in found] == [*TEMPLATES, mine["screen_id"]]
    assert {one["screen_id"]: one["count"] for one in found if one["count"] is not None} == {"top-gainers": 7}
    gainers = service.one(ME, "top-gainers")
    assert (gainers["kind"], gainers["order_by"], gainers["descending"]) == ("template", "change_pct", True)
    assert gainers["as_of"] == "2021-04-28T03:31:00.000Z"


def test_a_condition_alone_is_kept_under_its_name(service: ScreenService, stores: MemoryStores) -> None:
    saved = service.save(ME, " Cheap ", "pe < 10")
    assert (saved["name"], saved["text"]) == ("Cheap", 'screen "Cheap" when fund.pe < 10')
    (command,) = commands(stores)
    assert (command["type"], command["screen_id"], command["owner_id"]) == ("screen", saved["screen_id"], ME)
    assert print_tree(from_json(command["definition"])) == saved["text"]


def test_lists_are_written_out_for_the_stream_and_stay_in_the_text(service: ScreenService, stores: Any) -> None:
    saved = service.save(ME, "Mine", 'screen "x" on watchlist "core" when pe < 10')
    assert saved["text"] == 'screen "Mine" on watchlist "core" when fund.pe < 10'
    assert print_tree(from_json(commands(stores)[0]["definition"])) == 'screen "Mine" on $NSE:AAA when fund.pe < 10'
    assert service.follow(ME) == []
    stores.watchlists.put(Watchlist("w", ME, "core", ("NSE:AAA", "NSE:BBB")))
    assert service.follow(ME) == [saved["screen_id"]]
    last = print_tree(from_json(commands(stores)[-1]["definition"]))
    assert last == 'screen "Mine" on $NSE:AAA, $NSE:BBB when fund.pe < 10'


def test_a_screen_on_a_screen_is_its_conditions(service: ScreenService, stores: MemoryStores) -> None:
    service.save(ME, "Cheap", 'screen "x" on watchlist "core" where pb < 3 and roe > 1 when pe < 10')
    service.save(ME, "Better", 'screen "x" on screen "Cheap" where close > 5 when pb > 2')
    assert print_tree(from_json(commands(stores)[-1]["definition"])) == (
        'screen "Better" on $NSE:AAA where fund.pb < 3 and fund.roe > 1 and fund.pe < 10 and close > 5 when fund.pb > 2'
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pe < ", "1:"),
        ("close crosses over 3", "1:"),
        ('screen "x" on watchlist "cor" when pe < 10', "core"),
        ('screen "x" on watchlist "empty" when pe < 10', "empty"),
        ('screen "x" on screen "Top Gainers", $NSE:AAA when pe < 10', "alone"),
    ],
)
def test_what_cannot_be_kept_says_where(service: ScreenService, text: str, said: str) -> None:
    with pytest.raises(RuleErrors, match=said):
        service.save(ME, "Mine", text)
    assert service.all(ME)[-1]["kind"] == "template"


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_a_name_is_checked(service: ScreenService, name: str) -> None:
    with pytest.raises(UserError) as caught:
        service.save(ME, name, "pe < 10")
    assert caught.value.facts["field"] == "name"


def test_names_are_there_once(service: ScreenService) -> None:
    mine = service.save(ME, "Cheap", "pe < 10")
    with pytest.raises(ConflictError, match="ready"):
        service.save(ME, "top gainers", "pe < 10")
    with pytest.raises(ConflictError, match="already"):
        service.save(ME, "Cheap", "pe < 11")
    assert service.change(ME, mine["screen_id"], "Cheap", "pe < 11")["condition"] == "fund.pe < 11"


def test_changing_and_deleting(service: ScreenService, stores: MemoryStores) -> None:
    mine = service.save(ME, "Cheap", "pe < 10")["screen_id"]
    assert service.change(ME, mine, "Cheaper", "pe < 5")["name"] == "Cheaper"
    service.delete(ME, mine)
    assert [one["type"] for one in commands(stores)] == ["screen", "screen", "unscreen"]
    for act in (lambda: service.change(ME, mine, "x", "pe < 1"), lambda: service.delete(ME, mine)):
        with pytest.raises(NotFoundError):
            act()
    for act in (
        lambda: service.change(ME, "top-gainers", "x", "pe < 1"),
        lambda: service.delete(ME, "top-gainers"),
    ):
        with pytest.raises(ConflictError):
            act()


# --- asking ------------------------------------------------------------------------------------------------------


def test_a_text_is_asked_once_and_answered_in_rows(service: ScreenService, stream: Stream) -> None:
    columns = (
        PE,
        {"expression": "sector", "label": "Sector", "type": "text", "unit": ""},
        {"expression": "sma(close, 2)", "label": "sma(close, 2)", "type": "price", "unit": ""},
    )
    chips = ({"text": "pe < 20", "count": 2}, {"text": "close > sma(close, 2)", "count": 1})
    stream.answer = ScreenAnswer(
        (ScreenRow("NSE:AAA", (12.5, None, 1.004)), ScreenRow("NSE:BBB", (None, None, None))),
        columns, 2, chips, 3, {"pb": 1, "pe": 2}, CLOCK, 1.5,
    )  # fmt: skip
    found = service.run(ME, Question(text="pe < 20 and close > sma(close, 2)", sort="pe", descending=True), VIEW)
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
    assert found["unknown"] == {"count": 3, "fields": [{"field": "pe", "count": 2}, {"field": "pb", "count": 1}]}
    assert (found["count"], found["source"], found["next_cursor"]) == (2, "Test", None)
    asked = stream.asked[-1]
    assert (asked.order_by, asked.is_descending, asked.limit, asked.offset, asked.as_of) == (
        "fund.pe",
        True,
        100,
        0,
        None,
    )


def test_pages_go_on_where_the_last_ended_and_end_at_the_screens_limit(service: ScreenService, stream: Stream) -> None:
    stream.answer = replace(stream.answer, rows=(ScreenRow("NSE:AAA", ()), ScreenRow("NSE:BBB", ())), count=9)
    first = service.run(ME, Question(text='screen "x" when pe < 20 limit 3', limit=2), VIEW)
    assert first["count"] == 9
    second = service.run(
        ME, Question(text='screen "x" when pe < 20 limit 3', limit=2, cursor=first["next_cursor"]), VIEW
    )
    assert (stream.asked[-1].offset, stream.asked[-1].limit) == (2, 1)
    assert len(second["items"]) == 1
    assert second["next_cursor"] is None
    with pytest.raises(UserError, match="cursor"):
        service.run(ME, Question(text="pe < 20", cursor="???"), VIEW)


def test_columns_take_the_place_of_the_screens_own(service: ScreenService, stream: Stream) -> None:
    service.run(ME, Question(screen_id="top-gainers", columns=["symbol", "rsi( close ,14 )", "symbol"]), VIEW)
    assert stream.text().endswith("columns symbol, rsi(close, 14)")
    assert stream.asked[-1].kinds == TEMPLATES["top-gainers"].kinds
    for wrong in (Question(text="pe < 1", columns=["nope"]), Question(text="pe < 1", sort="nope +")):
        with pytest.raises(RuleErrors) as caught:
            service.run(ME, wrong, VIEW)
        assert caught.value.facts["field"] == ("columns" if wrong.columns else "sort")


def test_other_columns_are_no_part_of_the_text(service: ScreenService) -> None:
    assert service.run(ME, Question(text="close > 1", columns=["close"]), VIEW)["text"] == "close > 1"


def test_a_past_day_brings_its_own_prices(service: ScreenService, stream: Stream) -> None:
    priced = tuple({"expression": name, "label": name, "type": "number", "unit": ""} for name in
                   ("close", "change_pct", "volume"))  # fmt: skip
    stream.answer = ScreenAnswer((ScreenRow("NSE:AAA", (8.0, 90.0, -1.0, 4.0)),), (PE, *priced), 1, (), 0, {}, 5, 1.0)
    found = service.run(ME, Question(text='screen "x" when pe < 10 columns pe', as_of="2021-04-26"), VIEW)
    assert stream.asked[-1].columns == ("close", "change_pct", "volume")
    assert [one["expression"] for one in found["columns"]] == ["fund.pe"]
    (row,) = found["items"]
    assert (row["close"], row["change_pct"], row["volume"], row["values"]) == ("90.00", "-1.00", 4, ["8.00"])


def test_a_date_ends_where_the_venue_is(service: ScreenService) -> None:
    assert moment("2021-04-26", VIEW) == 1_619_461_800 * 10**9 - 1  # before midnight in Kolkata
    assert moment("2021-04-28", VIEW) is None  # today is now
    assert moment(None, VIEW) is moment(" ", VIEW) is None
    assert moment("2021-04-26T10:00:00+00:00", VIEW) == moment("2021-04-26T10:00:00", VIEW)
    with pytest.raises(UserError, match="as_of"):
        moment("yesterday", VIEW)


@pytest.mark.parametrize("asked", [Question(), Question(text="pe < 1", screen_id="top-gainers")])
def test_one_of_text_and_screen_is_asked(service: ScreenService, asked: Question) -> None:
    with pytest.raises(UserError, match="either"):
        service.run(ME, asked, VIEW)


# --- who came and went -------------------------------------------------------------------------------------------


def test_history_and_stays_reach_back_on_the_markets_clock(service: ScreenService, stores: MemoryStores) -> None:
    aaa = int(INSTRUMENTS[0].instrument_id)
    old, new = CLOCK - 3 * DAY_NS, CLOCK - DAY_NS
    stores.screens.put_events("top-gainers", [ScreenEvent("enter", aaa, old), ScreenEvent("leave", aaa, new)])
    stores.screens.put_events("of-somebody", [ScreenEvent("enter", aaa, new)])
    assert [one["event"] for one in service.history(ME, "top-gainers", 30, VIEW)] == ["leave", "enter"]
    (event,) = service.history(ME, "top-gainers", 2, VIEW)
    assert event == {"instrument": "NSE:AAA", "symbol": "AAA", "event": "leave", "at": "2021-04-27T03:31:00.000Z"}
    (stay,) = service.of_instrument(ME, aaa, 2, VIEW)
    assert (stay["name"], stay["entered_at"][:10], stay["left_at"][:10]) == ("Top Gainers", "2021-04-25", "2021-04-27")
    with pytest.raises(NotFoundError):
        service.history(ME, "of-somebody", 30, VIEW)


# --- spreads -----------------------------------------------------------------------------------------------------


def view_of(values: list[float], make: Callable[[int], str] = "X:{}".format) -> View:
    return View(
        Universe(Instrument(make(at)) for at in range(len(values) + 1)),
        {make(at): {"fund.pe": value} for at, value in enumerate(values)},
    )


def test_a_spread_counts_everybody_once() -> None:
    found = spread(view_of([float(n) for n in range(100)] + [1e9]), "pe")
    assert (found["field"], found["known"], found["unknown"]) == ("fund.pe", 101, 1)
    assert (found["min"], found["max"], found["quantiles"][2]) == (0.0, 1e9, 50.0)
    bins = found["bins"]
    assert sum(one["count"] for one in bins) == 101
    assert (bins[0]["from"], bins[-1]["to"], len(bins)) == (0.0, 1e9, 24)
    assert max(one["count"] for one in bins) < 10  # a giant does not press the others into one bin


def test_a_spread_of_one_value_of_none_and_of_no_field() -> None:
    same = spread(view_of([3.0, 3.0]), "fund.pe")
    assert same["bins"] == [{"from": 3.0, "to": 3.0, "count": 2}]
    assert spread(view_of([]), "fund.pe")["bins"] == []
    assert spread(VIEW, "fund.pe")["known"] == 1  # an index has no part in it
    with pytest.raises(UserError, match="no field"):
        spread(VIEW, "nope")
