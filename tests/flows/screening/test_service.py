"""Keeping screens, asking them with the stream's answer in place, and who came and went."""

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
from marketbell.flows.rules.people import People
from marketbell.flows.screening.names import screens_of
from marketbell.flows.screening.service import Question, ScreenService
from marketbell.ports.screens import NOW, PRICED, ScreenAnswer, ScreenRequest, ScreenRow
from marketbell.ports.stores import LOCAL_OWNER, ScreenEvent, Stay, Watchlist

ME = LOCAL_OWNER
CLOCK = 1_619_580_660 * 10**9  # 2021-04-28 03:31 UTC
INSTRUMENTS = [
    Instrument("NSE:AAA", "Alpha", sector="Autos", tick_size=0.05),
    Instrument("NSE:BBB", "Beta", sector="Banks"),
    Instrument("NSE:IDX", kind="index"),
]


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
    return ScreenService(stores.screens, people.market, cache, ManualClock(CLOCK), stream)


def commands(stores: MemoryStores) -> list[dict[str, Any]]:
    return [one.payload for one in stores.rules.unpublished()]


# --- keeping -----------------------------------------------------------------------------------------------------


def test_the_ready_screens_come_first_with_live_counts(service: ScreenService, cache: MemoryCache) -> None:
    cache.set(NOW + "top-gainers", orjson.dumps({"seq": 3, "count": 7, "as_of": CLOCK, "members": []}))
    mine = service.save(ME, "Cheap", "pe < 10")
    found = service.all(ME)
    assert [one.screen_id for one in found] == [*TEMPLATES, mine.screen_id]
    assert {one.screen_id: one.count for one in found if one.count is not None} == {"top-gainers": 7}
    gainers = service.one(ME, "top-gainers")
    assert (gainers.kind, gainers.tree.is_descending, gainers.as_of) == ("template", True, CLOCK)


def test_a_condition_alone_is_kept_under_its_name(service: ScreenService, stores: MemoryStores) -> None:
    saved = service.save(ME, " Cheap ", "pe < 10")
    assert (saved.tree.name, saved.text) == ("Cheap", 'screen "Cheap" when fund.pe < 10')
    (command,) = commands(stores)
    assert (command["type"], command["screen_id"], command["owner_id"]) == ("screen", saved.screen_id, ME)
    assert print_tree(from_json(command["definition"])) == saved.text


def test_members_may_leave_later_than_they_enter(service: ScreenService, stores: MemoryStores) -> None:
    saved = service.save(ME, "Cheap", 'screen "x" on watchlist "core" when pe < 10', " pe>12 ")
    assert saved.leave_when == service.one(ME, saved.screen_id).leave_when == "fund.pe > 12"
    assert commands(stores)[-1]["options"] == {"leave_when": "fund.pe > 12"}
    assert "leave_when" not in commands(stores)[-1]["definition"]
    # a list that changes, another name: it stays; an empty text takes it away
    stores.watchlists.put(Watchlist("w", ME, "core", ("NSE:AAA", "NSE:BBB")))
    assert service.follow(ME) == [saved.screen_id]
    assert commands(stores)[-1]["options"] == {"leave_when": "fund.pe > 12"}
    assert service.follow(ME) == []
    assert service.change(ME, saved.screen_id, "Cheaper", saved.text).leave_when == "fund.pe > 12"
    assert service.change(ME, saved.screen_id, "Cheaper", saved.text, "").leave_when is None
    assert commands(stores)[-1]["options"] == {}


