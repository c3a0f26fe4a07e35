"""Settings that only the installed drivers, platforms and budgets can judge, checked before anything starts.

`load_settings` has checked the rest: the keys, their types and their bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botticelli.drivers import ModelName
from botticelli.errors import BotticelliError, InvalidInput, SettingsError
from botticelli.platforms import KNOWN_PLATFORMS, unknown_commands
from botticelli.runtime.process import Runtime
from botticelli.settings import did_you_mean

TIER_VARIABLE = "_TIER"
"""Of the environment: it may be about a provider that is none of ours, or not a provider at all."""


def check_settings(runtime: Runtime) -> None:
    """Check the settings against what is installed here.

    SettingsError for the first setting that no driver, platform or budget here can use. Calls no model, opens no
    connection and starts no service.
    """
    _check_drivers(runtime)
    _check_providers(runtime)
    _check_platforms(runtime)
    _check_budgets(runtime)
    _check_security(runtime)


def _check_drivers(runtime: Runtime) -> None:
    settings = runtime.settings
    for name in settings.drivers:
        _require_driver(runtime, name, "drivers")
        with _placed(runtime, "drivers", name):
            runtime.drivers.get(name)
    with _placed(runtime, "default_model"):
        runtime.drivers.resolve(settings.default_model)


def _check_providers(runtime: Runtime) -> None:
    installed = runtime.drivers.names()
    for name in runtime.settings.providers:
        if name not in installed and runtime.settings.where("providers", name).endswith(TIER_VARIABLE):
            continue
        _require_driver(runtime, name, "providers")
        with _placed(runtime, "providers", name):
            for tier in [None, *runtime.settings.providers[name].tiers]:
                runtime.model_budget(ModelName(name, ""), tier)


def _check_platforms(runtime: Runtime) -> None:
    known = sorted({*KNOWN_PLATFORMS, *runtime.platforms.names()})
    for name, platform in runtime.settings.platforms.items():
        meant = None if platform.implementation or name in known else did_you_mean(name, known)
        if meant:
            do = f"{meant} or set implementation, for a platform of your own name"
            path = ("platforms", name)
            raise SettingsError(
                f"there is no platform {name!r} and it has no implementation",
                where=runtime.settings.where(*path),
                do=do,
            )
        with _placed(runtime, "platforms", name):
            runtime.platforms.get(name)


def _check_budgets(runtime: Runtime) -> None:
    budgets = runtime.settings.budgets
    for kind, table in (("narratives", budgets.narratives), ("guilds", budgets.guilds), ("tenants", budgets.tenants)):
        for name in table:
            with _placed(runtime, "budgets", kind, name):
                guilds = (name,) if kind == "guilds" else ()
                narrative, tenant = (name if kind == one else "" for one in ("narratives", "tenants"))
                runtime.own_scopes(narrative=narrative, guilds=guilds, tenant=tenant)


def _check_security(runtime: Runtime) -> None:
    """A misspelt command would be neither allowed, denied nor confirmed: nothing would say so."""
    settings = runtime.settings
    for unknown in unknown_commands(runtime.platforms, settings.platforms, settings.security):
        raise SettingsError(unknown.what, where=settings.where("security", unknown.key, unknown.index), do=unknown.do)


def _require_driver(runtime: Runtime, name: str, table: str) -> None:
    if name not in runtime.drivers.names():
        where = runtime.settings.where(table, name)
        raise SettingsError(
            f"{table}.{name}: there is no driver {name!r}", where=where, do=runtime.drivers.instead_of(name)
        )


@contextmanager
def _placed(runtime: Runtime, *path: str) -> Iterator[None]:
    """Whatever is wrong here is an error of the setting at `path`; values of settings are in no message of ours."""
    where: Callable[..., str] = runtime.settings.where
    try:
        yield
    except SettingsError as error:
        raise (
            error if error.where else SettingsError(error.what, where=where(*(error.path or path)), do=error.do)
        ) from None
    except InvalidInput as error:
        raise SettingsError(f"{'.'.join(path)}: {error.what}", where=where(*path), do=error.do) from None
    except BotticelliError:
        raise
    except Exception as error:  # a plug-in's, or of a library that was given a value it can't take
        what = f"{'.'.join(path)} can't be used ({type(error).__name__})"
        raise SettingsError(what, where=where(*path), do="see docs/reference/settings.md") from None
