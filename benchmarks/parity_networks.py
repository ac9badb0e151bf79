"""The networks of benchmarks/parity.py: every known network, block and residual of ours, trained for a few steps."""

import random
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from qnas.core.components import Dataset, Degradation, Quantizer, Space
from qnas.core.images.loading import load_images
from qnas.core.images.patches import PatchSampler
from qnas.core.network import Candidate, Gain, build_found, slot_candidates
from qnas.core.registry import PROJECT, plugins
from qnas.core.training.machine import Machine
from qnas.core.training.schedule import Schedule
from qnas.core.training.trainer import Trainer

CPU = torch.device("cpu")
STEPS, PATCH, BATCH, LEARNING_RATE = 30, 24, 4, 2e-3
SPREAD = 0.05
"""The least standard deviation of what convolutions give at the start, and that of what is added to an image."""
WIDTHS = (2, 3, 4, 5, 6, 8)
CHANNELS = 16
"""Of the networks that are composed of a block or a residual."""
WIDER = 2
"""Known networks have so many times the channels of their space's example."""
TRAIN = {"name": "dead-leaves", "amount": 16, "size": 128}
COMPOSED = ("module", "skeleton")
"""Spaces that are no network until one is composed."""


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


@lru_cache(maxsize=1)
def trained(network: str, scale: int, between: int | None, signed: bool = False) -> nn.Module:
    """A network with random candidates at random widths, trained for a few steps, if asked on signed integers."""
    torch.manual_seed(0)
    space = Space.of({**networks()[network], "bits": list(product(WIDTHS, WIDTHS))})
    choices = drawn(space, scale, seed=f"{network} x{scale}")
    images = load_images(Dataset.of(TRAIN), scale, Degradation.of("matlab"))
    batches = PatchSampler(images, scale, PATCH, BATCH, augment=True, seed=0, device=CPU)
    start = spread(build_found(space, scale, choices, Quantizer.of("none")), batches.draw().lr)
    quantizer = Quantizer.of({"name": "lsq", "signed": signed})
    found = build_found(space, scale, choices, quantizer, between)
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
