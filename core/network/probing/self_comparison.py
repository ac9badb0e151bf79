"""Compares a network with itself: built again with the same weights, or run again, it must give the same results.

A run trains one build of its network and judges another, and enlarging images later uses a third; they share only the
state dict.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from qnas.core.errors import InputError, as_input_error
from qnas.core.network.probing.devices import made_on_cpu
from qnas.core.network.probing.loose import first_difference, loose
from qnas.core.network.probing.seeds import seed_everything

State = Mapping[str, Tensor]
Case = tuple[str, Tensor]
"""A mode, and LR images (N, 3, H, W)."""
Outputs = list[Tensor]
MODES = ("evaluation", "training")
_ROUNDING = 1e-5  # of the largest value
_UNKNOWN = "something that it draws, counts or keeps elsewhere is in no state dict"


def refuse_unlike_itself(make: Callable[[], nn.Module], named: str, scale: int, *, is_searched: bool) -> None:
    """Refuse a network whose images depend on more than its weights, the image and, in training, the seed.

    Args:
        make: Builds the network.
        named: Its name in messages.
        scale: The factor that it enlarges by.
        is_searched: Whether a search will use it to enlarge batches.

    Raises:
        InputError: The message says what differs, and what to do.
    """
    with made_on_cpu():
        first, second = _build(make, 1), _build(make, 2)
        cases = _cases(is_searched)
        at_first, of_second = loose(first), loose(second)
        state = settled_state(first, named)
        _give(second, state, named)
        failing = f"{named} does not run"
        ours = outputs(first, state, cases, failing)
        refuse_new_entries(first, state, f"{named} has other weights once it has run")
        for (_, images), output in zip(cases, ours, strict=True):
            refuse_other_shape(output, images, scale, named)
        _refuse_untrainable(first, cases[-1][1], named)
        again = outputs(first, state, cases, failing, restlessly=True)
        if not are_same(ours, again):
            raise InputError(_why_unsteady(first, state, cases[0][1], named, first_difference(at_first, loose(first))))
        if not are_same(ours, outputs(second, state, cases, failing, restlessly=True)):
            cause = first_difference(at_first, of_second) or first_difference(loose(first), loose(second)) or _UNKNOWN
            raise InputError(f"two builds of {named} give different images with the same weights: {cause}")


def settled_state(network: nn.Module, named: str) -> State:
    """A copy of the state dict of ``network``, which is left in training mode.

    Raises:
        InputError: The state dict can't be saved, or has other entries in evaluation mode.
    """
    state = network.state_dict()
    for name, value in state.items():
        if is_lazy(value):
            raise InputError(f"{named} makes {name} only once it sees an image: give its lazy layers their sizes")
        if not isinstance(value, Tensor):
            raise InputError(f"{named} has {name} in its state dict, which is not a tensor: a run saves only tensors")
    with as_input_error(f"the state dict of {named} can't be saved"):
        copies = {name: value.detach().clone().contiguous() for name, value in state.items()}
        saved = safetensors.torch.load(safetensors.torch.save(copies))
    modes = f"{named} can't be set to evaluation mode and back"
    with as_input_error(modes):
        network.eval()
    refuse_new_entries(network, saved, f"the state dict of {named} changes in evaluation mode")
    with as_input_error(modes):
        network.train()
    refuse_new_entries(network, saved, f"the state dict of {named} changes after evaluation mode")
    return saved


def outputs(
    network: nn.Module, state: State, cases: Sequence[Case], failing: str, *, restlessly: bool = False
) -> Outputs:
    """The output of ``network`` in each case, from the same state; in training from the same random numbers.

    Args:
        network: The network; it is left in training mode, with that state.
        state: Its state dict.
        cases: Modes and images.
        failing: Beginning of the message if it does not run.
        restlessly: Whether to run the cases in reverse and change modes more often.

    Raises:
        InputError: The network does not run.
    """
    made: dict[int, Tensor] = {}
    for index in reversed(range(len(cases))) if restlessly else range(len(cases)):
        mode, images = cases[index]
        with as_input_error(f"{failing} ({mode} mode, LR images of {tuple(images.shape)})"):
            network.train().load_state_dict(state)
            if restlessly:
                network.eval().train()
            # Evaluation must not draw random numbers, so the seed differs each time there.
            seed_everything(index if mode == "training" else index + len(cases) * (1 + restlessly))
            made[index] = network.train(mode == "training")(images.clone())
    network.train().load_state_dict(state)
    return [made[index].detach() if isinstance(made[index], Tensor) else made[index] for index in range(len(cases))]


def refuse_other_shape(output: object, image: Tensor, scale: int, named: str) -> None:
    """Refuse a network's output if it does not have the shape of the enlarged image.

    Raises:
        InputError: The message says what the output is.
    """
    images, channels, height, width = image.shape
    wanted = (images, channels, height * scale, width * scale)
    made = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if made != wanted:
        raise InputError(f"{named} makes {made} of an LR image of {tuple(image.shape)}, not {wanted}")


def _refuse_untrainable(network: nn.Module, image: Tensor, named: str) -> None:
    with as_input_error(f"{named} can't be trained"):
        seed_everything(0)
        network.train()(image.clone()).float().mean().backward()
    network.zero_grad()


def are_same(ours: Outputs, theirs: Outputs, tolerance: float = _ROUNDING) -> bool:
    """Whether outputs are the same, up to a share of the largest value."""
    return all(_are_close(one, other, tolerance) for one, other in zip(ours, theirs, strict=True))


def _are_close(one: Tensor, other: Tensor, tolerance: float) -> bool:
    finite = one[one.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=tolerance * largest, equal_nan=True)


def _cases(with_batches: bool) -> list[Case]:
    """Cases of two sizes: training is on batches, which a network may mix, enlarging on single images."""
    one, other = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 33, 37)
    alone = one if with_batches else one[:1]
    return [("evaluation", alone), ("evaluation", other[:1]), ("training", one), ("training", other)]


def _build(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    seed_everything(seed)
    return make()


def _give(network: nn.Module, state: State, named: str) -> None:
    own = {name: value.shape for name, value in settled_state(network, named).items()}
    odd = sorted(name for name in {**own, **state} if own.get(name) != getattr(state.get(name), "shape", None))
    if odd:
        raise InputError(
            f"two builds of {named} have different weights, such as {odd[0]}: make the same ones each time"
        )
    with as_input_error(f"{named} can't be given the weights of another build of it"):
        network.load_state_dict(state)


def refuse_new_entries(network: nn.Module, state: Mapping[str, Any], what: str) -> None:
    """Refuse a network whose state dict no longer has the entries of ``state``.

    Raises:
        InputError: The message begins with ``what``.
    """
    odd = sorted(network.state_dict().keys() ^ state.keys())
    if odd:
        raise InputError(f"{what}, such as {odd[0]}: make all of it in the constructor, and keep it")


def _why_unsteady(network: nn.Module, state: State, image: Tensor, named: str, cause: str) -> str:
    with torch.no_grad(), contextlib.suppress(Exception):
        one, same, other = (_evaluate(network, state, image, seed) for seed in (0, 0, 1))
        if _are_close(one, same, _ROUNDING) and not _are_close(one, other, _ROUNDING):
            return f"{named} draws random numbers in evaluation mode: it may do so only while it trains"
    return f"{named} gives another result for an image once it has seen others: {cause or _UNKNOWN}"


def _evaluate(network: nn.Module, state: State, image: Tensor, seed: int) -> Tensor:
    network.train().load_state_dict(state)
    seed_everything(seed)
    output: Tensor = network.eval()(image.clone())
    return output