@pytest.mark.parametrize(
    ("leave_when", "said"),
    [
        ("pee > 12", "1:1: "),
        ("close", "1:1: "),
        ('screen "y" when pe > 12', "a condition alone"),
        ("pct_of(NOBODY, close > 1) > 5%", "NOBODY"),
    ],
)
def test_what_members_leave_at_is_a_condition(service: ScreenService, leave_when: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        service.save(ME, "Cheap", "pe < 10", leave_when)
    assert error.value.facts["field"] == "leave_when"


def test_lists_are_written_out_for_the_stream_and_stay_in_the_text(service: ScreenService, stores: Any) -> None:
    saved = service.save(ME, "Mine", 'screen "x" on watchlist "core" when pe < 10')
    assert saved.text == 'screen "Mine" on watchlist "core" when fund.pe < 10'
    assert print_tree(from_json(commands(stores)[0]["definition"])) == 'screen "Mine" on $NSE:AAA when fund.pe < 10'
    assert service.follow(ME) == []
    stores.watchlists.put(Watchlist("w", ME, "core", ("NSE:AAA", "NSE:BBB")))
    assert service.follow(ME) == [saved.screen_id]
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
    assert service.all(ME)[-1].kind == "template"


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
    assert service.change(ME, mine.screen_id, "Cheap", "pe < 11").text == 'screen "Cheap" when fund.pe < 11'


def test_changing_and_deleting(service: ScreenService, stores: MemoryStores) -> None:
    mine = service.save(ME, "Cheap", "pe < 10").screen_id
    assert service.change(ME, mine, "Cheaper", "pe < 5").tree.name == "Cheaper"
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


def test_a_text_is_asked_as_it_is_meant(service: ScreenService, stream: Stream) -> None:
    found = service.run(ME, Question(text="pe < 20 and close > 1", sort="pe", descending=True))
    asked = stream.asked[-1]
    assert (asked.order_by, asked.is_descending, asked.limit, asked.offset, asked.as_of) == (
        "fund.pe",
        True,
        100,
        0,
        None,
    )
    assert (found.answer, found.total, found.is_past) == (stream.answer, 0, False)
    assert (asked.columns, asked.kinds) == ((), ())


def test_pages_end_at_the_screens_limit(service: ScreenService, stream: Stream) -> None:
    stream.answer = replace(stream.answer, count=9)
    text = 'screen "x" when pe < 20 limit 3'
    assert service.run(ME, Question(text=text, limit=2)).total == 3
    service.run(ME, Question(text=text, limit=2, offset=2))
    assert (stream.asked[-1].offset, stream.asked[-1].limit) == (2, 1)


def test_columns_take_the_place_of_the_screens_own(service: ScreenService, stream: Stream) -> None:
    service.run(ME, Question(screen_id="top-gainers", columns=["symbol", "rsi( close ,14 )", "symbol"]))
    assert stream.text().endswith("columns symbol, rsi(close, 14)")
    assert stream.asked[-1].kinds == TEMPLATES["top-gainers"].kinds
    for wrong in (Question(text="pe < 1", columns=["nope"]), Question(text="pe < 1", sort="nope +")):
        with pytest.raises(RuleErrors) as caught:
            service.run(ME, wrong)
        assert caught.value.facts["field"] == ("columns" if wrong.columns else "sort")


def test_other_columns_are_no_part_of_the_screen(service: ScreenService) -> None:
    assert service.run(ME, Question(text="close > 1", columns=["close"])).screen.columns == ()


def test_of_a_past_day_the_prices_are_asked_for_too(service: ScreenService, stream: Stream) -> None:
    assert service.run(ME, Question(text='screen "x" when pe < 10 columns pe', as_of=5)).is_past
    assert (stream.asked[-1].columns, stream.asked[-1].as_of) == (PRICED, 5)


def test_keys_of_a_text_end_at_its_limit(service: ScreenService, stream: Stream) -> None:
    stream.answer = replace(stream.answer, rows=(ScreenRow("NSE:AAA", ()), ScreenRow("NSE:BBB", ())), count=2)
    assert service.keys(ME, 'screen "x" when pe < 20 limit 1 columns pe', 10, 0) == (["NSE:AAA"], 1)
    assert "columns" not in stream.text()


@pytest.mark.parametrize("asked", [Question(), Question(text="pe < 1", screen_id="top-gainers")])
def test_one_of_text_and_screen_is_asked(service: ScreenService, asked: Question) -> None:
    with pytest.raises(UserError, match="either"):
        service.run(ME, asked)


# --- who came and went -------------------------------------------------------------------------------------------


def test_history_and_stays_are_of_screens_that_the_owner_sees(service: ScreenService, stores: MemoryStores) -> None:
    came, went = ScreenEvent("enter", 7, 10), ScreenEvent("leave", 7, 20)
    stores.screens.put_events("top-gainers", [came, went])
    stores.screens.put_events("of-somebody", [came])
    assert service.history(ME, "top-gainers", 0) == [went, came]
    assert service.history(ME, "top-gainers", 20) == [went]
    assert service.of_instrument(ME, 7, 15) == [(Stay("top-gainers", 10, 20), "Top Gainers")]
    with pytest.raises(NotFoundError):
        service.history(ME, "of-somebody", 0)
