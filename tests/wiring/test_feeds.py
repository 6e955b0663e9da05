"""Names in the settings become feeds, and what cannot run is refused with words that help."""

from pathlib import Path

import pytest

from marketbell.adapters.clock.manual import ManualClock
from marketbell.core.primitives.errors import InvalidSettingError
from marketbell.ports.feeds import PushedFeed
from marketbell.settings import Settings, load
from marketbell.wiring.feeds import check_feed, make_feed

LATE_EVENING_UTC = 1_795_215_600_000_000_000  # 2026-11-20 23:00 UTC: the 21st in India


def settings(**env: str) -> Settings:
    return load(env={f"MARKETBELL_{name}": value for name, value in env.items()})


def test_the_demo_market_opens_today_in_india() -> None:
    feed = make_feed(settings(DEMO__SEED="3", DEMO__DIRTY="true"), ManualClock(LATE_EVENING_UTC))
    assert not isinstance(feed, PushedFeed)
    assert feed.producer == "demo:3:dirty"
    assert feed.start_time == 1_795_215_600_000_000_000 + (4 * 60 + 45) * 60 * 1_000_000_000
    assert feed.card.is_simulated


def test_a_recorded_day(shared_data: Path) -> None:
    path = shared_data / "intraday" / "nse_ticks" / "2021-06-11" / "TCS.csv.gz"
    feed = make_feed(settings(FEED=f"replay:{path}"))
    assert [i.key for i in feed.instruments()] == ["NSE:TCS"]


def test_finnhub_takes_symbols_from_the_name_or_the_settings() -> None:
    named = make_feed(settings(FEED="finnhub:MSFT, BINANCE:BTCUSDT", FINNHUB__API_KEY="k"))
    assert isinstance(named, PushedFeed)
    assert [i.key for i in named.instruments()] == ["US:MSFT", "BINANCE:BTCUSDT"]
    listed = make_feed(settings(FEED="finnhub", FINNHUB__API_KEY="k", FINNHUB__SYMBOLS="AAPL"))
    assert [i.key for i in listed.instruments()] == ["US:AAPL"]


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"FEED": "demoo"}, "unknown feed 'demoo'; known: demo, replay:PATH, finnhub"),
        ({"FEED": "finnhub"}, "MARKETBELL_FINNHUB__API_KEY"),
        ({"FEED": "finnhub:A B", "FINNHUB__API_KEY": "k"}, "'A B' is not a symbol"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_starts(env: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidSettingError, match=words):
        check_feed(settings(**env))
    with pytest.raises(InvalidSettingError, match=words):
        make_feed(settings(**env))


def test_the_key_is_covered_where_settings_are_shown() -> None:
    shown = settings(FINNHUB__API_KEY="very secret").shown()
    assert shown["finnhub.api_key"] == "***"
    assert "very secret" not in str(shown)
