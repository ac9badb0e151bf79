"""Whether exported files give the images of their networks, over every known network, block and residual of ours.

    python benchmarks/parity.py --out parity.json                # the whole grid
    python benchmarks/parity.py --only 'rfdn/*' --out rfdn.json  # cases whose name matches
    python benchmarks/parity.py --sample --out sample.json       # a few small ones

Each slot of a network holds one of its candidates, drawn at random; the widths of its weights and activations are drawn
from 2, 3, 4, 5, 6 and 8 bits. Known networks have their depth, and a reduced width. All are trained for a few steps on
generated images, written for each target, and compared with the file as by qnas export: on photographs of odd sizes. A
network for integers between its slots is trained with them. Such networks are hardly trained, and some carry one value
at a tie, which float32 may round to either side, over the whole image. A file that differs by more than a level or in
more than 0.1 % of the values is therefore compared segment by segment too, and that decides.

Rows that are already in the file are not computed again, so you can stop the program and start it again.
"""

import fnmatch
import json
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import click
import torch
from rounds import threads_option, write_json
from segments import compare_segments
from thorough import commit
from torch import Tensor, nn

from qnas.core.components import Dataset, Degradation, Quantizer, Space, Target
from qnas.core.deploy.exporting import loaded
from qnas.core.deploy.lowering import Lowered, lower
from qnas.core.deploy.parity import compare
from qnas.core.errors import QnasError
from qnas.core.images.loading import load_images
from qnas.core.images.pairs import ImagePair
from qnas.core.images.patches import PatchSampler, to_tensor
from qnas.core.network import Candidate, Gain, build_found, slot_candidates
from qnas.core.registry import PROJECT, plugins
from qnas.core.settings.lr_sizes import Size
from qnas.core.training.machine import Machine
from qnas.core.training.schedule import Schedule
from qnas.core.training.trainer import Trainer

CPU = torch.device("cpu")
STEPS, PATCH, BATCH, LEARNING_RATE = 30, 24, 4, 2e-3
SPREAD = 0.05
"""The least standard deviation of what convolutions give at the start, and that of what is added to an image."""
WIDTHS = (2, 3, 4, 5, 6, 8)
SCALES = (2, 3, 4)
CHANNELS = 16
"""Of the networks that are composed of a block or a residual."""
WIDER = 2
"""Known networks have so many times the channels of their space's example."""
SIZE = (97, 131)
"""Height and width of the LR photographs; of a smaller one the largest odd size is taken."""
TRAIN = {"name": "dead-leaves", "amount": 16, "size": 128}
TEST = "photos"
COMPOSED = ("module", "skeleton")
"""Spaces that are no network until one is composed."""
WAYS = (("onnxruntime", None), ("openvino", None), ("onnxruntime", 8), ("litert", 8))
"""Targets, and the width of what stands between the slots."""
SAMPLE = ("espcn/2/*", "block rfdb/3/openvino", "residual adq/2/onnxruntime/8", "block chain/2/litert/8")


@dataclass(frozen=True)
class Case:
    """A network at a scale, and where it is to run."""

    network: str
    scale: int
    target: str
    between: int | None

    @property
    def name(self) -> str:
        """By which it is chosen, such as ``rfdn/4/onnxruntime/8``, with the width of what stands between at the end."""
        return "/".join(str(part) for part in asdict(self).values() if part is not None)


def networks() -> dict[str, Mapping[str, Any]]:
    """The fields of the spaces, by the names of the networks."""
    known = {name: _known(name) for name in _ours("space") if name not in COMPOSED}
    blocks = {f"block {name}": _composed([{"block": name}]) for name in _ours("block")}
    residuals = {f"residual {name}": _with_residual(name) for name in _ours("residual")}
    return known | blocks | residuals


def _ours(kind: str) -> list[str]:
    return [entry.name for entry in plugins().registries[kind] if entry.distribution == PROJECT]


def _known(name: str) -> Mapping[str, Any]:
    example = plugins().registries["space"].load(name).example
    return {"name": name, "channels": WIDER * example["channels"]}


def _composed(body: Sequence[Mapping[str, Any]], **fields: Any) -> Mapping[str, Any]:
    return {"name": "skeleton", "channels": CHANNELS, "body": body, **fields}


def _with_residual(name: str) -> Mapping[str, Any]:
    """One in every place that a skeleton has for a residual."""
    body = [{"block": "chain", "length": 2, "repeat": 2, "residual": name}]
    return _composed(body, tail=["conv3x3"], skip_residual=name, tail_residual=name)


def cases() -> Iterator[Case]:
    """The grid, network by network; those of a trained network follow each other."""
    for (network, fields), scale in product(networks().items(), SCALES):
        if scale in Space.of(fields).scales:
            for target, between in WAYS:
                yield Case(network, scale, target, between)


