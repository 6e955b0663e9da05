"""The quality card: what this connector gives, what it cannot, how it was tested."""

from marketbell.ports.feeds import FeedCard

CARD = FeedCard(
    name="finnhub",
    label="Finnhub",
    kind="live",
    is_simulated=False,
    supports=("trades", "fundamentals"),
    limits="Trades only: no quotes, books or history. Times in whole milliseconds. The provider limits symbols and "
    "connections a key; what is traded while the connection is down is not sent again (a gap is shown). "
    "US trades before 09:30 and from 16:00 New York time are counted as out of session. P/E is the only ratio read.",
    tested="Recorded and documented messages, spoken by a local websocket server: trades, several in one "
    "millisecond, pings, errors, refused keys, lost connections, rubbish.",
    calendar="XNYS",
)
