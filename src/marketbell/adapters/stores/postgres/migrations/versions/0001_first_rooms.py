"""The first rooms: market, reference, rules, ledger, people, engagement.

Times are bigint nanoseconds since 1970 UTC wherever they take part in an identity or an order of
events. Prices are double precision, as in the kernels; they meet their tick size at the edge.
`owner_id` becomes a foreign key of people.users when accounts land.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMAS = ("market", "reference", "rules", "ledger", "people", "engagement")

MARKET = (
    """
    CREATE TABLE market.instruments (
        instrument_id bigint PRIMARY KEY,
        key text NOT NULL UNIQUE,
        name text NOT NULL,
        kind text NOT NULL,
        sector text NOT NULL,
        industry text NOT NULL,
        isin text NOT NULL,
        currency text NOT NULL,
        calendar text NOT NULL,
        tick_size double precision NOT NULL,
        lot_size bigint NOT NULL,
        shares_outstanding double precision NOT NULL,
        root text NOT NULL,
        indices text[] NOT NULL,
        source text NOT NULL,
        is_simulated boolean NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE market.snapshots (
        session_date date NOT NULL,
        instrument_id bigint NOT NULL,
        as_of bigint NOT NULL,
        "values" jsonb NOT NULL,
        PRIMARY KEY (instrument_id, session_date)
    )
    """,
    """
    CREATE TABLE market.quality_counts (
        session_date date NOT NULL,
        instrument_id bigint NOT NULL,
        kind text NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (session_date, instrument_id, kind)
    )
    """,
)

BARS = """
    CREATE TABLE market.{name} (
        instrument_id bigint NOT NULL,
        start bigint NOT NULL,
        open double precision,
        high double precision,
        low double precision,
        close double precision,
        volume double precision,
        trades bigint NOT NULL,
        vwap double precision,
        PRIMARY KEY (instrument_id, start)
    ) {partitioning}
    """
"""A table for each timeframe: minutes are kept for months, days for decades, and read by other questions."""

DAY_NS = 86_400 * 10**9
CHUNKS = {"bars_1m": 30 * DAY_NS, "bars_1d": 365 * DAY_NS}

REFERENCE = (
    """
    CREATE TABLE reference.facts (
        instrument_id bigint NOT NULL,
        name text NOT NULL,
        period_end text COLLATE "C" NOT NULL,
        version integer NOT NULL,
        value double precision NOT NULL,
        published_at bigint NOT NULL,
        source text NOT NULL,
        PRIMARY KEY (instrument_id, name, period_end, version)
    )
    """,
)

RULES = (
    """
    CREATE TABLE rules.rules (
        rule_uid text PRIMARY KEY,
        owner_id text NOT NULL,
        name text NOT NULL,
        version integer NOT NULL,
        state text NOT NULL CHECK (state IN ('armed', 'fired', 'disabled', 'expired')),
        created_at bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX rules_by_owner ON rules.rules (owner_id, created_at)",
    """
    CREATE TABLE rules.versions (
        rule_uid text NOT NULL REFERENCES rules.rules ON DELETE CASCADE,
        version integer NOT NULL,
        text text NOT NULL,
        definition jsonb NOT NULL,
        notify jsonb NOT NULL,
        instrument_id bigint NOT NULL,
        payload jsonb NOT NULL,
        made_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (rule_uid, version)
    )
    """,
    """
    CREATE TABLE rules.commands (
        command_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        rule_uid text NOT NULL REFERENCES rules.rules ON DELETE CASCADE,
        instrument_id bigint NOT NULL,
        payload jsonb NOT NULL,
        written_at timestamptz NOT NULL DEFAULT now(),
        published_at timestamptz
    )
    """,
    "CREATE INDEX commands_unpublished ON rules.commands (command_id) WHERE published_at IS NULL",
)

LEDGER = (
    """
    CREATE TABLE ledger.firings (
        firing_id text COLLATE "C" PRIMARY KEY,
        rule_uid text NOT NULL,
        rule text NOT NULL,
        owner_id text NOT NULL,
        instrument_id bigint NOT NULL,
        instrument text NOT NULL,
        event_time bigint NOT NULL,
        "values" jsonb NOT NULL,
        notify jsonb NOT NULL,
        recorded_at bigint NOT NULL,
        planned_at bigint
    )
    """,
    "CREATE INDEX firings_by_owner ON ledger.firings (owner_id, event_time DESC, firing_id DESC)",
    "CREATE INDEX firings_by_record ON ledger.firings (owner_id, recorded_at)",
    "CREATE INDEX firings_unplanned ON ledger.firings (recorded_at, firing_id) WHERE planned_at IS NULL",
    """
    CREATE TABLE ledger.shard_progress (
        partition integer PRIMARY KEY,
        epoch text NOT NULL,
        position bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE ledger.outbox (
        delivery_id text PRIMARY KEY,
        firing_id text COLLATE "C" NOT NULL REFERENCES ledger.firings ON DELETE CASCADE,
        owner_id text NOT NULL,
        channel text NOT NULL,
        address text NOT NULL,
        state text NOT NULL
            CHECK (state IN ('queued', 'sending', 'sent', 'retry', 'dead', 'maybe_sent', 'suppressed')),
        attempts integer NOT NULL,
        error text NOT NULL,
        queued_at bigint NOT NULL,
        next_attempt_at bigint NOT NULL,
        lease_until bigint NOT NULL DEFAULT 0,
        begun_at bigint NOT NULL DEFAULT 0,
        sent_at bigint NOT NULL,
        payload jsonb NOT NULL,
        UNIQUE (firing_id, channel, address)
    )
    """,
    "CREATE INDEX outbox_due ON ledger.outbox (next_attempt_at, delivery_id) WHERE state IN ('queued', 'retry')",
    "CREATE INDEX outbox_leased ON ledger.outbox (lease_until) WHERE state = 'sending'",
    """
    CREATE TABLE ledger.alert_reads (
        owner_id text PRIMARY KEY,
        read_up_to bigint NOT NULL
    )
    """,
)

PEOPLE = (
    """
    CREATE TABLE people.users (
        user_id text PRIMARY KEY,
        name text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "INSERT INTO people.users (user_id, name) VALUES ('owner', 'Owner')",
    """
    CREATE TABLE people.sessions (
        token_hash bytea PRIMARY KEY,
        owner_id text NOT NULL,
        expires_at bigint NOT NULL
    )
    """,
    "CREATE INDEX sessions_by_expiry ON people.sessions (expires_at)",
    """
    CREATE TABLE people.idempotency (
        owner_id text NOT NULL,
        key text NOT NULL,
        body_hash bytea NOT NULL,
        status integer NOT NULL,
        body bytea NOT NULL,
        remembered_at bigint NOT NULL,
        PRIMARY KEY (owner_id, key)
    )
    """,
    "CREATE INDEX idempotency_by_time ON people.idempotency (remembered_at)",
    """
    CREATE TABLE people.channels (
        channel_id text PRIMARY KEY,
        owner_id text NOT NULL,
        kind text NOT NULL,
        name text NOT NULL,
        config jsonb NOT NULL,
        is_enabled boolean NOT NULL,
        made_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX channels_by_owner ON people.channels (owner_id)",
)

ENGAGEMENT = (
    """
    CREATE TABLE engagement.watchlists (
        watchlist_id text PRIMARY KEY,
        owner_id text NOT NULL,
        name text NOT NULL,
        instruments text[] NOT NULL,
        made_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX watchlists_by_owner ON engagement.watchlists (owner_id)",
)


def upgrade() -> None:
    # Not IF NOT EXISTS: a schema of somebody else's is never adopted, so it is never dropped either.
    for schema in SCHEMAS:
        op.execute(f"CREATE SCHEMA {schema}")
    for statement in MARKET + REFERENCE + RULES + LEDGER + PEOPLE + ENGAGEMENT:
        op.execute(statement)
    has_timescale = op.get_bind().exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").first()
    for name, chunk_ns in CHUNKS.items():
        op.execute(BARS.format(name=name, partitioning="" if has_timescale else "PARTITION BY RANGE (start)"))
        if has_timescale:
            op.execute(f"SELECT create_hypertable('market.{name}', 'start', chunk_time_interval => {chunk_ns}::bigint)")


def downgrade() -> None:
    for schema in reversed(SCHEMAS):
        op.execute(f"DROP SCHEMA {schema} CASCADE")
