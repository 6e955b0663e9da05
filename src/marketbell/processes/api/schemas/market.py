"""The market as a whole, the data's health, the processes' health."""

from typing import Any, Literal

from pydantic import Field

from marketbell.processes.api.schemas.base import Answer, DecimalStr, Question, UtcTime
from marketbell.processes.api.schemas.stocks import Stock


class SessionState(Answer):
    """Where the exchange's day stands."""

    state: str = Field(description="open, closed or pre.")
    opens_at: UtcTime | None
    closes_at: UtcTime | None
    date: str | None
    calendar: str | None
    zone: str | None


class Breadth(Answer):
    """How many rise and fall."""

    advances: int
    declines: int
    unchanged: int
    unknown: int


class FeedLabel(Answer):
    """Where the data comes from. `is_simulated` is said wherever the data is shown."""

    label: str
    kind: str = Field(description="demo, replay, live, push, or none before the first feed.")
    is_simulated: bool
    speed: float | str | None


class Sector(Answer):
    """One sector: change weighted by market value."""

    sector: str
    change_pct: DecimalStr | None
    advances: int
    declines: int
    count: int


class SectorList(Answer):
    """All sectors, the strongest first."""

    items: list[Sector]
    as_of: UtcTime | None
    source: str


class MarketSummary(Answer):
    """The state of the market in one answer."""

    as_of: UtcTime | None
    clock: UtcTime | None = Field(description="The market's own clock: the simulated time in a replay.")
    session: SessionState | None
    breadth: Breadth
    indices: list[Stock]
    sectors: list[Sector]
    source: FeedLabel


class InstrumentQuality(Answer):
    """Quality events of one instrument by kind."""

    instrument: str
    kinds: dict[str, int]


class QualityEvent(Answer):
    """What a quality rule did."""

    instrument: str
    kind: str
    action: str
    event_time: UtcTime | None
    count: int


class Quality(Answer):
    """Counters and the newest quality events."""

    totals: dict[str, int]
    instruments: list[InstrumentQuality]
    recent: list[QualityEvent]
    as_of: UtcTime | None
    source: str


class FeedState(Answer):
    """A feed: its quality card and how it runs."""

    name: str
    label: str
    kind: str
    is_simulated: bool
    supports: list[str]
    limits: str
    tested: str
    calendar: str | None
    state: str = Field(description="running, paused, ended, stale or error.")
    position: int | None
    clock: UtcTime | None
    last_event_time: UtcTime | None
    rate: float | None = Field(description="Rows a second.")
    lag_frames: int | None
    error: str | None


class FeedList(Answer):
    """All feeds, and what the controls are set to."""

    items: list[FeedState]
    control: dict[str, Any]
    as_of: UtcTime | None
    source: str


class FeedControl(Question):
    """What to change about replay and demo feeds."""

    paused: bool | None = None
    speed: float | Literal["max"] | None = Field(None, description="Market seconds a second, above 0, or max.")


class ProcessState(Answer):
    """One process as its heartbeat says."""

    name: str
    pid: int | None
    state: str = Field(description="starting, ready, degraded, or missing when it does not beat.")
    since: UtcTime | None
    detail: dict[str, Any]


class LogGap(Answer):
    """Something of the log that is missing, as it was noted."""

    reason: str
    at: UtcTime | None


class PartitionState(Answer):
    """How far one process of the engine is with one partition of the log."""

    partition: int
    shards: str | None = Field(description="The shards that it evaluates of it, such as 0-63.")
    state: str | None = Field(description="running, standby, waiting or lost.")
    reason: str | None = Field(description="Why it does not run.")
    epoch: str | None
    offset: int | None
    lag: int | None
    checkpoint_age_s: float | None
    gaps: int | None
    recent_gaps: list[LogGap] = Field(description="The newest few, oldest first.")


class StreamProcess(Answer):
    """One process of the engine. `is_leader`: it makes lists and aggregates of the whole market."""

    shards: str
    is_owner: bool = Field(description="False for one that stands by.")
    is_leader: bool
    ticks_per_s: float | None
    problem: str | None


class ChainsKept(Answer):
    """Where option chains are kept."""

    store: Literal["postgresql", "mongodb", "memory"]
    problem: str | None = Field(description="Why it does not answer; alerts and everything else go on without it.")


class Status(Answer):
    """Processes, lags and what waits."""

    state: Literal["ok", "degraded"]
    processes: list[ProcessState]
    partitions: list[PartitionState]
    stream: list[StreamProcess] = Field(description="The processes that the engine's shards are split over.")
    problem: str | None = Field(description="What keeps the engine from evaluating everything.")
    chains: ChainsKept
    ticks_per_s: float | None
    oldest_unsent: UtcTime | None = Field(description="Event time of the oldest alert not yet delivered.")
    version: str


class RaisedWatch(Answer):
    """Something that the watch found not well, and since when."""

    watch: str = Field(
        description="feed_silent, stream_stuck, unsent, disk, dead_letters or process_silent, and of what."
    )
    since: UtcTime | None
    said: str


class Health(Answer):
    """`ok` when every process is ready. What the watch has raised stands beside it and does not change the status."""

    status: Literal["ok", "unavailable"]
    processes: dict[str, str] = Field(description="State by process.")
    not_ready: list[str]
    watches: list[RaisedWatch]
    version: str


class Ready(Answer):
    """Whether this process can answer."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str]
