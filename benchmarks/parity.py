"""Whether exported files give the images of their networks, over every known network, block and residual of ours.

    python benchmarks/parity.py --out parity.json                # the whole grid
    python benchmarks/parity.py --only 'rfdn/*' --out rfdn.json  # cases whose name matches
    python benchmarks/parity.py --sample --out sample.json       # a few small ones

Each slot of a network holds one of its candidates, drawn at random; the widths of its weights and activations are drawn
from 2, 3, 4, 5, 6 and 8 bits. Known networks have their depth, and a reduced width. All are trained for a few steps on
generated images, written for each target, and compared with the file as by qnas export: on photographs of odd sizes. A
network for integers between its slots is trained with them, and one for TensorRT with signed integers. Such networks
are hardly trained, and some carry one value at a tie, which float32 may round to either side, over the whole image. A
file that differs by more than a level or in more than 0.1 % of the values is therefore compared segment by segment too,
and that decides. Of files for qonnx, the BitOps that qonnx counts must be ours too. Those for OpenVINO in bfloat16 are
compared, but need not be equal.

Rows that are already in the file are not computed again, so you can stop the program and start it again.
"""

import fnmatch
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import torch
from parity_grid import BFLOAT16, WAYS, Case, cases, target_of
from parity_networks import CPU, STEPS, trained
from parity_table import is_complete, markdown
from rounds import threads_option, write_json
from segments import compare_segments
from thorough import commit
from torch import nn

from qnas.core.components import Cost, Dataset, Degradation
from qnas.core.deploy.exporting import loaded
from qnas.core.deploy.lowering import Lowered, lower
from qnas.core.deploy.parity import compare
from qnas.core.errors import QnasError
from qnas.core.images.loading import load_images
from qnas.core.images.pairs import ImagePair
from qnas.core.images.patches import to_tensor
from qnas.core.network.counting.convolutions import convolutions
from qnas.core.settings import FLOAT_BITS
from qnas.core.settings.lr_sizes import Size

SIZE = (97, 131)
"""Height and width of the LR photographs; of a smaller one the largest odd size is taken."""
TEST = "photos"
SAMPLE = ("espcn/2/*", "block rfdb/3/openvino", "residual adq/2/onnxruntime/8", "block chain/2/litert/8")


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
    target = target_of(case.target)
    photos = photographs(case.scale, of_one_size=not target.any_size)
    height, width, _ = photos[0].lr.shape
    size = None if target.any_size else (height, width)
    network, lowered = made(case.network, case.scale, case.between, target.signed, size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{target.suffix}"
        target.write(lowered.program, path)
        parity = compare(network, loaded(target, path, threads), {TEST: photos}, case.scale, size)
        found = {"failure": parity.failure(), **parity.to_json()}
        if case.target == BFLOAT16:
            return {**found, "failure": ""}
        if not parity.is_close:
            segments = compare_segments(network, path, target, [to_tensor(photo.lr[None], CPU) for photo in photos])
            found |= {"failure": segments.failure(), "export": parity.failure(), "segments": asdict(segments)}
        return found | (bitops(network, path, (height, width)) if case.target == "qonnx" else {})


@lru_cache(maxsize=1)  # the targets of a network follow each other
def made(
    network: str, scale: int, between: int | None, signed: bool = False, size: Size | None = None
) -> tuple[nn.Module, Lowered]:
    """A trained network, as it is and lowered for images of a size, or of any."""
    found = trained(network, scale, between, signed)
    return found, lower(found, size)


def bitops(network: nn.Module, path: Path, size: Size) -> dict[str, Any]:
    """The BitOps of a network as we count them, and of its file as qonnx does; a failure if they differ.

    What is in float on both sides is left out: in files, an image is enlarged by a convolution.
    """
    from qonnx.util.inference_cost import inference_cost

    price, in_float = Cost.of("bitops").of_convolution, (FLOAT_BITS, FLOAT_BITS)
    shapes = convolutions(network, 3, size)
    ours = sum(price(shape) for shape in shapes if (shape.weight_bits, shape.activation_bits) != in_float)
    cost = inference_cost(str(path), discount_sparsity=False)["total_cost"]
    theirs = int(cost["total_bops"] - FLOAT_BITS**2 * cost.get("op_mac_FLOAT32_FLOAT32", 0))
    found: dict[str, Any] = {"bitops": {"ours": ours, "qonnx": theirs}}
    return found | ({} if ours == theirs else {"failure": f"{ours} BitOps, but {theirs} by qonnx's count"})


def line_of(row: Mapping[str, Any]) -> str:
    """A row in words."""
    between = f"{row['between']} bits" if row["between"] else "floats"
    head = f"{row['network']} x{row['scale']} {row['target']}, {between} between: "
    verdict = "not judged" if row["target"] == BFLOAT16 else "proven"
    return head + ("" if "of_file" not in row else f"{_measured(row)}; ") + (row["failure"] or verdict)


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


@click.command(help=__doc__.splitlines()[0])
@click.option("--only", "patterns", multiple=True, help="Only cases like rfdn/4/onnxruntime/8; * stands for anything.")
@click.option("--sample", is_flag=True, help="Only a few small cases.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The JSON file that keeps the rows.")
@click.option("--markdown", "only_table", is_flag=True, help="Only print the file's rows, as tables in Markdown.")
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
    versions = {name: version for target, _ in WAYS for name, version in target_of(target).versions().items()}
    for case in chosen:
        if any(case.is_of(row) and is_complete(row) for row in rows):
            continue
        rows[:] = [*(row for row in rows if not case.is_of(row)), row_of(case, threads)]
        part = out.with_name(f".{out.name}")
        head = {"date": f"{date.today()}", "commit": commit(), "versions": versions, "steps": STEPS}
        write_json(part, {**head, "rows": rows}, [])
        part.replace(out)  # atomic, so that no row is lost if the program is stopped here
        click.echo(line_of(rows[-1]))
    judged = [case for case in chosen if case.target != BFLOAT16]
    failed = [row for row in rows if row["failure"] and any(case.is_of(row) for case in chosen)]
    click.echo(f"{len(judged) - len(failed)} of {len(judged)} proven")
    raise SystemExit(bool(failed))


def _is_chosen(case: Case, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(case.name, pattern) for pattern in patterns)


if __name__ == "__main__":
    main()
