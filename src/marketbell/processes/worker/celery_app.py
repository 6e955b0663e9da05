"""How Celery is set up: what `worker` and `beat` share.

A message carries nothing but the id of a run; what the run is, and whether it is still to be done, stands in the
store. So a message may be lost, come twice or come late, and the run is done once.
"""

from celery import Celery

from marketbell.flows.jobs.catalogue import LONGEST_S
from marketbell.settings import Settings

QUEUE = "marketbell"
TASK = "job"
KEY_PREFIX = "celery:"
VISIBLE_AFTER_S = int(LONGEST_S) + 300
"""A message taken and not finished is handed out again after this: longer than the longest job may take."""
TICK_S = 1.0


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
        # what a thread runs Celery cannot end: the worker keeps these limits itself (flows/jobs, Runner.keep)
        task_time_limit=LONGEST_S,
        task_soft_time_limit=None,
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
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0.2, "interval_step": 0.2, "interval_max": 0.2},
        enable_utc=True,
        timezone="UTC",
        beat_max_loop_interval=TICK_S,
    )
    return app
