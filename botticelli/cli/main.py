"""Defines the entry point: the global options, and the commands by name, each imported when it is used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from botticelli import __version__
from botticelli.cli.base.context import Invocation
from botticelli.cli.base.error_lines import exit_code_of
from botticelli.cli.base.streams import flush_streams, open_streams

GLOBAL_OPTIONS = ("--set", "--config")
COMMANDS = {
    "init": "Write botticelli.toml and a first narrative.",
    "run": "Run a narrative and show how it goes.",
    "plan": "Forecast the cost, the limits and the end of a run.",
    "runs": "List, show, watch and control runs.",
    "schedules": "Run narratives at set times, and explain what fired.",
    "budget": "Show, explain and audit spending; lower limits or pause it.",
    "prices": "List the prices of models, and update the price list.",
    "narrative": "List, check, show, create and convert narrative files.",
    "settings": "Convert a settings file of the founding system.",
    "effects": "List effects of bot commands; approve, reject and resolve them.",
    "notify": "Show and test who is told of what happens.",
    "webhooks": "List and test the webhooks that start runs.",
    "state": "Show, change, export and clear the state of narratives.",
    "content": "Review and export generated content.",
    "db": "Upgrade the database schema, and show its version.",
    "services": "Start, stop and inspect the embedded Postgres and Redis.",
    "serve": "Serve the HTTP API and the console.",
    "tokens": "Create, list and revoke tokens of the HTTP API.",
    "metrics": "Serve metrics of the fleet for Prometheus.",
    "doctor": "Check this installation and say what to fix.",
    "completion": "Print the completion script of a shell.",
}
"""Maps each command to its short help, which stands here so that `--help` imports no command."""
MODULES = {
    "init": "system.init_command",
    "run": "runs.run_command",
    "plan": "runs.plan_command",
    "runs": "runs.runs_command",
    "schedules": "schedules.schedules_command",
    "budget": "budget.budget_command",
    "prices": "budget.prices_command",
    "narrative": "narrative.narrative_command",
    "settings": "system.settings_command",
    "effects": "effects.effects_command",
    "notify": "notices.notify_command",
    "webhooks": "webhooks.webhooks_command",
    "state": "data.state_command",
    "content": "data.content_command",
    "db": "data.db_command",
    "services": "system.services_command",
    "serve": "serving.serve_command",
    "tokens": "serving.tokens_command",
    "metrics": "serving.metrics_command",
    "doctor": "system.doctor_command",
    "completion": "system.completion_command",
}
"""Maps each command to its module below `botticelli.cli`; the module defines it under the same name."""


class Root(click.Group):
    """Imports a command on first use, and turns every error into lines and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"botticelli.cli.{MODULES[cmd_name]}"), cmd_name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete commands with their help, without importing them; anything that starts with `-` as click does."""
        if incomplete and not incomplete[0].isalnum():
            return click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=about) for name, about in COMMANDS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run the command line and exit the process; errors become lines, never a traceback."""
        arguments = list(sys.argv[1:] if args is None else args)
        open_streams()
        try:
            extra["standalone_mode"] = False
            code = self._run(arguments, prog_name=prog_name or self.name, **extra)
            sys.stdout.flush()
        except BrokenPipeError:
            code = 1
        except (Exception, KeyboardInterrupt) as error:
            code = exit_code_of(error, as_json="--json" in arguments)
        if not flush_streams():
            code = code or 1
        sys.exit(code if isinstance(code, int) else 0)

    def _run(self, arguments: list[str], **extra: Any) -> Any:
        """Parse and run; accept global options anywhere on the line.

        A command's own option wins over a global one of the same name. A group that needs a command and gets none shows
        its help.
        """
        try:
            return super().main(arguments, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            assert error.ctx is not None, "click gives it"  # noqa: PT017 (handles the error, expects nothing)
            click.echo(error.ctx.get_help())
            return 0
        except click.NoSuchOption as error:
            moved = global_options_first(arguments) if error.option_name in GLOBAL_OPTIONS else arguments
            if moved == arguments:
                raise
            return super().main(moved, **extra)


def global_options_first(arguments: Sequence[str]) -> list[str]:
    """Move --set and --config, with their values, before all other arguments; what follows `--` stays as it is."""
    first: list[str] = []
    others: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            others += [argument, *rest]
        elif argument in GLOBAL_OPTIONS:
            first += [argument, *islice(rest, 1)]
        elif argument.startswith(tuple(f"{option}=" for option in GLOBAL_OPTIONS)):
            first.append(argument)
        else:
            others.append(argument)
    return [*first, *others]


def _flags(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Parse `KEY=VALUE` texts into a mapping."""
    flags = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not (equals and key.strip()):
            raise click.BadParameter(f"{text!r} is not KEY=VALUE", ctx, parameter)
        flags[key.strip()] = value
    return flags


@click.group(
    "botticelli", cls=Root, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Read this botticelli.toml.")
@click.option(
    "--set", "flags", multiple=True, metavar="KEY=VALUE", callback=_flags, help="Set one setting; repeatable."
)
@click.version_option(__version__, message="botticelli %(version)s")
@click.pass_context
def root(ctx: click.Context, config: Path | None, flags: dict[str, str]) -> None:
    """Runs LLM narratives unattended, at scale, under budgets that cannot be overspent.

    Without any configuration, Postgres and Redis are started when needed and an offline echo answers instead of a model.
    Exit codes: 0 done, 1 failed, 2 invalid input, 3 budget exhausted, 4 cancelled or paused,
    5 completed with failures.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        return
    ctx.obj = Invocation(config, flags)
    ctx.call_on_close(ctx.obj.close)


def main() -> NoReturn:
    root.main()
