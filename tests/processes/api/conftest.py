"""The REST app over memory adapters, with a small market in its cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from flask.testing import FlaskClient

from marketbell.adapters.bus.memory import MemoryBus
from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.calendars.dated.catalogue import CalendarCatalogue
from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.identity import instrument_id
from marketbell.flows.backtest.preview import Previewer, Question
from marketbell.ports.stores import Fact
from marketbell.processes.api.app import create_app
from marketbell.settings import load
from marketbell.wiring.api import ApiParts

NOW = 1_700_000_000 * 10**9
CLOCK = 1_619_580_660 * 10**9
OPEN = 1_619_580_600 * 10**9
TOKEN = "owner-token-of-the-test"
BEARER = {"Authorization": f"Bearer {TOKEN}"}

ROWS: dict[str, dict[str, Any]] = {
    "NSE:AAA": {
        "close": 101.049999,
        "change": 1.05,
        "change_pct": 1.0499,
        "volume": 1500.0,
        "day.open": 100.0,
        "day.high": 102.0,
        "day.low": 99.5,
        "day.volume": 1500.0,
        "day.trades": 12.0,
        "vwap": 100.7777,
        "fund.pe": 12.5,
        "event_time": CLOCK - 10**9,
        "change_basis": "prev_close",
        "bar.start": OPEN,
        "bar.open": 100.5,
        "bar.high": 101.5,
        "bar.low": 100.0,
        "bar.close": 101.05,
        "bar.volume": 300.0,
    },
    "NSE:BBB": {"close": 50.0, "change_pct": -2.0, "volume": 9.0, "event_time": CLOCK, "change_basis": "day_open"},
    "NSE:CCC": {"close": 7.5, "change_pct": 3.0, "volume": 80.0, "fund.pe": 30.0, "event_time": CLOCK},
    "NSE:IDX": {"close": 17_000.0, "change_pct": 0.5, "event_time": CLOCK},
}
INSTRUMENTS = [
    Instrument("NSE:AAA", "Alpha Engines", sector="Autos", industry="Cars", tick_size=0.05),
    Instrument("NSE:BBB", "Beta Bank", sector="Banks"),
    Instrument("NSE:CCC", "Gamma Motors", sector="Autos", is_simulated=True),
    Instrument("NSE:IDX", "The Index", kind="index"),
    Instrument("US:BBB", "Beta of America", currency="USD", tick_size=0.01),
]


@dataclass
class Api:
    """A client and the adapters behind it."""

    client: FlaskClient
    stores: MemoryStores
    cache: MemoryCache
    bus: MemoryBus
    clock: ManualClock
    parts: ApiParts

    def get(self, path: str, status: int = 200, **kwargs: Any) -> Any:
        answer = self.client.get(path, headers=BEARER | kwargs.pop("headers", {}), **kwargs)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json()

    def send(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        answer = self.client.open(path, method=method, json=body, headers=BEARER | headers)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json()


def put_market(cache: MemoryCache) -> None:
    cache.put_fields("market:rows", {key: orjson.dumps(row) for key, row in ROWS.items()})
    lists = {"top_gainers": ["NSE:CCC", "NSE:AAA"], "top_losers": ["NSE:BBB"], "undervalued": ["NSE:AAA"]}
    cache.set(
        "market:lists",
        orjson.dumps({"as_of": CLOCK, "lists": lists, "undervalued_definition": "P/E below its sector's median"}),
    )
    cache.set(
        "market:summary",
        orjson.dumps(
            {
                "as_of": CLOCK,
                "clock": CLOCK,
                "session": {
                    "state": "open",
                    "opens_at": OPEN,
                    "closes_at": OPEN + 22_500 * 10**9,
                    "date": "2021-04-28",
                    "calendar": "XNSE",
                    "zone": "Asia/Kolkata",
                },
                "breadth": {"advances": 2, "declines": 1, "unchanged": 0, "unknown": 0},
                "indices": ["NSE:IDX"],
                "sectors": [
                    {"sector": "Banks", "change_pct": -2.0, "advances": 0, "declines": 1, "count": 1},
                    {"sector": "Autos", "change_pct": 1.5, "advances": 2, "declines": 0, "count": 2},
                ],
                "source": {"label": "Replay of a day", "kind": "replay", "is_simulated": False, "speed": 60.0},
            }
        ),
    )


@pytest.fixture
def empty_api(tmp_path: Path) -> Api:
    """Nothing has ever been fed."""
    stores, clock = MemoryStores(), ManualClock(NOW)
    cache, bus = MemoryCache(clock.monotonic), MemoryBus()
    bus.ensure_topic("market", 1, 100)
    previewer = Previewer(stores.instruments, stores.bars, stores.fundamentals, CalendarCatalogue().sessions, clock)
    parts = ApiParts(
        settings=load(env={}, data_dir=str(tmp_path)),
        clock=clock,
        cache=cache,
        bus=bus,
        instruments=stores.instruments,
        bars=stores.bars,
        fundamentals=stores.fundamentals,
        chains=stores.chains,
        rules=stores.rules,
        screens=stores.screens,
        jobs=stores.jobs,
        ledger=stores.ledger,
        wishes=stores.wishes,
        watchlists=stores.watchlists,
        channels=stores.channels,
        sessions=stores.sessions,
        idempotency=stores.idempotency,
        owner_token=TOKEN,
        signing_key=b"key of the test",
        preview=lambda question: previewer.answer(Question.from_dict(question)),
    )
    return Api(create_app(parts).test_client(), stores, cache, bus, clock, parts)


@pytest.fixture
def api(empty_api: Api) -> Api:
    """A market in the middle of its day."""
    stores = empty_api.stores
    stores.instruments.put(INSTRUMENTS)
    put_market(empty_api.cache)
    aaa = int(instrument_id("NSE:AAA"))
    minute = 60 * 10**9
    starts = np.array([OPEN - 2 * minute, OPEN - minute], np.int64)
    prices = {name: np.array([1.0, 2.0]) for name in ("open", "high", "low", "close", "volume", "trades", "vwap")}
    stores.bars.put("1m", {"instrument_id": np.array([aaa, aaa], np.int64), "start": starts} | prices)
    stores.fundamentals.put(
        [
            Fact(aaa, "fund.pe", "2020-12-31", 12.5, CLOCK - 10**15, "filings"),
            Fact(aaa, "fund.promoter_holding", "2020-12-31", 55.0, CLOCK - 10**15, "filings"),
            Fact(aaa, "fund.promoter_holding", "2021-03-31", 54.0, CLOCK - 10**12, "filings"),
            Fact(aaa, "fund.promoter_holding", "2021-06-30", 99.0, CLOCK + 10**12, "from the future"),
        ]
    )
    return empty_api
