"""Messages in the room that there is: nothing breaks an escape, nothing is left out without a word."""

from html import escape

from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.alerts.answers import asked_s, passes, refusal
from marketbell.core.alerts.wording import assembled, cut, octets, utf16

TEXTS = st.text(max_size=60)


@given(TEXTS, st.integers(1, 80), st.sampled_from([len, utf16, octets]))
def test_a_cut_text_fits_and_breaks_no_escape(text: str, limit: int, size: object) -> None:
    shown = cut(text, limit, size, escape)  # type: ignore[arg-type]
    assert size(shown) <= limit  # type: ignore[operator]
    assert shown == escape(text) or not shown or shown.endswith("…")
    assert "&" not in shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").replace("&quot;", "").replace(
        "&#x27;", ""
    )


LINES = st.lists(st.text("ab <&", max_size=40), max_size=12)


@given(st.text("ab", max_size=30), LINES, st.integers(60, 400))
def test_what_is_left_out_is_counted(head: str, lines: list[str], limit: int) -> None:
    text = assembled(head, lines, ["link"], limit, escape=escape)
    assert len(text) <= limit
    first, *shown, last = text.split("\n")
    assert (first, last) == (head, "link")
    left = 0
    if shown and shown[-1].startswith("…"):
        left = int(shown.pop().split()[2])
        assert left > 0
    assert len(shown) + left == len(lines)
    assert shown == [escape(line) for line in lines[: len(shown)]]


def test_lines_give_way_before_links() -> None:
    text = assembled("head", [f"line {number}" for number in range(100)], ["link"], 60)
    assert text == "head\nline 0\nline 1\nline 2\nline 3\n… and 96 more lines\nlink"
    assert assembled("head", ["x" * 100], ["l" * 30], 40) == f"head\n{'l' * 30}"
    assert assembled("head", ["a", "b"], ["", "link"], 400) == "head\na\nb\nlink"


def test_retry_after_is_seconds_or_a_date() -> None:
    now = 1_700_000_000 * 10**9
    assert asked_s("7") == 7.0
    assert asked_s(" 1.5 ") == 1.5
    assert asked_s("Tue, 14 Nov 2023 22:13:30 GMT", now) == 10.0
    assert asked_s("Tue, 14 Nov 2023 22:13:10 GMT", now) == 0.0
    assert asked_s("Tue, 14 Nov 2023 22:13:30 GMT") == 0.0
    assert [asked_s(text, now) for text in ("", "soon", "-5", "inf", "nan", "1e", "tomorrow GMT")] == [0.0] * 7
    assert asked_s("999999") == 3_600.0


def test_refusals_say_whether_they_pass() -> None:
    assert [status for status in (301, 400, 401, 404, 408, 409, 410, 425, 429, 500, 503) if passes(status)] == [
        408, 425, 429, 500, 503,
    ]  # fmt: skip
    error = refusal("Slack", 403, "no\r\nentry " + "x" * 400)
    assert error.permanent
    assert error.message.startswith("Slack refused: HTTP 403 no entry xxx")
    assert len(error.message) < 200
    assert refusal("Slack", 503, asked=4.0).facts == {"retry_after_s": 4.0}
