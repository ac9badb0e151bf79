"""``qnas view``: the runs of a folder in a browser, as they go on."""

from pathlib import Path

import click

from qnas.core.cli.options import no_code_option, verbose_option
from qnas.core.cli.terminal.say import say


@click.command()
@click.argument("folder", default="runs", type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port to listen on [default: a free one].")
@click.option("--open", "is_opened", is_flag=True, help="Open it in your browser.")
@click.option("--report", metavar="NAME", default="html", show_default=True, help="The report that draws the pages.")
@no_code_option
@verbose_option
def view(folder: Path, port: int, is_opened: bool, report: str) -> None:
    """Show the runs in FOLDER [default: runs] in a browser, as they go on.

    It prints an address, which works on this machine only and has a secret in it. There, a list has all runs at any
    depth of the folder and how they stand; each run has a page with its curves and its report, and each folder a
    comparison of what is finished. The pages keep themselves up to date. Nothing is written to the folder. Ctrl-C ends
    it.
    """
    import contextlib

    from qnas.core.components import Report
    from qnas.core.errors import InputError
    from qnas.core.registry import plugins
    from qnas.core.view.pages import Pages
    from qnas.core.view.runs import Runs
    from qnas.core.view.server import Server

    if not folder.is_dir():
        raise InputError("there is no such folder: name one that holds runs", str(folder))
    plugins().registries["report"].load(report)  # an unknown one is refused
    with contextlib.suppress(KeyboardInterrupt), Server(Pages(Runs(folder), Report.of(report)), port) as server:
        click.echo(server.url)
        say(f"shows the runs in {folder}; Ctrl-C ends it")
        if is_opened:
            click.launch(server.url)
        server.serve_forever()
