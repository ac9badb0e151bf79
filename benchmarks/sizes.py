"""How large exported files are: in float, at 8 bits, at mixed widths, and with narrow weights packed as INT4."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from deployment import NETWORKS, SCALE, WIDTHS, quantized, space_of
from rounds import out_option, write_json

from qnas.core.components import Target
from qnas.core.deploy.lowering import capture, lower
from qnas.core.network import build_original

SIDE = 64
COLUMNS = ("float", "8 bits", "2/4/8 bits", "2/4/8 bits, int4", "litert, 8 bits")


def sizes(name: str) -> Iterator[int]:
    """The bytes of each file of a network, in the order of the columns."""
    in_float = capture(build_original(space_of(name), SCALE).eval(), None)
    uniform, mixed = (lower(quantized(name, widths, None)).program for widths in WIDTHS.values())
    files = [(in_float, {}), (uniform, {}), (mixed, {}), (mixed, {"int4": True})]
    for program, fields in files:
        yield written(Target.of({"name": "openvino", **fields}), program)
    yield written(Target.of("litert"), lower(quantized(name, WIDTHS["8 bits"], 8), (SIDE, SIDE)).program)


def written(target: Target, program: object) -> int:
    """The size of the file that a target writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{target.suffix}"
        target.write(program, path)
        return path.stat().st_size


@click.command(help=__doc__.splitlines()[0])
@click.option("--network", "names", multiple=True, type=click.Choice(NETWORKS), help="Only this one; may be repeated.")
@out_option
def main(names: Sequence[str], out: Path | None) -> None:
    """Write the files, and print their sizes as a table in Markdown."""
    click.echo(f"| network | {' | '.join(COLUMNS)} |")
    click.echo(f"| {' | '.join(['---'] * (1 + len(COLUMNS)))} |")
    measured = {}
    for name in names or NETWORKS:
        measured[name] = dict(zip(COLUMNS, sizes(name), strict=True))
        click.echo(f"| {name} | {' | '.join(f'{size / 1000:.1f} kB' for size in measured[name].values())} |")
        write_json(out, {"bytes": measured}, [])


if __name__ == "__main__":
    main()
