"""Groups of rules and why one cannot be evaluated; of a firing its version, event, severity and what held it back."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE rules.rules
            ADD COLUMN group_name text NOT NULL DEFAULT '',
            ADD COLUMN problem text NOT NULL DEFAULT ''
        """
    )
    op.execute(
        """
        ALTER TABLE ledger.firings
            ADD COLUMN version integer NOT NULL DEFAULT 1,
            ADD COLUMN event text NOT NULL DEFAULT 'fire',
            ADD COLUMN suppressed text NOT NULL DEFAULT '',
            ADD COLUMN severity text NOT NULL DEFAULT 'normal'
        """
    )
    op.execute("CREATE INDEX firings_by_rule ON ledger.firings (owner_id, rule_uid, event_time DESC, firing_id DESC)")
    op.execute(
        "CREATE INDEX firings_by_instrument ON ledger.firings (owner_id, instrument, event_time DESC, firing_id DESC)"
    )


def downgrade() -> None:
    op.execute("DROP INDEX ledger.firings_by_instrument")
    op.execute("DROP INDEX ledger.firings_by_rule")
    op.execute(
        """
        ALTER TABLE ledger.firings
            DROP COLUMN severity, DROP COLUMN suppressed, DROP COLUMN event, DROP COLUMN version
        """
    )
    op.execute("ALTER TABLE rules.rules DROP COLUMN problem, DROP COLUMN group_name")
