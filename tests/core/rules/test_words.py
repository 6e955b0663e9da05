"""Rules and screens in plain words."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from tests.core.language import trees

from marketbell.core.language.expression import Expression
from marketbell.core.language.expression_reader import parse_expression
from marketbell.core.language.reader import parse_file, parse_rule, parse_screen
from marketbell.core.language.tree import Rule, Screen
from marketbell.core.rules.words import clause, length, name, number, sentence, value

EXAMPLES = Path(__file__).parents[1] / "language" / "examples" / "language.bell"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'alert "a" on $NSE:INFY when close crosses above 1600 at tick fire once',
            "When the price of INFY crosses above 1,600, tell me in the app, once.",
        ),
        (
            (
                'alert "a" on NIFTY200 when rsi(close, 14)@15m crosses below 30 and close > sma(close, 200)@1d at '
                "15m close cooldown 2h per symbol"
            ),
            (
                "When, for a stock of NIFTY200, RSI 14 (15m) crosses below 30 and the price is above SMA 200 (1d), "
                "looked at each 15-minute close, tell me in the app, at most once per 15-minute bar, with at least "
                "2 hours between two of one instrument."
            ),
        ),
        (
            'alert "a" on watchlist "core" when close moves by 2% within 10m at tick cooldown 15m severity high',
            (
                "When, for a stock of the watchlist “core”, the price moves by 2% within 10 minutes, tell me as "
                "urgent in the app, at most once a minute, with at least 15 minutes between two of one instrument."
            ),
        ),
        (
            (
                'alert "a" on ALL where fund.market_cap > 500Cr when pe < 15 at 1d close fire on enter expires '
                "2026-12-31 notify slack:desk, telegram fallback sms"
            ),
            (
                "When, for any instrument, P/E is under 15, only where market cap is above 500 Cr, looked at each "
                "daily close, tell me in the app, on Slack (desk) and on Telegram, or by SMS where that fails, "
                "when it begins, until 31 December 2026."
            ),
        ),
        (
            (
                'alert "a" on $NIFTY when close < 100 at tick hold 60s session NSE 09:30-11:00 rearm after 30m '
                "expires after 30d digest 1d"
            ),
            (
                "When the price of NIFTY is under 100 for at least 1 minute, tell me in the app, at most once a "
                "minute, ready again after 30 minutes, only from 09:30 to 11:00 (NSE), for 30 days, gathered in "
                "one message every day."
            ),
        ),
        (
            'alert "a" on $HDFC when $HDFC.close / $ICICI.close > 2 for 3 bars at 1d close fire every time',
            (
                "When the price of HDFC / the price of ICICI is above 2 for 3 bars, looked at each daily close, "
                "tell me in the app, every time."
            ),
        ),
    ],
)
def test_a_rule_is_one_sentence(text: str, said: str) -> None:
    assert sentence(parse_rule(text)) == said


def test_a_screen_is_one_sentence() -> None:
    screen = parse_screen('screen "Value" on NIFTY500 when pe < 15 and roe > 15 order by roe desc limit 50')
    assert sentence(screen) == (
        "Stocks of NIFTY500 where P/E is under 15 and ROE is above 15, by ROE, highest first, at most 50."
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("highest(high, 252)[1]", "the highest high of 252 bars 1 bar before"),
        ("bb(close, 20, 2).upper@1d", "BB upper (20, 2) (1d)"),
        ("sma(volume, 20)", "SMA 20 of the volume"),
        ("$NIFTY.roc(close, 63)", "ROC 63 of NIFTY"),
        ("orb(15m).high", "the high of the first 15 minutes"),
        ("rank(roc(close, 63), NIFTY500)", "the rank by ROC 63 in NIFTY500"),
        ('opt.pcr_oi(expiry: "next")', "PCR (OI) (next)"),
        ("fund.promoter_holding[1q]", "the promoters' share 1 quarter before"),
        ("1.5 * (close - open)", "1.5 × (the price − the open)"),
        ("live(close@1d)", "the price (1d) so far"),
    ],
)
def test_values_have_names(text: str, said: str) -> None:
    assert name(parse_expression(text)) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not (close > 5 or close < 3)", "not (the price is above 5 or the price is under 3)"),
        ("close > 5 and (pe < 3 or roe > 2)", "the price is above 5 and (P/E is under 3 or ROE is above 2)"),
        ("close enters (5, 10)", "the price enters 5 to 10"),
        ("close is rising", "the price is rising"),
        ("pe is known", "P/E is known"),
        ("close > 5 then close < 3 within 5 bars", "the price is above 5, then the price is under 3 within 5 bars"),
        ('opt.oi_state = "long_buildup"', "OI state is long buildup"),
        ("close > 5 seen in last 30m", "the price is above 5 at some time in the last 30 minutes"),
    ],
)
def test_conditions_are_clauses(text: str, said: str) -> None:
    assert clause(parse_expression(text)) == said


def test_numbers_read_well() -> None:
    assert [number(one) for one in (1600, 0.6, -0.5, 1e9, 5e9, 1234567.25, 0.0)] == [
        "1,600", "0.6", "-0.5", "100 Cr", "500 Cr", "1,234,567.25", "0",
    ]  # fmt: skip
    assert [value(1500.05, "price"), value(2.345, "percent"), value(None, "price"), value(1.0, "bool")] == [
        "1,500.05", "2.35%", "unknown", "true",
    ]  # fmt: skip
    assert [length(one * 1_000_000_000) for one in (60, 90, 7_200, 86_400)] == [
        "1 minute", "90 seconds", "2 hours", "1 day",
    ]  # fmt: skip


def test_every_example_has_a_sentence_of_its_own() -> None:
    found = [sentence(tree) for tree in parse_file(EXAMPLES.read_text(encoding="utf-8"))]
    assert len(set(found)) == len(found)
    assert all(one.endswith(".") and "  " not in one and "None" not in one for one in found)


@settings(max_examples=150, deadline=None)
@given(trees.conditions)
def test_every_condition_can_be_said(node: Expression) -> None:
    said = clause(node)
    assert said.strip()
    assert "None" not in said


@settings(max_examples=80, deadline=None)
@given(trees.rules() | trees.screens())
def test_every_rule_and_screen_can_be_said(tree: Rule | Screen) -> None:
    assert sentence(tree).endswith(".")
