"""Thirty rules that are wrong, each in one way: one line on standard error that says where and what, exit code 2."""

from pathlib import Path

import pytest

from marketbell.processes.cli.main import run

MALFORMED = [
    ('alrt "x" on $A when close > 5', "1:1", "unexpected `alrt`: a rule starts with `alert`: did you mean `alert`?"),
    ("alert x on $A when close > 5", "1:7", 'unexpected `x`: expected a text in quotes ("…")'),
    ('alert "x on $A when close > 5', "1:7", "this text has no closing quote"),
    ('alert "" on $A when close > 5', "1:7", "a rule needs a name"),
    ('alert "x" when close > 5', "1:25", "the rule has no `on` clause"),
    ('alert "x" on $A', "1:16", "the rule has no `when` clause"),
    ('alert "x" on $A, when close > 5', "1:23", "unexpected `close`: a clause is expected here"),
    ('alert "x" on $ when close > 5', "1:14", "a symbol is written $RELIANCE, $NSE:RELIANCE or ${M&M}"),
    ('alert "x" on watchlist when close > 5', "1:14", 'which watchlist? write `watchlist "NAME"`'),
    ('alert "x" on $A\n  when clos > 5', "2:8", "unknown field `clos`: did you mean `close`?"),
    ('alert "x" on $A\n  when rsii(14) > 5', "2:8", "unknown function `rsii`: did you mean `rsi`?"),
    ('alert "x" on $A when close > 1,500', "1:31", "a number is written without commas: `1500`, not `1,500`"),
    ('alert "x" on $A when close > 5z', "1:30", "unknown number `5z`"),
    ('alert "x" on $A when close >', "1:29", "the rule ends too early"),
    ('alert "x" on $A when (close > 5', "1:32", "the rule ends too early"),
    ('alert "x" on $A when close', "1:22", "a condition is needed here, and `close` is a price"),
    ('alert "x" on $A when close > 5%', "1:30", "`close` is a price and `5%` is a percentage: they cannot be compared"),
    ('alert "x" on $A when rsi(14) > 5%', "1:32", "`rsi(14)` is a number and `5%` is a percentage"),
    ('alert "x" on $A when sma(close, 6000) > 5', "1:33", "`n` of `sma` is a whole number from 1 to 5,000"),
    ('alert "x" on $A when bb(close, 20, 2) > 5', "1:22", "`bb(…)` has several values: say which of"),
    ('alert "x" on $A when close[1x] > 5', "1:28", "unknown number `1x`"),
    ('alert "x" on $A when close@7q > 5', "1:28", "`7q` is no timeframe"),
    ('alert "x" on $A when close > 5 for 0 bars', "1:36", "`0 bars`: a whole number from 1 to 5,000 is needed"),
    ('alert "x" on $A when close moves by 2% in 10m', "1:40", "unexpected `in`: expected `within`"),
    ('alert "x" on $A when high > 5 at tick', "1:22", "there is no `high` of a tick or a moment: take `day.high`"),
    ('alert "x" on $A when close > 5 at 5m closs', "1:38", "unknown timing `closs`: did you mean `close`?"),
    ('alert "x" on $A when close > 5 fire twice', "1:37", "unexpected `twice`: expected `once`"),
    ('alert "x" on $A when close > 5 cooldown soon', "1:41", "unexpected `soon`: expected a duration"),
    ('alert "x" on $A when close > 5 expires 2026-13-01', "1:40", "there is no day `2026-13-01`"),
    ('alert "x" on $A when close > 5 notify slakc', "1:39", "unknown channel `slakc`: did you mean `slack`?"),
    ('alert "x" on $A when close > 5 at tick at tick', "1:40", "`at` is written twice"),
    ('alert "x" on $A when opt.oi_state = "long"', "1:37", "`opt.oi_state` is never `long`"),
    (f'alert "x" on $A when {"(" * 70}close{")" * 70} > 5', "1:82", "the rule is nested deeper than 64 levels"),
    (f'alert "x" on $A when close in ({", ".join(["5"] * 3_000)})', "1:1", "a rule may hold 8192 bytes"),
]  # fmt: skip
GOOD = 'alert "fine" on $B when close > 5\n'


@pytest.mark.parametrize(("text", "place", "says"), MALFORMED, ids=range(1, len(MALFORMED) + 1))
def test_each_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, place: str, says: str
) -> None:
    path = tmp_path / "my.bell"
    path.write_text(f"{text}\n", encoding="utf-8")
    assert run(["rules", "check", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith(f"{path}:{place}: ")
    assert says in line


def test_all_of_them_in_one_file_are_as_many_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One broken rule hides nothing of the next; what has no closing quote ends with its line."""
    texts = [text for text, _, _ in MALFORMED if text.startswith("alert")]
    path = tmp_path / "all.bell"
    path.write_text("".join(f"{text}\n{GOOD.replace('fine', str(at))}" for at, text in enumerate(texts)))
    assert run(["rules", "check", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(texts)
    assert len({line.split(":")[1] for line in lines}) == len(texts)
