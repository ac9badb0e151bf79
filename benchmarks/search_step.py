"""What one iteration of the search costs: a step on alpha and one on the weights.

    python benchmarks/search_step.py --out search_step.json

The space is the one published in 2022: basic, 36 channels, 3 cells, its candidate table, bits {4, 8}; batch 8, LR
45 x 45, x4, random images. The iterations are those of the real search. The floor is the least that a search of this
kind must compute: only the convolutions that the iteration runs, forward and backward, on tensors of the same shape,
layout and precision.

Where the operations are fixed, so that only bit-widths are searched, an iteration is compared with a step of a plain
loop that trains the same network in float32 (see train_step.py). All others are alternating, unless named joint.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the command line does, before torch is imported

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F
from rounds import Step, Target, interleaved, out_option, ratio, report, rounds_option, threads_option
from torch import Tensor
from torch.overrides import TorchFunctionMode

from qnas.core.components import Quantizer, Regularizer, Space
from qnas.core.files.folder import RunFolder
from qnas.core.images.pairs import ImagePair
from qnas.core.network import Form
from qnas.core.search.images import SearchImages
from qnas.core.search.task import SearchTask
from qnas.core.training.journal import Journal
from qnas.core.training.machine import Machine, Precision
from qnas.plugins.searchers.differentiable import DifferentiableSearch
from qnas.plugins.searchers.gradient_settings import Update

SCALE, PATCH, BATCH = 4, 45, 8
SPACE: dict[str, Any] = {"name": "basic", "channels": 36, "cells": 3}
THREE = ["conv1x1", "conv3x3", "conv5x5"]
NINE = [
    *THREE,
    *("conv1x1g3", "conv3x3g3", "conv5x5g3"),
    {"name": "conv", "kernel": 3, "dilation": 2},
    {"name": "conv", "kernel": 3, "dilation": 2, "groups": 3},
    {"name": "conv2d", "kernel_size": [1, 5]},
]
FIXED = {"operations": ["native"]}
CASES: Mapping[str, dict[str, Any]] = {
    "noise": {},
    "noise, bfloat16": {"precision": "bfloat16"},
    "direct": {"quantizer": "lsq"},
    "noise, plain": {"form": "plain"},
    "joint": {"update": "joint"},
    "fixed": {"space": FIXED},
    "fixed, joint": {"space": FIXED, "update": "joint"},
    "fixed, joint, bfloat16": {"space": FIXED, "update": "joint", "precision": "bfloat16"},
    "noise, 1 width": {"space": {"bits": [8]}},
    "noise, 4 widths": {"space": {"bits": [2, 4, 6, 8]}},
    "noise, 3 convolutions": {"space": {"operations": THREE}},
    "noise, 9 convolutions": {"space": {"operations": NINE}},
}


def random_pair() -> ImagePair:
    """A pair of images with random pixels."""
    random = np.random.default_rng(0)
    lr, hr = (random.integers(0, 256, (size, size, 3), dtype=np.uint8) for size in (4 * PATCH, 4 * PATCH * SCALE))
    return ImagePair("random", hr, lr)


def iteration(
    space: Mapping[str, Any] | None = None,
    quantizer: str = "noise",
    precision: Precision = "float32",
    form: Form = "merged",
    update: Update = "alternating",
) -> Step:
    """A step that runs one iteration of the search of a space."""
    images = [random_pair()]
    task = SearchTask(
        space=Space.of({**SPACE, **(space or {})}),
        scale=SCALE,
        search_quantizer=Quantizer.of(quantizer),
        train_quantizer=Quantizer.of("lsq"),
        regularizers={name: Regularizer.of(name) for name in ("entropy", "cost")},
        images=SearchImages(images, images, images),
        patch=PATCH,
        augment=True,
        machine=Machine(torch.device("cpu"), precision),
        seed=0,
        journal=Journal(RunFolder(Path(tempfile.gettempdir())), "search"),
    )
    search = DifferentiableSearch(batch=BATCH, form=form, update=update).begin(task)
    return lambda: search.iterate(1, 0)


class Convolutions(TorchFunctionMode):
    """Records the convolutions that run inside."""

    def __init__(self) -> None:
        self.noted: list[Step] = []
        self.multiply_adds = 0

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run ``function``, and record it if it is a convolution."""
        output = function(*args, **(kwargs or {}))
        if function is F.conv2d:
            self.noted.append(alone(args, output))
            self.multiply_adds += multiply_adds(*args[:2], output)
        return output


def multiply_adds(features: Tensor, weight: Tensor, output: Tensor) -> int:
    """Multiply-adds of a convolution forward, and as many again for each of its gradients."""
    return output.numel() * weight[0].numel() * (1 + features.requires_grad + weight.requires_grad)


def alone(args: tuple[Any, ...], output: Tensor) -> Step:
    """A step that runs one such convolution, forward and backward, in the same shape, layout and precision."""
    (features, weight, bias), rest = args[:3], args[3:]
    tensors = [
        like(features, output.dtype),
        like(weight, output.dtype),
        None if bias is None else like(bias, output.dtype),
    ]
    wanted = [tensor for tensor in tensors if tensor is not None and tensor.requires_grad]
    gradient = torch.randn_like(output)

    def step() -> None:
        torch.autograd.grad(F.conv2d(*tensors, *rest), wanted, gradient)

    return step


def like(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Random values like a tensor."""
    return torch.randn_like(tensor, dtype=dtype, requires_grad=False).requires_grad_(tensor.requires_grad)


def convolutions_of(step: Step) -> Convolutions:
    """The convolutions of an iteration."""
    step()  # the first one also counts the space, which runs convolutions too
    with Convolutions() as convolutions:
        step()
    return convolutions


def floor(step: Step) -> Step:
    """A step that runs only the convolutions of an iteration."""
    noted = convolutions_of(step).noted

    def run() -> None:
        for convolution in noted:
            convolution()

    return run


@click.command(help=__doc__.splitlines()[0])
@rounds_option
@threads_option
@out_option
def main(rounds: int, threads: int, out: Path | None) -> None:
    """Time all cases, and report which targets they meet."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    from train_step import plain  # which imports the constants above

    steps = {name: iteration(**settings) for name, settings in CASES.items()} | {"plain float": plain()}
    for name in ("noise", "noise, bfloat16"):
        steps[f"floor of {name}"] = floor(steps[name])
    seconds = interleaved(steps, rounds)
    pairs: list[tuple[str, str, float | None]] = [
        ("noise", "floor of noise", 1.25),
        ("noise, bfloat16", "floor of noise, bfloat16", 1.4),
        ("noise, bfloat16", "noise", 0.65),
        ("noise", "direct", 0.9),
        ("noise, bfloat16", "direct", 0.7),
        ("noise", "noise, plain", 1 / 3),
        ("noise, 4 widths", "noise, 1 width", 1.15),
        ("noise, 9 convolutions", "noise, 3 convolutions", 1.2),
        ("joint", "noise", None),
        ("fixed", "plain float", None),
        ("fixed, joint", "plain float", 1.3),
        ("fixed, joint, bfloat16", "plain float", 0.9),
    ]
    targets = [Target(f"{a} / {b}", ratio(seconds, a, b), limit) for a, b, limit in pairs]
    merged, plain = (convolutions_of(steps[name]).multiply_adds for name in ("noise", "noise, plain"))
    report(seconds, [*targets, Target("multiply-adds of noise / noise, plain", merged / plain)], out)


if __name__ == "__main__":
    main()
