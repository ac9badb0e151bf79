r"""Make a model of a finished run: judge it, export it, time it, and write its folder with a card.

    python benchmarks/ship.py runs/x4-4g --float runs/x4-4g-float --test Set5=data/Set5 --test Set14=data/Set14 \
        --out plugins/models/x4-4g

All of it is measured now, so do it where nothing else runs. The test sets are judged here for the first time: a run
looks at its own only.
"""

import datetime
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
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

TARGETS = ("onnxruntime", "openvino")
THREADS = (1, 2)
KEPT = (SPEC, ARCHITECTURE, MODEL, RESULT)


def card(name: str, run: RunRecord, floating: RunRecord, judged: Mapping[str, Mapping[str, Any]]) -> str:
    """The card of a model, in Markdown."""
    return "\n".join(
        [
            f"# {name}",
            "",
            *what(run),
            "",
            "## Quality",
            "",
            *scores(judged),
            "",
            "## How it was made",
            "",
            *made(run, floating),
            "",
            "## Exported",
            "",
            *exported(run),
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


def scores(judged: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """PSNR and SSIM on Y of each network and of bicubic enlargement."""
    first = next(iter(judged.values()))
    yield "| PSNR Y, SSIM Y | " + " | ".join(first) + " |"
    yield "| --- |" + " --- |" * len(first)
    bicubic = {test: of["bicubic"] for test, of in first.items()}
    for network, tests in {"bicubic": bicubic, **judged}.items():
        cells = (f"{of['psnr_y']:.2f} dB, {of['ssim_y']:.4f}" for of in tests.values())
        yield f"| {network} | {' | '.join(cells)} |"
    yield ""
    yield f"Judged on {datetime.datetime.now(datetime.UTC).date()}, after the training, for the first time."


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


def exported(run: RunRecord) -> Iterator[str]:
    """Parity and time of each file."""
    yield "| target | size | images | equal values | furthest | threads | time | float | bicubic |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    timings = [one for one in run.timings if one["target"] in TARGETS]
    for entry in timings:
        known = run.exports[entry["target"]]
        parity = known["parity"]["of_file"]
        times = {name: f"{1e3 * one['median_seconds']:.1f} ms" for name, one in entry["networks"].items()}
        yield (
            f"| {entry['target']} {known['versions'][entry['target']]} | {known['bytes'] / 1e3:.0f} kB"
            f" | {', '.join(known['parity']['psnr_y'])} | {100 * parity['equal']:.3f} %"
            f" | {parity['largest_in_levels']} of 255 | {entry['threads']} | {times['found']} | {times['float']}"
            f" | {times['bicubic']} |"
        )
    size, processor = timings[0]["size"], timings[0]["processor"]
    yield ""
    yield (
        f"Times are medians for an LR image of {size[0]} x {size[1]} on {processor}; float is the same network in"
        " float, in the same runtime; bicubic is Pillow's, with one thread."
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
@click.option("--beside", "others", metavar="NAME=RUN", multiple=True, help="Another run to judge beside it.")
@click.option("--test", "tests", multiple=True, required=True, help="A test set, as NAME=FOLDER; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder of the model.")
def main(run: Path, floating: Path, others: Sequence[str], tests: Sequence[str], out: Path) -> None:
    """Judge, export, time, and write."""
    beside = {name: Path(folder) for name, _, folder in (other.partition("=") for other in others)}
    judged = {name: judged_on(path, tests) for name, path in {"float": floating, **beside, out.name: run}.items()}
    names = [part for target in TARGETS for part in ("--target", target)]
    _done("export", str(run), *names, "--force")
    _done("bench", str(run), *names, "--threads", ",".join(map(str, THREADS)))
    record = RunRecord(RunFolder(run))
    out.mkdir(parents=True, exist_ok=True)
    for file in KEPT:
        shutil.copyfile(run / file, out / file)
    text = card(out.name, record, RunRecord(RunFolder(floating)), judged)
    (out / CARD).write_text(text, encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
