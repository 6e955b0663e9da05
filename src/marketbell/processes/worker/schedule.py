"""The jobs by name, when each is due, and how Celery is set up: what `worker` and `beat` share.

A run of a job carries the key (job, slot of time): two clockworks, or a message that is delivered again, do it once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from celery.schedules import crontab, schedule

from marketbell.settings import Settings

QUEUE = "marketbell"
KEY_PREFIX = "celery:"
VISIBLE_AFTER_S = 120
"""A message taken and not finished is handed out again after this: longer than the longest job takes."""


@dataclass(frozen=True, slots=True)
class Job:
    """`slot_s` is the shortest time between two runs; `due` is Celery's word for when."""

    name: str
    due: Any
    slot_s: int
    expires_s: int


JOBS = (
    Job("pulse", schedule(5.0), slot_s=5, expires_s=10),
    Job("make_partitions", crontab(minute="7"), slot_s=3_600, expires_s=3_600),
    Job("forget_old", crontab(hour="2", minute="13"), slot_s=86_400, expires_s=43_200),
)


def job_key(name: str, now_ns: int) -> str:
    """The cache key of the run that belongs to this moment."""
    slot_s = next(job.slot_s for job in JOBS if job.name == name)
    return f"job:{name}:{now_ns // (slot_s * 10**9)}"


def make_app(settings: Settings) -> Celery:
    """Celery on the cache server: JSON only, acknowledged after the work, nothing kept that nobody reads."""
    app = Celery("marketbell", broker=settings.cache_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        event_serializer="json",
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_default_queue=QUEUE,
        task_create_missing_queues=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "global_keyprefix": KEY_PREFIX,
            "visibility_timeout": VISIBLE_AFTER_S,
            # with the defaults a message of a killed worker waits for minutes or is lost
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
            "socket_timeout": 10,
            "socket_connect_timeout": 3,
            "socket_keepalive": True,
        },
        enable_utc=True,
        timezone="UTC",
        beat_schedule={
            job.name: {"task": job.name, "schedule": job.due, "options": {"expires": job.expires_s}} for job in JOBS
        },
        beat_max_loop_interval=2,
        beat_schedule_filename=str(Path(settings.data_dir) / "beat.schedule"),
    )
    return app
