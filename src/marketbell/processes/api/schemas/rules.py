"""Rules: as stored, as checked, as planned, as tried on the past, and why one fires or not."""

from typing import Literal

from pydantic import Field

from marketbell.processes.api.schemas.base import Answer, DecimalStr, Facts, Question, UtcTime

MAX_FILE = 1_000_000


class Rule(Answer):
    """A rule as stored."""

    rule_uid: str
    name: str
    text: str
    instrument: str | None = Field(description="The only one that it can be about; null where it names lists.")
    symbol: str | None
    direction: Literal["above", "below"] | None = Field(description="Of a price level.")
    level: DecimalStr | None = Field(description="Of a price level.")
    state: str = Field(description="armed, fired, disabled or expired.")
    version: int
    created_at: UtcTime | None
    notify: list[str]
    kind: Literal["level", "rule"]
    condition: str
    universe: str
    timing: str
    severity: str
    group: str = Field(description="The file or folder that it came from; empty for one that was written by hand.")
    is_editable: bool
    last_fired_at: UtcTime | None
    firings: int
    sentence: str = Field(description="The rule in plain words.")
    problem: str = Field(description="Why it cannot be evaluated; empty where it can.")


class RuleList(Answer):
    """All rules of the owner, newest first."""

    items: list[Rule]


class RuleBody(Question):
    """A rule as text, or as a form of a price level; not both."""

    text: str | None = Field(None, max_length=10_000)
    name: str | None = Field(None, max_length=120)
    instrument: str | None = Field(None, max_length=60)
    direction: Literal["above", "below"] | None = None
    level: DecimalStr | float | None = None
    notify: list[str] | None = Field(None, max_length=20, description="Kinds or ids of channels; in_app by default.")
    group: str = Field("", max_length=200)


class RuleEdit(Question):
    """The next version of a rule."""

    text: str = Field(max_length=10_000)
    notify: list[str] | None = Field(None, max_length=20)


class RuleVersion(Answer):
    """One wording of a rule."""

    version: int
    text: str
    created_at: UtcTime | None
    state: str = Field(description="Of the newest: that of the rule; of the others: replaced.")


class RuleVersions(Answer):
    """Every wording, newest first."""

    items: list[RuleVersion]


class TextBody(Question):
    """A text in the rule language."""

    text: str = Field(max_length=100_000)


class TextError(Answer):
    """What is wrong in a text, at the first character of the word in question; both count from 1."""

    line: int
    column: int
    message: str
    reason: str = Field(description="syntax, name, type, limit or not_yet_supported.")


class WarmUp(Answer):
    """How many bars must be known before everything is."""

    timeframe: str
    bars: int


class RulePlan(Answer):
    """What a rule costs and needs."""

    timing: str
    symbols: int
    sub_expressions: int
    evaluations_per_day: int
    warm_up: list[WarmUp]
    feeds: list[str]
    fields: list[str]
    may_repaint: bool
    reads_others: bool
    notes: list[str]


class StoredPlan(RulePlan):
    """The plan of a stored rule."""

    shared: int = Field(description="Sub-expressions that other rules of yours use too.")


class CheckedRule(Answer):
    """A rule or a screen in all its views."""

    kind: Literal["alert", "screen"]
    name: str
    rule_uid: str
    text: str
    sentence: str
    form: Facts
    plan: RulePlan


class RuleCheck(Answer):
    """All that is wrong with a text, and the rules that can be read."""

    ok: bool
    errors: list[TextError]
    rules: list[CheckedRule]


class FormBody(Question):
    """A rule or a screen as a form."""

    form: Facts


class FormError(Answer):
    """What is wrong with a form; a path like `when.parts.0.left`."""

    path: str
    message: str


class FormText(Answer):
    """A form as text; empty where something is wrong with it."""

    text: str
    sentence: str
    errors: list[FormError]


class ImportBody(Question):
    """A file of rules as the truth of its group."""

    text: str = Field(max_length=MAX_FILE)
    group: str = Field("", max_length=200)
    prune: bool = Field(False, description="Disarm the rules of the group that the file does not name.")


class ImportAnswer(Answer):
    """What the file changed."""

    armed: int
    changed: int
    unchanged: int
    disarmed: int
    items: list[Rule]


class WhyQuery(Question):
    """For which instrument."""

    instrument: str = Field(max_length=60, description="VENUE:SYMBOL, an unambiguous symbol or an id.")


class WhyTerm(Answer):
    """A value that is read. `as_of` is ns UTC, `age_s` the age of what it rests on."""

    expression: str
    value: float | None
    previous: float | None = None
    type: str
    source: str
    timeframe: str
    as_of: int | None
    age_s: float | None


class WhyClause(Answer):
    """A predicate as it stands, with its distance to true."""

    text: str
    role: str
    truth: bool | None
    distance: float | None
    distance_pct: float | None
    terms: list[WhyTerm]


class FirstFalse(Answer):
    """The clause to blame."""

    text: str
    distance: float | None
    distance_text: str


class Missing(Answer):
    """What is not known, and why."""

    expression: str
    reason: str


class Why(Answer):
    """Why a rule fires, or why not. Unknown is null."""

    condition: str
    event: str
    timing: str
    event_time: int | None = Field(description="Of the evaluation, ns UTC.")
    truth: bool | None
    sentence: str
    value: float | None
    previous: float | None
    level: float | None
    clauses: list[WhyClause]
    first_false: FirstFalse | None
    missing: list[Missing]
    terms: list[WhyTerm]
    state: str = Field(
        description="idle, pending, firing, recovering, unknown, suppressed, done, expired, disabled, or waiting (the "
        "engine does not have it yet)."
    )
    since: UtcTime | None
    until: UtcTime | None
    suppressed: str | None = Field(description="What holds it back until then.")
    evaluated_at: UtcTime | None


class PreviewBody(Question):
    """A rule to try on the past."""

    text: str = Field(max_length=10_000)
    days: int = Field(90, ge=1, le=3_650)
    instrument: str | None = Field(None, max_length=60, description="Only this one of the rule's instruments.")


class DayCount(Answer):
    """How often on a day of the venue."""

    date: str
    count: int


class Marker(Answer):
    """One firing, for a chart."""

    firing_id: str
    instrument: str
    symbol: str
    time: UtcTime | None
    value: DecimalStr | None
    event: str


class Outcome(Answer):
    """What the price did after it, in percent."""

    after: str = Field(description="5m, 1h or 1d.")
    count: int
    mean_pct: float | None
    median_pct: float | None
    up_pct: float | None = Field(description="How often it was higher then.")


class CooldownEffect(Answer):
    """How many firings a cooldown would remove."""

    cooldown: str
    removed: int


class History(Answer):
    """What it was tried on."""

    from_: UtcTime | None = Field(alias="from")
    to: UtcTime | None
    timeframe: str
    bars: int
    instruments: int
    gaps: list[str]


class Preview(Answer):
    """What a rule would have done. See the howto on backtests for what the figures mean."""

    fires: int
    symbols_fired: int
    per_day: float
    busiest_day: DayCount | None
    longest_quiet_days: int
    by_day: list[DayCount]
    markers: list[Marker] = Field(description="The newest 500.")
    is_noisy: bool = Field(description="More than ten a day.")
    noise_score: float = Field(description="0 (calm) to 100.")
    outcomes: list[Outcome]
    cooldowns: list[CooldownEffect]
    suppressed: int
    history: History
    may_repaint: bool
    notes: list[str]
    seconds: float
