r"""Make a model of a finished run: judge it, export it, time it, and write its folder with a card.

    qnas derive runs/x4-4g --between 8 --steps 500 --out runs/x4-4g-between
    python benchmarks/ship.py runs/x4-4g --float runs/x4-4g-float --between runs/x4-4g-between \
        --test Set5=data/Set5 --test Set14=data/Set14 --out plugins/models/x4-4g

ONNX Runtime is quick where integers run through, so its file is that of the network with 8 bits between the slots.

All of it is measured now, so do it where nothing else runs. The test sets are judged here for the first time: a run
looks at its own only.
"""

import datetime
import json
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from qnas.core.cli.main import invoke
from qnas.core.drawing.wording import duration
from qnas.core.errors import QnasError
from qnas.core.files.folder import RunFolder
from qnas.core.run.deployment.models import CARD
from qnas.core.run.names import ARCHITECTURE, MODEL, RESULT, SPEC
from qnas.core.run.record import RunRecord
from qnas.core.settings import FLOAT

THREADS = (1, 2)
KEPT = (SPEC, ARCHITECTURE, MODEL, RESULT)


def card(
    name: str, run: RunRecord, floating: RunRecord, files: Mapping[str, RunRecord], judged: Mapping[str, Any]
) -> str:
    """The card of a model, in Markdown.

    Args:
        name: Its name.
        run: The run that it is of.
        floating: What that started from.
        files: For each target, the run that was exported to it.
        judged: The scores of each network by test set.
    """
    return "\n".join(
        [
            f"# {name}",
            "",
            *what(run),
            "",
            "## Quality",
            "",
            *scores(judged, run.result["test"]),
            "",
            "## How it was made",
            "",
            *made(run, floating),
            "",
            "## Exported",
            "",
            *exported(files),
            "",
            "## Bits",
            "",
            *bits(run),
            "",
        ]
    )


def what(run: RunRecord) -> Iterator[str]:
    """What the network is."""
    result, limit = run.result, run.result["limits"]["bitops"]
    yield (
        f"Enlarges {run.architecture.scale} times. {result['bitops']['32x32'] / 1e9:.2f} GBitOps for an LR image of"
        f" 32 x 32 ({limit['limit'] / 1e9:.1f} were allowed), {result['macs']['32x32'] / 1e6:.0f} MMACs,"
        f" {result['params']:,} parameters, which take {result['size'] / 1e3:.0f} kB at their bits."
    )


def scores(judged: Mapping[str, Mapping[str, Any]], seen: Collection[str]) -> Iterator[str]:
    """PSNR and SSIM on Y of each network and of bicubic enlargement, and which sets the runs had seen before."""
    first = next(iter(judged.values()))
    yield "| PSNR Y, SSIM Y | " + " | ".join(first) + " |"
    yield "| --- |" + " --- |" * len(first)
    bicubic = {test: of["bicubic"] for test, of in first.items()}
    for network, tests in {"bicubic": bicubic, **judged}.items():
        cells = (f"{of['psnr_y']:.2f} dB, {of['ssim_y']:.4f}" for of in tests.values())
        yield f"| {network} | {' | '.join(cells)} |"
    yield ""
    today = datetime.datetime.now(datetime.UTC).date()
    new = " and ".join(test for test in first if test not in seen)
    yield f"{new}: judged for the first time on {today}, after all training; {', '.join(seen)}: at the end of each run."


def made(run: RunRecord, floating: RunRecord) -> Iterator[str]:
    """Data, steps and time."""
    spec, before = run.spec, floating.spec
    yield f"- Spec: `specs/headline/{spec.name}.yaml`, seed {spec.seed}."
    photographs = len([name for name in run.image_names["data.train"] if "leaves" not in name])
    generated = len(run.image_names["data.train"]) - photographs
    yield (
        f"- Images: {photographs} photographs (below), {generated} generated ones; {spec.data.validation} of them are"
        " held out, to choose by. LR images are made as MATLAB's `imresize` does."
    )
    yield (
        f"- Steps of {spec.train.batch} patches of {spec.data.patch} x {spec.data.patch}: {before.train.steps:,} in"
        f" float, {spec.train.steps:,} quantized."
    )
    times = [floating.result["seconds"]["train"], run.result["seconds"]["search"], run.result["seconds"]["train"]]
    yield (
        f"- Time: {duration(times[0])} in float, {duration(times[1])} for the search (`sensitivity`),"
        f" {duration(times[2])} quantized, in {spec.precision} with one thread of {run.environment['device_name']},"
        " beside other work."
    )


