"""Corporate actions beside recorded prices: no crash on an ex-date, and a history that is comparable."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from marketbell.adapters.feeds.replay import ReplayFeed
from marketbell.adapters.feeds.replay.corporate_actions import is_actions_file, read_actions
from marketbell.core.columns.frame import FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.market.corporate_action import ActionKind
from marketbell.core.market.session import SessionTable
from marketbell.core.primitives.errors import InvalidSourceError
from marketbell.flows.stream.evaluate import evaluate, read
from marketbell.wiring.calendars import calendars

LIST = "SYMBOL,COMPANY,PURPOSE,EX_DATE,RECORD_DATE,FACE_VALUE\nABC,Abc,Bonus 1:1,06-May-2026,06-May-2026,10\n"
PRICES = "date,symbol,open,high,low,close,volume\n" + "".join(
    f"2026-05-{day:02},ABC,{p},{p},{p},{p},10\n" for day, p in ((4, 100), (5, 110), (6, 56), (7, 57))
)


@pytest.fixture(scope="module")
def sessions() -> Callable[[str], SessionTable]:
    return calendars().sessions


def files(folder: Path) -> tuple[Path, Path]:
    prices, actions = folder / "nse_prices.csv", folder / "actions.csv"
    prices.write_text(PRICES)
    actions.write_text(LIST)
    return prices, actions


def changes(feed: ReplayFeed, sessions: Callable[[str], SessionTable]) -> list[float]:
    table = evaluate(feed, lambda: Engine(EngineConfig(), sessions), sessions, read([("c", "change_pct")]))
    return [round(float(value), 6) for value in table["value"]]


def kinds(feed: ReplayFeed) -> set[str]:
    batches = feed.advance(2**62, 100)
    return {item["kind"] for batch in batches if batch.kind is FrameKind.REFERENCE for item in batch.payload["items"]}


def test_a_bonus_is_no_crash(tmp_path: Path, sessions: Callable[[str], SessionTable]) -> None:
    prices, actions = files(tmp_path)
    assert changes(ReplayFeed([prices], sessions), sessions)[2] == pytest.approx(-49.090909)
    assert changes(ReplayFeed([prices, actions], sessions), sessions)[1:] == [10, 1.818182, 1.785714]
    assert kinds(ReplayFeed([prices], sessions)) == {"suspect_split"}
    feed = ReplayFeed([prices, actions], sessions)
    assert kinds(feed) == set()
    (told,) = feed.reference()
    assert told.payload["type"] == "corporate_actions"
    (item,) = told.payload["items"]
    assert (item["kind"], item["ratio"], item["ex_date"]) == ("bonus", 2, "2026-05-06")


def test_the_history_before_ticks_is_adjusted(tmp_path: Path, sessions: Callable[[str], SessionTable]) -> None:
    prices, actions = files(tmp_path)
    ticks = tmp_path / "ABC.csv"
    ticks.write_text("timestamp,ltp,volume\n2026-05-06 09:16:00,55.5,10\n2026-05-06 09:17:00,56,20\n")
    feed = ReplayFeed([prices, actions, ticks], sessions, calendar="XNSE")
    history = next(batch for batch in feed.reference() if batch.kind is FrameKind.BAR)
    np.testing.assert_array_equal(history.columns["close"], [50, 55])
    np.testing.assert_array_equal(history.columns["volume"], [20, 20])


def test_the_lists_of_the_exchange(shared_data: Path, tmp_path: Path, sessions: Callable[[str], SessionTable]) -> None:
    recorded = shared_data / "fundamentals" / "nse_corporate_actions_202608.csv"
    answer = shared_data / "providers" / "nse_samples" / "actions.json"
    assert is_actions_file(recorded)
    assert is_actions_file(answer)
    assert not is_actions_file(shared_data / "fundamentals" / "us_sp500_financials.csv")
    found = read_actions([recorded, answer])
    (bonus,) = found["GENSOL"]
    assert (bonus.kind, bonus.ratio, str(np.datetime64(bonus.ex_date, "D"))) == (ActionKind.BONUS, 3, "2023-10-17")
    assert len(found) > 200
    with pytest.raises(InvalidSourceError, match="corporate actions alone"):
        ReplayFeed([recorded], sessions)
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps([{"symbol": "A", "subject": "Bonus 1:1", "exDate": "-"}]))
    assert read_actions([broken]) == {}
