"""Runs of jobs with their dead letters, and the watches that are raised."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA jobs")
    # told and told_again_at belong to the messages: how often a worker was told of a run, and when it is next.
    op.execute(
        """
        CREATE TABLE jobs.runs (
            run_id text COLLATE "C" PRIMARY KEY,
            job text COLLATE "C" NOT NULL,
            scheduled_at bigint NOT NULL,
            owner_id text NOT NULL,
            args jsonb NOT NULL DEFAULT '{}',
            state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed', 'dead')),
            attempts integer NOT NULL DEFAULT 0,
            next_attempt_at bigint NOT NULL DEFAULT 0,
            lease_until bigint NOT NULL DEFAULT 0,
            claim bigint NOT NULL DEFAULT 0,
            told integer NOT NULL DEFAULT 0,
            told_again_at bigint NOT NULL DEFAULT 0,
            progress double precision NOT NULL DEFAULT 0,
            stage text NOT NULL DEFAULT '',
            created_at bigint NOT NULL,
            started_at bigint NOT NULL DEFAULT 0,
            finished_at bigint NOT NULL DEFAULT 0,
            error text NOT NULL DEFAULT '',
            result jsonb NOT NULL DEFAULT '{}',
            is_scheduled boolean NOT NULL DEFAULT false,
            UNIQUE (job, scheduled_at)
        )
        """
    )
    op.execute("CREATE INDEX runs_open ON jobs.runs (told_again_at) WHERE state IN ('queued', 'running', 'failed')")
    op.execute("CREATE INDEX runs_by_owner ON jobs.runs (owner_id, created_at DESC, run_id DESC)")
    op.execute("CREATE INDEX runs_of_the_clockwork ON jobs.runs (job, scheduled_at) WHERE is_scheduled")
    op.execute(
        """
        CREATE TABLE jobs.dead_letters (
            run_id text COLLATE "C" PRIMARY KEY REFERENCES jobs.runs ON DELETE CASCADE,
            attempts integer NOT NULL,
            error text NOT NULL,
            died_at bigint NOT NULL,
            replayed_at bigint NOT NULL DEFAULT 0
        )
        """
    )
    # One row a watch: what stands (ended_at 0), and since when. Two senders agree here on when it began.
    op.execute(
        """
        CREATE TABLE jobs.watches (
            watch text COLLATE "C" PRIMARY KEY,
            began_at bigint NOT NULL,
            ended_at bigint NOT NULL DEFAULT 0,
            said text NOT NULL
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP SCHEMA jobs CASCADE")