@lru_cache(maxsize=1)
def trained(network: str, scale: int, between: int | None) -> nn.Module:
    """A network with random candidates at random widths, trained for a few steps."""
    torch.manual_seed(0)
    space = Space.of({**networks()[network], "bits": list(product(WIDTHS, WIDTHS))})
    choices = drawn(space, scale, seed=f"{network} x{scale}")
    images = load_images(Dataset.of(TRAIN), scale, Degradation.of("matlab"))
    batches = PatchSampler(images, scale, PATCH, BATCH, augment=True, seed=0, device=CPU)
    start = spread(build_found(space, scale, choices, Quantizer.of("none")), batches.draw().lr)
    found = build_found(space, scale, choices, Quantizer.of("lsq"), between)
    found.load_state_dict(start.state_dict(), strict=False)
    machine = Machine(CPU)
    trainer = Trainer(machine, machine.place(found), batches, images[:1], Schedule(STEPS, LEARNING_RATE))
    trainer.calibrate()
    trainer.run()
    raise_gain(found, batches.draw().lr)
    return found


@torch.no_grad()
def spread(network: nn.Module, image: Tensor) -> nn.Module:
    """Let no convolution of a float network shrink its values by much; otherwise, after so few steps, all is flat."""

    def rescale(convolution: nn.Module, _: object, features: Tensor) -> Tensor:
        factor = float(SPREAD / features.std().clamp(min=1e-6))
        if not factor > 1:
            return features
        convolution.get_parameter("weight").mul_(factor)
        return features * factor

    for module in network.modules():
        if isinstance(module, Gain):
            nn.init.ones_(module.value)
        elif isinstance(module, nn.Conv2d):
            module.register_forward_hook(rescale)
    network.train()(image)
    return network


@torch.no_grad()
def raise_gain(network: nn.Module, image: Tensor) -> None:
    """Let a network that adds to an enlarged image add much to it: else any file that enlarges would pass."""

    def rescale(gain: nn.Module, _: object, features: Tensor) -> None:
        gain.get_parameter("value").mul_(SPREAD / features.std())

    for gain in [module for module in network.modules() if isinstance(module, Gain)]:
        handle = gain.register_forward_hook(rescale)
        network(image)
        handle.remove()


def drawn(space: Space, scale: int, seed: str) -> dict[str, Candidate]:
    """A random candidate for each slot."""
    chance = random.Random(seed)
    return {path: chance.choice(candidates) for path, candidates in slot_candidates(space, scale).items()}


def photographs(scale: int, *, of_one_size: bool = False) -> list[ImagePair]:
    """The middle of each photograph; of one size where a file takes no other."""
    pairs = load_images(Dataset.of(TEST), scale, Degradation.of("matlab"))
    sizes = [_odd_size(pair) for pair in pairs]
    if of_one_size:
        sizes = [(min(height for height, _ in sizes), min(width for _, width in sizes))] * len(sizes)
    return [_middle(pair, size, scale) for pair, size in zip(pairs, sizes, strict=True)]


def _odd_size(pair: ImagePair) -> Size:
    height, width = (min(most, there - (there + 1) % 2) for most, there in zip(SIZE, pair.lr.shape, strict=False))
    return height, width


