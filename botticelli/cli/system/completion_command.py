"""`botticelli completion`: print the script with which a shell completes commands, runs and narratives."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  botticelli completion bash > ~/.local/share/bash-completion/completions/botticelli
    zsh:   botticelli completion zsh > "${fpath[1]}/_botticelli"
    fish:  botticelli completion fish > ~/.config/fish/completions/botticelli.fish
    """  # noqa: D301  (click needs the character \b itself)
    kind = get_completion_class(shell)
    assert kind is not None, "click knows the three shells"
    click.echo(kind(ctx.find_root().command, {}, "botticelli", "_BOTTICELLI_COMPLETE").source())
