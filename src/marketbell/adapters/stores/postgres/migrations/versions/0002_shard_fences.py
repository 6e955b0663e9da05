"""Progress by logical shard, with the fence of its owner; claims of deliveries bear a number.

What stood by partition is not carried over: it was advisory, and the stream writes it anew within seconds.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DROP TABLE ledger.shard_progress")
    op.execute(
        """
        CREATE TABLE ledger.shard_progress (
            shard integer PRIMARY KEY,
            fence bigint NOT NULL,
            epoch text NOT NULL DEFAULT '',
            position bigint NOT NULL DEFAULT 0,
            updated_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("ALTER TABLE ledger.outbox ADD COLUMN claims integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE ledger.outbox DROP COLUMN claims")
    op.execute("DROP TABLE ledger.shard_progress")
    op.execute(
        """
        CREATE TABLE ledger.shard_progress (
            partition integer PRIMARY KEY,
            epoch text NOT NULL,
            position bigint NOT NULL,
            updated_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
