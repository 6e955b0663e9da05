"""Option chains: one document each, with its metrics beside it."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The metrics stand apart from the chain: a series of them must not unpack the documents. `spot` is NULL where
    # unknown. The key's order is that of every question: this underlying, this expiry, the newest up to a moment.
    op.execute(
        """
        CREATE TABLE market.chains (
            underlying text COLLATE "C" NOT NULL,
            expiry date NOT NULL,
            as_of bigint NOT NULL,
            spot double precision,
            is_simulated boolean NOT NULL DEFAULT false,
            metrics jsonb NOT NULL DEFAULT '{}',
            chain jsonb NOT NULL
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX chains_newest ON market.chains (underlying, expiry, as_of DESC)")
    op.execute("CREATE INDEX chains_by_time ON market.chains (underlying, as_of, expiry)")


def downgrade() -> None:
    op.execute("DROP TABLE market.chains")
