"""The ``qnas`` command: its errors are one clear line each, its exit codes 0 (done), 1 (failed), 2 (wrong input)."""

import os
import sys
import traceback
from collections.abc import Sequence

import click

from qnas.core.cli.commands.bench import bench
from qnas.core.cli.commands.check import check
from qnas.core.cli.commands.compare import compare
from qnas.core.cli.commands.data import data
from qnas.core.cli.commands.derive import derive
from qnas.core.cli.commands.doctor import doctor
from qnas.core.cli.commands.evaluate import evaluate
from qnas.core.cli.commands.export import export
from qnas.core.cli.commands.list import list_components
from qnas.core.cli.commands.new import new
from qnas.core.cli.commands.profile import profile
from qnas.core.cli.commands.report import report
from qnas.core.cli.commands.run import run
from qnas.core.cli.commands.schema import schema
from qnas.core.cli.commands.show import show
from qnas.core.cli.commands.sweep import sweep
from qnas.core.cli.commands.upscale import upscale
from qnas.core.cli.commands.view import view
from qnas.core.cli.exit_codes import INTERRUPTED
from qnas.core.cli.terminal.output import make_lasting, settle
from qnas.core.cli.terminal.say import say
from qnas.core.cli.terminal.verbosity import print_warnings
from qnas.core.errors import InputError, QnasError, first_line, is_disk_full, is_out_of_memory

_BUG = "this is a bug in qnas or in a plugin: please report it with the traceback above"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="qnas", message="%(prog)s %(version)s")
def cli() -> None:
    """Search for quantized super-resolution networks: operations and bit-widths together."""


_COMMANDS = (
    *(run, sweep, view, compare, report, derive, evaluate, upscale, export, bench),
    *(check, profile, data, list_components, show, doctor, schema, new),
)

for command in _COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run the command line and exit."""
    # Threads of GNU OpenMP, which PyTorch uses, spin while they wait for each other. Beside another busy process, a
    # small network then trains more than 20 times slower; with a short spin 4 times slower. An idle machine loses 15 %.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    below = make_lasting()
    print_warnings()
    sys.exit(settle(below, invoke(sys.argv[1:])))


def invoke(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; what went wrong is printed on standard error."""
    try:
        code = cli.main(list(arguments), prog_name="qnas", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:  # also what click makes of Ctrl-C
        return _say("interrupted (a run goes on when you repeat the command with --resume)", INTERRUPTED)
    except Exception as error:
        return _report(error)
    return code if isinstance(code, int) else 0


def _report(error: Exception) -> int:
    """Print what ended a command, and return its exit code."""
    if isinstance(error, QnasError):
        return _say(str(error), error.exit_code)
    if isinstance(error, OSError):
        return _say(_described(error), InputError.exit_code)
    if is_out_of_memory(error):
        return _say("out of memory: lower the batch, data.patch or the space's channels", QnasError.exit_code)
    # A bug in qnas or in a plugin. The traceback comes first, as people look at the last line.
    say("".join(traceback.format_exception(error)).rstrip())
    return _say(f"something unexpected happened: {first_line(error)}; {_BUG}", QnasError.exit_code)


def _described(error: OSError) -> str:
    what = error.strerror or str(error)
    if is_disk_full(error):
        what = "the disk is full; free some space and run again, with --resume if the folder of the run is there"
    return f"{error.filename}: {what}" if error.filename else what


def _say(message: str, code: int) -> int:
    say(message, "red")
    return code
