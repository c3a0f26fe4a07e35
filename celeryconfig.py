"""Configures Celery, with a reason for each setting. Addresses come from Botticelli's settings.

Postgres is the source of truth and every iteration is a row, so a message is only a wake-up call: settings that make
Celery retry, store results or wait for a dead connection would add a second source, and are off.
"""

imports = ("tasks", "workers.process.lifecycle")
task_default_queue = "botticelli"
task_create_missing_queues = False  # a misspelt queue is an error, instead of keeping tasks for ever

# Only JSON: a pickled message would run code.
task_serializer = "json"
event_serializer = "json"
accept_content = ["json"]
result_accept_content = ["json"]

# No results in Redis: they are rows. A result backend makes a publish hang for 20 s when Redis is away.
task_ignore_result = True
result_backend = None
task_store_errors_even_if_ignored = False
task_remote_tracebacks = False

broker_url = (
    "botticelli://settings-not-read"  # replaced by the settings' address; Celery's default is a RabbitMQ on localhost
)
broker_transport_options = {
    "visibility_timeout": 3600,  # far above the longest task: a shorter one repeats long tasks
    "unacked_restore_interval": 5,  # without these two, messages of a dead worker come back only every 100 s
    "unacked_restore_throttle": 1,
    "socket_timeout": 15,  # without it, one silently dropped connection hangs a worker for ever
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "retry_on_timeout": False,
    "client_name": "botticelli",
}
broker_connection_retry_on_startup = True  # a worker may start before its Redis
broker_connection_max_retries = None  # and waits for it indefinitely
broker_pool_acquire_timeout = 5  # the default blocks for ever

task_publish_retry = False  # the sweep publishes again; an enqueue must not hang

task_acks_late = True  # a message of a killed worker comes back; the claim makes a duplicate harmless
task_acks_on_failure = True  # retries belong to the iteration's row, not to the broker
task_acks_on_timeout = True
task_reject_on_worker_lost = False  # one retry mechanism, one counter; the broker's would loop for ever on poison

worker_consumer = (
    "workers.transport.consumer:Consumer"  # Celery's own ends the worker when Redis goes away during a task
)
worker_pool = "threads"  # workers wait for the network: 200 calls in 60 MB, where prefork takes 6 GB
worker_prefetch_multiplier = 1  # a worker takes only what it can start at once
worker_eta_task_limit = 100  # we use no ETA; a foreign one can't fill the memory
worker_soft_shutdown_timeout = 60  # seconds for running iterations to finish before they are handed back
worker_enable_soft_shutdown_on_idle = True
worker_cancel_long_running_tasks_on_connection_loss = False  # leases and claims decide, not the broker's connection
worker_max_tasks_per_child = 500  # prefork only: returns a child's memory
worker_max_memory_per_child = 400_000  # KiB
worker_proc_alive_timeout = 30
worker_lost_wait = 10
worker_hijack_root_logger = False
task_time_limit = 1200  # seconds; prefork only: with threads, every call has its own deadline
task_soft_time_limit = 1140

worker_send_task_events = True  # Flower sees ids, never a prompt
task_send_sent_event = False  # as in Celery: every publish would be two; a task shows up once a worker has it
timezone = "UTC"
enable_utc = True
