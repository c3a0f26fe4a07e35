"""The entry point: global options, and the commands by name, each imported when it is used."""

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
    "run": "Run a narrative and show how it goes.",
    "plan": "Say what a run would take before it is paid for.",
    "runs": "List, show and watch runs, and move their levers.",
    "budget": "Show, explain and audit spending; lower its limits, or pause it.",
    "narrative": "List, check, show, begin and rewrite narrative files.",
    "settings": "Rewrite a settings file of the founding system.",
    "effects": "Show what bot commands did; approve, reject and resolve them.",
    "state": "Show, change, save and clear what narratives remember.",
    "content": "Review and export what narratives have generated.",
    "db": "Upgrade the database schema, and show its version.",
    "services": "Look after the embedded Postgres and Redis.",
    "doctor": "Check this installation, one thing after the other.",
    "completion": "Print the completion script of a shell.",
}
"""The help is here so that `--help` imports no command."""
HOMES = {
    "run": "runs.run_command",
    "plan": "runs.plan_command",
    "runs": "runs.runs_command",
    "budget": "budget.budget_command",
    "narrative": "narrative.narrative_command",
    "settings": "system.settings_command",
    "effects": "effects.effects_command",
    "state": "data.state_command",
    "content": "data.content_command",
    "db": "data.db_command",
    "services": "system.services_command",
    "doctor": "system.doctor_command",
    "completion": "system.completion_command",
}
"""The module below `botticelli.cli` that each command is in, under its own name."""


class Root(click.Group):
    """Imports a command when it is asked for, and turns every error into lines and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"botticelli.cli.{HOMES[cmd_name]}"), cmd_name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands with their help, without importing them; then what other groups complete: options."""
        if incomplete and not incomplete[0].isalnum():
            return click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=about) for name, about in COMMANDS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Never returns, and never shows a traceback."""
        arguments = list(sys.argv[1:] if args is None else args)
        open_streams()
        try:
            extra["standalone_mode"] = False
            code = self._called(arguments, prog_name=prog_name or self.name, **extra)
            sys.stdout.flush()
        except BrokenPipeError:
            code = 1
        except (Exception, KeyboardInterrupt) as error:
            code = exit_code_of(error, as_json="--json" in arguments)
        if not flush_streams():
            code = code or 1
        sys.exit(code if isinstance(code, int) else 0)

    def _called(self, arguments: list[str], **extra: Any) -> Any:
        """Parse the arguments, with global options wherever they stand.

        Global options are taken wherever they stand, unless the command has one of that name itself. A group that wants
        a command and has none shows its help.
        """
        try:
            return super().main(arguments, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            assert error.ctx is not None, "click gives it"  # noqa: PT017 (an except that goes on, no expectation)
            click.echo(error.ctx.get_help())
            return 0
        except click.NoSuchOption as error:
            moved = global_options_first(arguments) if error.option_name in GLOBAL_OPTIONS else arguments
            if moved == arguments:
                raise
            return super().main(moved, **extra)


def global_options_first(arguments: Sequence[str]) -> list[str]:
    """The arguments with --set and --config, and their values, before everything else; after `--` nothing is one."""
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
    """`KEY=VALUE` texts as a mapping."""
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

    Without any configuration, Postgres and Redis are started as they are needed and models are answered by an offline
    echo. Exit codes: 0 done, 1 failed, 2 invalid input, 3 budget exhausted, 4 cancelled or paused,
    5 completed with failures.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        return
    ctx.obj = Invocation(config, flags)
    ctx.call_on_close(ctx.obj.close)


def main() -> NoReturn:
    root.main()