def exported(files: Mapping[str, RunRecord]) -> Iterator[str]:
    """Parity and time of each file."""
    yield "| target | between slots | size | equal values | furthest | threads | time | float | bicubic |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for target, run in files.items():
        known = run.exports[target]
        parity = known["parity"]["of_file"]
        timings = [one for one in run.timings if one["target"] == target]
        for entry in timings:
            times = {name: f"{1e3 * one['median_seconds']:.1f} ms" for name, one in entry["networks"].items()}
            between = f"{run.between} bits" if run.between else "float"
            yield (
                f"| {target} {known['versions'][target]} | {between} | {known['bytes'] / 1e3:.0f} kB"
                f" | {100 * parity['equal']:.3f} % | {parity['largest_in_levels']} of 255 | {entry['threads']}"
                f" | {times['found']} | {times['float']} | {times['bicubic']} |"
            )
    size, processor = timings[0]["size"], timings[0]["processor"]
    yield ""
    yield (
        f"Compared with the network on {', '.join(known['parity']['psnr_y'])}. Times are medians for an LR image of"
        f" {size[0]} x {size[1]} on {processor}; float is the same network in float, in the same runtime; bicubic is"
        " Pillow's, with one thread."
    )


def bits(run: RunRecord) -> Iterator[str]:
    """Bits of weights and activations of each slot."""
    yield "| slot | weights | activations |"
    yield "| --- | --- | --- |"
    for slot, chosen in run.architecture.candidates().items():
        widths = chosen.widths or FLOAT
        yield f"| {slot} | {widths.weight} | {widths.activation} |"


def _done(*arguments: str) -> None:
    if invoke(list(arguments)):
        raise QnasError(f"qnas {arguments[0]} failed")


def judged_on(run: Path, tests: Sequence[str]) -> dict[str, Any]:
    """The means of a network's scores, by test set."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "scores.json"
        _done("evaluate", str(run), *(part for test in tests for part in ("--data", test)), "--out", str(out))
        means: dict[str, Any] = json.loads(out.read_text())["test"]
    return {**means, **RunRecord(RunFolder(run)).result["test"]}


@click.command(help=__doc__.splitlines()[0])
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--float", "floating", type=click.Path(path_type=Path), required=True, help="What it started from.")
@click.option("--between", type=click.Path(path_type=Path), required=True, help="It, with 8 bits between its slots.")
@click.option("--beside", "others", metavar="NAME=RUN", multiple=True, help="Another run to judge beside it.")
@click.option("--test", "tests", multiple=True, required=True, help="A test set, as NAME=FOLDER; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder of the model.")
def main(run: Path, floating: Path, between: Path, others: Sequence[str], tests: Sequence[str], out: Path) -> None:
    """Judge, export, time, and write."""
    beside = {name: Path(folder) for name, _, folder in (other.partition("=") for other in others)}
    networks = {"float": floating, **beside, f"{out.name}, 8 bits between": between, out.name: run}
    judged = {name: judged_on(path, tests) for name, path in networks.items()}
    exported_from = {"openvino": run, "onnxruntime": between}
    for target, path in exported_from.items():
        _done("export", str(path), "--target", target, "--force")
        _done("bench", str(path), "--target", target, "--threads", ",".join(map(str, THREADS)))
    record, start = RunRecord(RunFolder(run)), RunRecord(RunFolder(floating))
    files = {target: RunRecord(RunFolder(path)) for target, path in exported_from.items()}
    out.mkdir(parents=True, exist_ok=True)
    for file in KEPT:
        shutil.copyfile(run / file, out / file)
    text = card(out.name, record, start, files, judged)
    (out / CARD).write_text(text, encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
