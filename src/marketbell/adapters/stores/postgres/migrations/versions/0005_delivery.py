"""Delivery that can be told: what is held, carried and why; what people asked for; every attempt; the archive."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BEFORE = "('queued', 'sending', 'sent', 'retry', 'dead', 'maybe_sent', 'suppressed')"
NOW = "('queued', 'held', 'sending', 'sent', 'retry', 'dead', 'maybe_sent', 'suppressed', 'carried')"

FIRINGS = (
    """
    ALTER TABLE ledger.firings
        ADD COLUMN decision text NOT NULL DEFAULT '',
        ADD COLUMN decision_reason text NOT NULL DEFAULT ''
    """,
    "CREATE INDEX firings_by_age ON ledger.firings (recorded_at)",
)

OUTBOX = (
    """
    ALTER TABLE ledger.outbox
        ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY,
        ADD COLUMN gather text NOT NULL DEFAULT '',
        ADD COLUMN carried_by text NOT NULL DEFAULT '',
        ADD COLUMN reference text NOT NULL DEFAULT '',
        ADD COLUMN ended_at bigint NOT NULL DEFAULT 0
    """,
    "ALTER TABLE ledger.outbox DROP CONSTRAINT outbox_state_check",
    f"ALTER TABLE ledger.outbox ADD CONSTRAINT outbox_state_check CHECK (state IN {NOW})",
    # a claim goes by time, and by the order of planning where the time is the same
    "DROP INDEX ledger.outbox_due",
    "CREATE INDEX outbox_due ON ledger.outbox (next_attempt_at, seq) WHERE state IN ('queued', 'retry')",
    "CREATE INDEX outbox_held ON ledger.outbox (next_attempt_at) WHERE state = 'held'",
    """
    CREATE INDEX outbox_dead ON ledger.outbox (owner_id, ended_at DESC, delivery_id DESC)
        WHERE state IN ('dead', 'maybe_sent')
    """,
    "CREATE INDEX outbox_carried ON ledger.outbox (carried_by) WHERE carried_by <> ''",
    "CREATE INDEX outbox_sent ON ledger.outbox (owner_id, sent_at) WHERE state = 'sent' AND channel <> 'in_app'",
    """
    CREATE TABLE ledger.attempts (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        delivery_id text NOT NULL,
        at bigint NOT NULL,
        what text NOT NULL,
        number integer NOT NULL,
        detail text NOT NULL
    )
    """,
    "CREATE INDEX attempts_of ON ledger.attempts (delivery_id, seq)",
)

COUNTS = (
    """
    CREATE TABLE ledger.told (
        owner_id text NOT NULL,
        rule_uid text NOT NULL,
        instrument text NOT NULL,
        day integer NOT NULL,
        count integer NOT NULL,
        is_announced boolean NOT NULL,
        last bigint NOT NULL,
        PRIMARY KEY (owner_id, rule_uid, instrument)
    )
    """,
    """
    CREATE TABLE ledger.windows (
        owner_id text NOT NULL,
        rule_uid text NOT NULL,
        channel text NOT NULL,
        address text NOT NULL,
        began_at bigint NOT NULL,
        at_once integer NOT NULL,
        held integer NOT NULL,
        PRIMARY KEY (owner_id, rule_uid, channel, address)
    )
    """,
)

WISHES = (
    """
    CREATE TABLE ledger.preferences (
        owner_id text PRIMARY KEY,
        zone text NOT NULL,
        quiet_from text NOT NULL,
        quiet_to text NOT NULL,
        quiet_except_high boolean NOT NULL,
        digest_at text NOT NULL,
        group_window_s integer NOT NULL,
        repeat_s integer NOT NULL
    )
    """,
    """
    CREATE TABLE ledger.silences (
        silence_id text PRIMARY KEY,
        owner_id text NOT NULL,
        rule_uid text NOT NULL,
        instrument text NOT NULL,
        severity text NOT NULL,
        until bigint NOT NULL,
        reason text NOT NULL,
        created_at bigint NOT NULL
    )
    """,
    "CREATE INDEX silences_by_owner ON ledger.silences (owner_id, until)",
    """
    CREATE TABLE ledger.mutes (
        firing_id text COLLATE "C" NOT NULL,
        kind text NOT NULL CHECK (kind IN ('ack', 'snooze')),
        owner_id text NOT NULL,
        rule_uid text NOT NULL,
        instrument text NOT NULL,
        until bigint NOT NULL,
        at bigint NOT NULL,
        by text NOT NULL,
        PRIMARY KEY (firing_id, kind)
    )
    """,
    "CREATE INDEX mutes_that_hold ON ledger.mutes (owner_id, until)",
    """
    CREATE TABLE ledger.reads (
        owner_id text NOT NULL,
        up_to bigint NOT NULL,
        at bigint NOT NULL,
        PRIMARY KEY (owner_id, up_to)
    )
    """,
)

ARCHIVE = (
    """
    CREATE TABLE ledger.archive (
        firing_id text COLLATE "C" PRIMARY KEY,
        owner_id text NOT NULL,
        rule_uid text NOT NULL,
        event_time bigint NOT NULL,
        recorded_at bigint NOT NULL,
        firing jsonb NOT NULL,
        deliveries jsonb NOT NULL,
        attempts jsonb NOT NULL,
        archived_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX archive_by_owner ON ledger.archive (owner_id, event_time DESC, firing_id DESC)",
)


def upgrade() -> None:
    for statement in FIRINGS + OUTBOX + COUNTS + WISHES + ARCHIVE:
        op.execute(statement)


def downgrade() -> None:
    # What an older version does not know becomes what it does: held goes at once, carried was told.
    op.execute("UPDATE ledger.outbox SET state = 'queued' WHERE state = 'held'")
    op.execute("UPDATE ledger.outbox SET state = 'sent' WHERE state = 'carried'")
    for table in ("archive", "reads", "mutes", "silences", "preferences", "windows", "told", "attempts"):
        op.execute(f"DROP TABLE ledger.{table}")
    op.execute("ALTER TABLE ledger.outbox DROP CONSTRAINT outbox_state_check")
    op.execute(f"ALTER TABLE ledger.outbox ADD CONSTRAINT outbox_state_check CHECK (state IN {BEFORE})")
    for index in ("outbox_due", "outbox_held", "outbox_dead", "outbox_carried", "outbox_sent", "firings_by_age"):
        op.execute(f"DROP INDEX ledger.{index}")
    op.execute(
        "ALTER TABLE ledger.outbox DROP COLUMN seq, DROP COLUMN gather, DROP COLUMN carried_by,"
        " DROP COLUMN reference, DROP COLUMN ended_at"
    )
    op.execute(
        "CREATE INDEX outbox_due ON ledger.outbox (next_attempt_at, delivery_id) WHERE state IN ('queued', 'retry')"
    )
    op.execute("ALTER TABLE ledger.firings DROP COLUMN decision_reason, DROP COLUMN decision")
