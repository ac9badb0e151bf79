"""The page of the commands."""

import click

from qnas.core.cli.main import cli

from .markdown import fence, heading, page, wrapped

_ABOUT = """\
Exit codes: 0 done, 1 the run failed, 2 the command or the spec is wrong. An error is reported in one line, without a
traceback."""


def command_line() -> str:
    """The output of ``--help`` for ``qnas`` and for each of its commands."""
    parts = [fence(_help(cli, "qnas"), "text"), wrapped(" ".join(_ABOUT.split())), *_commands(cli, "qnas")]
    return page("The command line", *parts)


def _commands(group: click.Group, called: str) -> list[str]:
    return [part for name in sorted(group.commands) for part in _command(group.commands[name], f"{called} {name}")]


def _command(command: click.Command, called: str) -> list[str]:
    parts = [heading(f"`{called}`"), fence(_help(command, called), "text")]
    return [*parts, *_commands(command, called)] if isinstance(command, click.Group) else parts


def _help(command: click.Command, called: str) -> str:
    settings = {**cli.context_settings, **command.context_settings, "terminal_width": 100}
    with click.Context(command, info_name=called, **settings) as context:
        return command.get_help(context)
