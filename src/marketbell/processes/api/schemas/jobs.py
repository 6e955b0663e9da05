"""Runs of jobs."""

from typing import Any, Literal

from pydantic import Field

from marketbell.processes.api.schemas.base import Answer, PageQuery, Question, UtcTime
from marketbell.processes.api.schemas.rules import Preview

State = Literal["queued", "running", "done", "failed", "dead"]


class BacktestBody(Question):
    """A rule to try on a long past. It runs beside everything else; its progress is told in the room `job:{id}`."""

    text: str = Field(max_length=10_000)
    days: int = Field(365, ge=1, le=3_650)
    instrument: str | None = Field(None, max_length=60, description="Only this one of the rule's instruments.")


class JobsQuery(PageQuery):
    """Which runs."""

    job: str | None = Field(None, max_length=60, description="Of this job; without it, all but the pulse.")
    state: State | None = None


class JobRun(Answer):
    """One run of a job."""

    run_id: str
    job: str
    title: str = Field(description="What the job is, for people.")
    is_scheduled: bool = Field(description="A tick of the clockwork; else somebody asked for it.")
    state: State = Field(description="`failed` is tried again at `next_attempt_at`; `dead` is given up.")
    progress: float = Field(description="From 0 to 1.")
    stage: str
    attempts: int
    scheduled_at: UtcTime | None
    created_at: UtcTime | None
    started_at: UtcTime | None
    finished_at: UtcTime | None
    next_attempt_at: UtcTime | None
    error: str


class JobDetail(JobRun):
    """One run with what it was asked and what it gave."""

    backtest: Preview | None = Field(description="What a backtest found; null before it is done, and for other jobs.")
    result: dict[str, Any] = Field(description="Facts that another job gave.")


class JobList(Answer):
    """A page of runs, newest first."""

    items: list[JobRun]
    next_cursor: str | None


class DeadRun(Answer):
    """A run that was given up."""

    run_id: str
    job: str
    title: str
    scheduled_at: UtcTime | None
    attempts: int
    error: str
    died_at: UtcTime | None


class DeadRuns(Answer):
    """Dead letters of jobs that nobody has replayed, newest first."""

    items: list[DeadRun]
