"""Saved screens, who entered and left which screen, and commands that belong to no rule."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE rules.screens (
            screen_id text COLLATE "C" PRIMARY KEY,
            owner_id text NOT NULL,
            name text NOT NULL,
            text text NOT NULL,
            definition jsonb NOT NULL,
            created_at bigint NOT NULL,
            updated_at bigint NOT NULL,
            UNIQUE (owner_id, name)
        )
        """
    )
    # Ready screens have events and no row above: no reference.
    op.execute(
        """
        CREATE TABLE rules.screen_events (
            screen_id text COLLATE "C" NOT NULL,
            at bigint NOT NULL,
            instrument_id bigint NOT NULL,
            event text COLLATE "C" NOT NULL CHECK (event IN ('enter', 'leave')),
            recorded_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (screen_id, at, instrument_id, event)
        )
        """
    )
    op.execute("CREATE INDEX screen_events_by_instrument ON rules.screen_events (instrument_id, at)")
    op.execute("CREATE INDEX screen_events_by_age ON rules.screen_events (recorded_at)")
    op.execute("ALTER TABLE rules.commands ALTER COLUMN rule_uid DROP NOT NULL")


def downgrade() -> None:
    op.execute("DELETE FROM rules.commands WHERE rule_uid IS NULL")
    op.execute("ALTER TABLE rules.commands ALTER COLUMN rule_uid SET NOT NULL")
    op.execute("DROP TABLE rules.screen_events")
    op.execute("DROP TABLE rules.screens")
