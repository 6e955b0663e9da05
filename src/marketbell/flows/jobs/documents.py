"""A run as people see it: what the API answers and what its live room tells, in one shape. Times ns UTC."""

from typing import Any

from marketbell.ports.jobs import Run

JOB = "job"
"""The type of a document on the topic `market`."""


def document(run: Run) -> dict[str, Any]:
    """Everything but the arguments and the result, which may be long."""
    return {
        "run_id": run.run_id,
        "job": run.job,
        "owner_id": run.owner_id,
        "state": run.state,
        "progress": run.progress,
        "stage": run.stage,
        "attempts": run.attempts,
        "scheduled_at": run.scheduled_at,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "error": run.error,
    }
