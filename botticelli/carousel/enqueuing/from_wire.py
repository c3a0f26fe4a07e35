"""Enqueues requests from the broker: a narrative by name, or as text that is not trusted. The row of the run answers."""

from __future__ import annotations

import os
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from botticelli.carousel.checks.media_and_tables import check_pulls, media_limits
from botticelli.carousel.enqueuing.enqueue import Enqueued, EnqueueRequest, enqueue
from botticelli.errors import BotticelliError, InvalidInput, NotFound, ServiceUnavailable
from botticelli.loading.app_folder import app_folder
from botticelli.narrative import Environment, Loaded, load_narrative, parse_narrative
from botticelli.narrative.source.problems import did_you_mean, shown
from botticelli.runtime.process import Runtime
from botticelli.security.policy import SENT_AS_TEXT
from botticelli.security.request_checks import NAME_CHARACTERS
from botticelli.store import NewRun, Run
from botticelli.telemetry.log import logger
from botticelli.untrusted.storable import storable

LONGEST_NAME = 200


def accept(
    runtime: Runtime,
    options: EnqueueRequest,
    *,
    narrative: str | None = None,
    text: str | None = None,
    name: str | None = None,
) -> bool:
    """Enqueue a request from the wire: the name of a narrative of this installation, or its text.

    `name` selects one of several narratives, like `file#name`. A request that can't be performed becomes a failed run with
    the reason, and False is returned. Raises only if Postgres is away, since the request can be stored later.
    """
    try:
        run = enqueue_named(runtime, options, narrative=narrative, text=text, name=name)
        if run.lacks_rows and not run.is_final:
            raise ServiceUnavailable("another worker copies the rows of this run", where=run.id, do="wait for it")
        return True
    except (ServiceUnavailable, OperationalError, InterfaceError, PoolTimeout, RedisError):
        raise
    except Exception as error:
        reject(runtime, narrative or "as text", options, refusal_of(error))
        return False


def enqueue_named(
    runtime: Runtime, options: EnqueueRequest, *, narrative: str | None, text: str | None, name: str | None
) -> Run:
    """Enqueue a narrative by its name in the folders of the settings, or by its text. Raises what `enqueue` raises."""
    return enqueue_with_notes(runtime, options, narrative=narrative, text=text, name=name).run


def enqueue_with_notes(
    runtime: Runtime, options: EnqueueRequest, *, narrative: str | None, text: str | None, name: str | None
) -> Enqueued:
    """Enqueue as `enqueue_named` does, and return the warnings and notes as well."""
    loaded, source = load_named(runtime, narrative=narrative, text=text, name=name)
    return enqueue(runtime, loaded, source, options)


def load_named(runtime: Runtime, *, narrative: str | None, text: str | None, name: str | None) -> tuple[Loaded, str]:
    """Load a narrative by its name in the folders of the settings, or from its text. Returns its source, too."""
    if (narrative is None) == (text is None):
        raise InvalidInput("give either the name of a narrative or its text")
    return load_text(runtime, text, name) if text is not None else _named(runtime, str(narrative), name)


def find_narrative(runtime: Runtime, name: str) -> Path:
    """Find the file of a narrative in the folders of the settings, then among the shipped ones. Raises NotFound."""
    if len(name) > LONGEST_NAME or not all(
        part.isidentifier() or part.replace("-", "_").isidentifier() for part in name.split("/")
    ):
        do = "names have letters, digits, `_`, `-` and `/`"
        raise NotFound(f"{shown(name)!r} is not the name of a narrative", do=do)
    folders = narrative_folders(runtime)
    for folder in folders:
        file = folder / f"{name}.toml"
        if file.is_file():
            return file
    names = sorted({file.stem for folder in folders for file in folder.glob("*.toml")})
    do = did_you_mean(name, names, otherwise="narratives there are")
    raise NotFound(f"there is no narrative {shown(name)!r}", where="[narratives] path", do=do)


def narrative_folders(runtime: Runtime) -> list[Path]:
    """Return the folders in which a name is looked up, in order."""
    shipped = app_folder() / "narratives"
    own = [runtime.settings.base / folder for folder in runtime.settings.narratives.path]
    return [*own, shipped, shipped / "examples"]


def load_by_name(runtime: Runtime, narrative: str, name: str | None = None) -> tuple[Loaded, str]:
    """Load a narrative by name or path, each with an optional `#name`. Returns its file, too."""
    file_name, _, part = narrative.partition("#")
    file = Path(file_name) if Path(file_name).is_absolute() else find_narrative(runtime, file_name)
    environment = Environment.for_wire(os.environ, runtime.settings.environment.allow)
    context = runtime.settings.context_folders
    limits = media_limits(runtime.settings)
    loaded = load_narrative(file, name=part or name, environment=environment, context=context, media_limits=limits)
    return loaded, str(file)


def _named(runtime: Runtime, narrative: str, name: str | None) -> tuple[Loaded, str]:
    """Load a narrative by name. A request can name only narratives in the folders of the worker."""
    find_narrative(runtime, narrative.partition("#")[0])
    return load_by_name(runtime, narrative, name)


def load_text(runtime: Runtime, text: str, name: str | None = None) -> tuple[Loaded, str]:
    """Parse untrusted text: it may read no file and delete no rows; [security] decides about its commands."""
    environment = Environment.for_wire(os.environ, runtime.settings.environment.allow)
    limits = media_limits(runtime.settings)
    loaded = parse_narrative(
        text, source="narrative", folder=None, name=name, environment=environment, media_limits=limits
    )
    check_pulls(loaded.narrative, "narrative")
    return loaded, SENT_AS_TEXT


def reject(runtime: Runtime, name: str, options: EnqueueRequest, error: BotticelliError) -> None:
    """Store a failed run without a narrative. An existing run of this id is not changed."""
    run_id = options.id_of_run()
    rejected = NewRun(id=run_id, narrative=storable(name)[:NAME_CHARACTERS], source="wire", iterations=0)
    with runtime.store.transaction() as tx:
        if tx.runs.insert(rejected):
            tx.runs.finish(run_id, "failed", storable(str(error)))


def refusal_of(error: Exception) -> BotticelliError:
    """Return the error to store for a refused request; of an unexpected one only its kind, since it may quote values."""
    if isinstance(error, BotticelliError):
        return error
    logger.error("request_broken", exc_info=error)
    return InvalidInput(f"the request can't be stored ({type(error).__name__})", do="see the worker's log")
