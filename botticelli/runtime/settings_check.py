"""Checks the settings that only the installed drivers, platforms and budgets can judge, before anything starts.

`load_settings` has checked the keys, their types and their bounds before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botticelli.drivers import ModelName
from botticelli.errors import BotticelliError, InvalidInput, SettingsError
from botticelli.platforms import SHIPPED_PLATFORMS, unknown_commands
from botticelli.runtime.default_model import AUTO
from botticelli.runtime.process import Runtime
from botticelli.settings import did_you_mean, foreign_providers

TIER_VARIABLE = "_TIER"
"""The suffix of environment variables that set a tier; such a variable may be meant for another program."""


def check_settings(runtime: Runtime) -> None:
    """Check the settings against what is installed here.

    Raises SettingsError for the first setting that no driver, platform or budget here can use. Calls no model, opens
    no connection and starts no service.
    """
    _check_drivers(runtime)
    _check_providers(runtime)
    _check_platforms(runtime)
    _check_budgets(runtime)
    _check_security(runtime)


def providers_without_driver(runtime: Runtime) -> list[str]:
    """Return the providers in a settings file of the founding system whose limits have no effect: no driver calls them."""
    settings = runtime.settings
    return foreign_providers(settings.providers, runtime.drivers.names()) if settings.are_founding else []


def _check_drivers(runtime: Runtime) -> None:
    settings = runtime.settings
    for name in settings.drivers:
        _require_driver(runtime, name, "drivers")
        with _placed(runtime, "drivers", name):
            runtime.drivers.get(name)
    with _placed(runtime, "default_model"):
        if settings.default_model != AUTO:
            runtime.drivers.resolve(settings.default_model)


def _check_providers(runtime: Runtime) -> None:
    installed = runtime.drivers.names()
    foreign = providers_without_driver(runtime)
    for name in runtime.settings.providers:
        if name in foreign:
            continue
        if name not in installed and runtime.settings.where("providers", name).endswith(TIER_VARIABLE):
            continue
        _require_driver(runtime, name, "providers")
        with _placed(runtime, "providers", name):
            for tier in [None, *runtime.settings.providers[name].tiers]:
                runtime.scopes.model_budget(ModelName(name, ""), tier)


def _check_platforms(runtime: Runtime) -> None:
    known = sorted({*SHIPPED_PLATFORMS, *runtime.platforms.names()})
    for name, platform in runtime.settings.platforms.items():
        suggestion = None if platform.implementation or name in known else did_you_mean(name, known)
        if suggestion:
            problem = f"unknown platform {name!r} without an implementation"
            do = f"{suggestion} or set implementation, for a platform of your own"
            raise SettingsError(problem, where=runtime.settings.where("platforms", name), do=do)
        with _placed(runtime, "platforms", name):
            runtime.platforms.get(name)


def _check_budgets(runtime: Runtime) -> None:
    budgets = runtime.settings.budgets
    for kind, table in (("narratives", budgets.narratives), ("guilds", budgets.guilds), ("tenants", budgets.tenants)):
        for name in table:
            with _placed(runtime, "budgets", kind, name):
                narrative = name if kind == "narratives" else ""
                guilds = (name,) if kind == "guilds" else ()
                tenant = name if kind == "tenants" else ""
                runtime.scopes.custom(narrative=narrative, guilds=guilds, tenant=tenant)


def _check_security(runtime: Runtime) -> None:
    """Reject a misspelt command, which would silently be neither allowed nor denied nor confirmed."""
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
    """Turn errors into a SettingsError of the setting at `path`, without quoting values of settings."""
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
        problem = f"{'.'.join(path)} can't be used ({type(error).__name__})"
        raise SettingsError(problem, where=where(*path), do="see docs/reference/settings.md") from None
