"""Celery's settings that keep work from being lost, doubled or hung, each pinned with what happens without it."""

from __future__ import annotations

import pytest
from celery import Celery

import celeryconfig
from botticelli.runtime.celery_app import configured, connected

PINNED = {
    "result_backend": None,  # a publish hangs for 20 s when Redis is away
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "task_remote_tracebacks": False,  # a traceback may carry a prompt
    "accept_content": ["json"],  # pickle runs code
    "result_accept_content": ["json"],
    "task_serializer": "json",
    "event_serializer": "json",
    "task_publish_retry": False,  # an enqueue would hang; the sweep publishes again
    "task_acks_late": True,  # a killed worker's message would be lost
    "task_reject_on_worker_lost": False,  # poison would be redelivered for ever
    "task_acks_on_failure": True,
    "task_acks_on_timeout": True,
    "worker_prefetch_multiplier": 1,  # prefetched messages run twice after the visibility timeout
    "worker_pool": "threads",
    "worker_soft_shutdown_timeout": 60,
    "worker_enable_soft_shutdown_on_idle": True,
    "worker_eta_task_limit": 100,  # a foreign ETA task could fill the memory
    "worker_consumer": "workers.transport.consumer:Consumer",  # Celery's ends the worker when Redis goes away during a task
    "worker_proc_alive_timeout": 30,
    "worker_lost_wait": 10,
    "worker_max_tasks_per_child": 500,
    "worker_max_memory_per_child": 400_000,
    "worker_hijack_root_logger": False,
    "task_time_limit": 1200,
    "task_soft_time_limit": 1140,
    "task_send_sent_event": False,
    "timezone": "UTC",
    "enable_utc": True,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "broker_connection_retry_on_startup": True,  # a worker that starts before its Redis would exit
    "broker_connection_max_retries": None,
    "broker_pool_acquire_timeout": 5,  # the default blocks for ever
    "task_create_missing_queues": False,  # a misspelt queue would swallow tasks
    "worker_send_task_events": True,  # Flower sees nothing otherwise
}
TRANSPORT = {
    "visibility_timeout": 3600,  # shorter ones run long tasks several times
    "socket_timeout": 15,  # None hangs a worker for ever after one dropped connection
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "unacked_restore_interval": 5,  # messages of a dead worker come back in steps of 100 s otherwise
    "unacked_restore_throttle": 1,
    "retry_on_timeout": False,
    "client_name": "botticelli",  # CLIENT LIST of a shared server says whose connection it is
}


@pytest.mark.parametrize(("name", "value"), PINNED.items())
def test_setting(name: str, value: object) -> None:
    app = configured(Celery("t", set_as_current=False))
    assert app.conf[name] == value


@pytest.mark.parametrize(("name", "value"), TRANSPORT.items())
def test_transport_option(name: str, value: object) -> None:
    app = connected(configured(Celery("t", set_as_current=False)), "redis://h:1/0", "mine")
    assert app.connection().transport_options[name] == value
    assert app.conf.broker_transport_options["global_keyprefix"] == "mine:"


def test_the_visibility_timeout_is_longer_than_two_tasks() -> None:
    assert celeryconfig.broker_transport_options["visibility_timeout"] > 2 * celeryconfig.task_time_limit


def test_a_unix_socket_is_written_in_celery_s_way() -> None:
    app = connected(configured(Celery("t", set_as_current=False)), "unix:///tmp/a.sock", "p")
    assert app.conf.broker_url == "redis+socket:///tmp/a.sock"
