"""Series of a chart: any expression over the bars of one instrument."""

from pydantic import Field

from marketbell.processes.api.schemas.base import Answer, DecimalStr, Question, UtcTime


class SeriesQuery(Question):
    """Which series."""

    expressions: str = Field(
        min_length=1,
        max_length=4_000,
        description="One to 16, with semicolons between: `rsi(close, 14); bb(close, 20, 2).upper`.",
    )
    timeframe: str = Field("1m", max_length=8, description="30s, 1m, 5m, 1h, 1d, 1w, 1mo ...")
    limit: int = Field(500, ge=1, le=5_000, description="The newest so many bars.")


class Series(Answer):
    """Values of one expression, one for each start; null where unknown."""

    expression: str = Field(description="As it was asked.")
    type: str = Field(description="price, number, percent, money, count or bool.")
    values: list[DecimalStr | None]


class SeriesSet(Answer):
    """Series over the same bars, oldest first."""

    instrument: str
    timeframe: str
    request_id: str = Field(description="Names this set in the `series` part of the instrument's live room.")
    starts: list[UtcTime]
    is_forming: bool = Field(description="True where the last bar is still open: its values may change.")
    series: list[Series]
    as_of: UtcTime | None
    source: str
