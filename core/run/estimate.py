"""What a run will take: measured on a few steps with random images."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qnas.core.network import Supernet, build_found, slot_candidates
from qnas.core.run.names import BASELINES
from qnas.core.run.stages.planned import planned_steps, tuning_steps
from qnas.core.spec import Spec
from qnas.core.training.machine import Machine

_ADAM_COPIES = 4  # weights, gradients and two moments
_ROUNDS = 3
_FEW = 2
_SIDE = 128  # of an LR patch that is measured, in pixels
_PATIENCE = 0.5  # seconds of a step


@dataclass(frozen=True)
class Estimate:
    """Expected time and memory, by measuring a few steps; validation and evaluation come on top.

    Attributes:
        device: Where it was measured.
        search_seconds: Of the search, with the tuning of the networks that are judged at its end.
        train_seconds: Of the trainings of the found network, in float too if that is needed.
        baselines_seconds: Of the trainings of its baselines, if all have to be trained.
        memory_bytes: The most that a step takes.
    """

    device: str
    search_seconds: float
    train_seconds: float
    baselines_seconds: float
    memory_bytes: int


def estimate(spec: Spec, machine: Machine) -> Estimate:
    """Time a few steps of the search and of the training."""
    chosen = {path: options[-1] for path, options in slot_candidates(spec.space, spec.scale).items()}
    found = build_found(spec.space, spec.scale, chosen, spec.quantizer.train)
    patch, train = spec.data.patch, spec.train
    largest_seconds, train_bytes = _measure(machine, found, found, train.batch, spec.largest_patch)
    train_seconds = largest_seconds * train.accumulate * _mean_area(spec) / spec.largest_patch**2
    tuning_seconds = largest_seconds * (spec.search.batch * patch**2) / (train.batch * spec.largest_patch**2)
    search_seconds, search_bytes = tuning_seconds, 0
    if train.ema is not None:
        train_bytes += _bytes_of(found)
    if spec.search.leaves_supernet:
        supernet = Supernet(spec.space, spec.scale, spec.quantizer.search)
        probabilities = supernet.probabilities().detach()
        one, search_bytes = _measure(machine, supernet, lambda x: supernet(x, probabilities), spec.search.batch, patch)
        search_seconds = 2 * one  # a step on the architecture and one on the weights
    return Estimate(
        str(machine.device),
        search_seconds * planned_steps(spec, "search") + tuning_seconds * tuning_steps(spec),
        train_seconds * (planned_steps(spec, "float") + planned_steps(spec, "train")),
        train_seconds * planned_steps(spec, BASELINES),
        max(train_bytes, search_bytes),
    )


def _mean_area(spec: Spec) -> float:
    """The mean of the squared sizes of the patches over the steps of the training."""
    sizes = {0: spec.data.patch, **spec.train.patch_after(spec.train.steps)}
    starts = sorted(sizes)
    ends = [*starts[1:], spec.train.steps]
    total = sum(sizes[start] ** 2 * (end - start) for start, end in zip(starts, ends, strict=True))
    return total / max(spec.train.steps, 1)


def _bytes_of(network: nn.Module) -> int:
    return sum(p.numel() * p.element_size() for p in network.parameters())


def _measure(
    machine: Machine, network: nn.Module, run: Callable[[Tensor], Tensor], batch: int, patch: int
) -> tuple[float, int]:
    """Seconds of a step, and the bytes that it holds.

    If a step takes long, it is estimated from fewer and smaller patches, so that the estimate itself is quick.
    """
    machine.place(network).train()
    few, side = min(batch, _FEW), min(patch, _SIDE)
    seconds, held = _step(machine, run, few, side)
    times = batch * patch**2 / (few * side**2)
    if seconds * times > _PATIENCE:
        seconds, held = seconds * times, round(held * times)
    else:
        rounds = [_step(machine, run, batch, patch) for _ in range(_ROUNDS)]
        seconds, held = min(seconds for seconds, _ in rounds), rounds[-1][1]
    return seconds, held + _ADAM_COPIES * _bytes_of(network)


def _step(machine: Machine, run: Callable[[Tensor], Tensor], batch: int, side: int) -> tuple[float, int]:
    """Seconds of one step forward and backward, and the bytes of what is kept for the way back."""
    images = torch.rand(batch, 3, side, side, device=machine.device).contiguous(memory_format=torch.channels_last)
    held: dict[int, int] = {}

    def hold(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    began = time.perf_counter()
    with torch.autograd.graph.saved_tensors_hooks(hold, lambda t: t), machine.autocast():
        loss = run(images).float().mean()
    machine.backward(loss)
    if machine.device.type == "cuda":
        torch.cuda.synchronize(machine.device)
    return time.perf_counter() - began, sum(held.values())