def _middle(pair: ImagePair, sides: Size, scale: int) -> ImagePair:
    starts = [(there - side) // 2 for there, side in zip(pair.lr.shape, sides, strict=False)]
    lr, hr = (
        tuple(slice(factor * start, factor * (start + side)) for start, side in zip(starts, sides, strict=True))
        for factor in (1, scale)
    )
    return ImagePair(pair.name, pair.hr[hr], pair.lr[lr])


def row_of(case: Case, threads: int) -> dict[str, Any]:
    """What is found for a case."""
    began = time.monotonic()
    try:
        found = compared(case, threads)
    except QnasError as error:
        found = {"failure": str(error)}
    return {**asdict(case), **found, "seconds": round(time.monotonic() - began, 1)}


def compared(case: Case, threads: int) -> dict[str, Any]:
    """How the file for the case's target compares with its network; where ties part them, also by segments.

    Raises:
        QnasError: There is no such file.
    """
    target = Target.named(case.target)
    photos = photographs(case.scale, of_one_size=not target.any_size)
    height, width, _ = photos[0].lr.shape
    size = None if target.any_size else (height, width)
    network, lowered = made(case.network, case.scale, case.between, size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{target.suffix}"
        target.write(lowered.program, path)
        parity = compare(network, loaded(target, path, threads), {TEST: photos}, case.scale, size)
        if parity.is_close:
            return {"failure": parity.failure(), **parity.to_json()}
        segments = compare_segments(network, path, target, [to_tensor(photo.lr[None], CPU) for photo in photos])
    failure = f"wrong behind a quantizer: {', '.join(segments.wrong)}" if segments.wrong else ""
    return {"failure": failure, **parity.to_json(), "export": parity.failure(), "segments": asdict(segments)}


@lru_cache(maxsize=1)  # the targets of a network follow each other
def made(network: str, scale: int, between: int | None, size: Size | None = None) -> tuple[nn.Module, Lowered]:
    """A trained network, as it is and lowered for images of a size, or of any."""
    found = trained(network, scale, between)
    return found, lower(found, size)


def line_of(row: Mapping[str, Any]) -> str:
    """A row in words."""
    between = f"{row['between']} bits" if row["between"] else "floats"
    head = f"{row['network']} x{row['scale']} {row['target']}, {between} between: "
    return head + ("" if "of_file" not in row else f"{_measured(row)}; ") + (row["failure"] or "proven")


def _measured(row: Mapping[str, Any]) -> str:
    of_file = _in_words(row["of_file"])
    if "segments" not in row:
        return of_file
    by_segments = "{differing} of {integers} integers, up to {from_tie:.1g} steps from a tie".format_map(
        row["segments"]
    )
    return f"{of_file} (other rounding: {_in_words(row['of_rounding'])}; by segments: {by_segments})"


def _in_words(found: Mapping[str, Any]) -> str:
    return f"{found['equal']:.4%} equal, {found['near_ties']} near ties, furthest off {found['largest_in_levels']}"


def markdown(kept: Mapping[str, Any]) -> str:
    """A table with a line for each network: over its scales, the smallest share of equal values, and the furthest."""
    rows = kept["rows"]
    ways = [target + (f", {between} bits between" if between else "") for target, between in WAYS]
    lines = [["network", "scales", *ways], ["---"] * (len(WAYS) + 2)]
    by_network = {name: [row for row in rows if row["network"] == name] for name in networks()}
    for network, of_network in filter(lambda item: item[1], by_network.items()):
        scales = ", ".join(map(str, sorted({row["scale"] for row in of_network})))
        cells = [_cell([row for row in of_network if (row["target"], row["between"]) == way]) for way in WAYS]
        lines.append([network, scales, *cells])
    return f"{_head(kept)}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _head(kept: Mapping[str, Any]) -> str:
    rows = kept["rows"]
    proven = [row for row in rows if not row["failure"]]
    by_segments = sum("segments" in row for row in proven)
    versions = ", ".join(f"{name} {version}" for name, version in kept["versions"].items())
    return (
        f"By {kept['date']}, the last rows at commit {kept['commit']}: {len(proven)} of {len(rows)} files are proven,"
        f" {by_segments} by segments.\n\n"
        f"Versions: {versions}."
    )


def _cell(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows or any("of_file" not in row for row in rows):
        return "**no file**" if rows else ""
    least = min(row["of_file"]["equal"] for row in rows)
    furthest = max(row["of_file"]["largest_in_levels"] for row in rows)
    by_segments = ", by segments" if any("segments" in row for row in rows) else ""
    failed = ", **not proven**" if any(row["failure"] for row in rows) else ""
    return f"{least:.2%}, {furthest}{failed or by_segments}"


@click.command(help=__doc__.splitlines()[0])
@click.option("--only", "patterns", multiple=True, help="Only cases like rfdn/4/onnxruntime/8; * stands for anything.")
@click.option("--sample", is_flag=True, help="Only a few small cases.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The JSON file that keeps the rows.")
@click.option("--markdown", "only_table", is_flag=True, help="Only print the file's rows, as a table in Markdown.")
@threads_option
def main(patterns: Sequence[str], sample: bool, out: Path, only_table: bool, threads: int) -> None:
    """Compare the cases that are not in the file yet, and fail if one of the chosen is not proven."""
    torch.set_num_threads(threads)
    kept = {"steps": STEPS, "rows": [], **(json.loads(out.read_text()) if out.exists() else {})}
    rows: list[dict[str, Any]] = kept["rows"]
    if only_table:
        click.echo(markdown(kept), nl=False)
        return
    chosen = [case for case in cases() if _is_chosen(case, patterns or (SAMPLE if sample else ("*",)))]
    if not chosen:
        raise click.ClickException(f"no case is like {', '.join(patterns)}; one is {next(cases()).name}")
    versions = {name: version for way in WAYS for name, version in Target.named(way[0]).versions().items()}
    for case in chosen:
        if any(_is_of(row, case) for row in rows):
            continue
        rows.append(row_of(case, threads))
        part = out.with_name(f".{out.name}")
        head = {"date": f"{date.today()}", "commit": commit(), "versions": versions, "steps": STEPS}
        write_json(part, {**head, "rows": rows}, [])
        part.replace(out)  # atomic, so that no row is lost if the program is stopped here
        click.echo(line_of(rows[-1]))
    failed = [row for row in rows if row["failure"] and any(_is_of(row, case) for case in chosen)]
    click.echo(f"{len(chosen) - len(failed)} of {len(chosen)} proven")
    raise SystemExit(bool(failed))


def _is_chosen(case: Case, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(case.name, pattern) for pattern in patterns)


def _is_of(row: Mapping[str, Any], case: Case) -> bool:
    return all(row[key] == value for key, value in asdict(case).items())


if __name__ == "__main__":
    main()
