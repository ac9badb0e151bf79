"""The contract of losses."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from qnas.core.components import Enlarged, Loss
from qnas.testing.contract import contract
from qnas.testing.failure import told_as

_SHAPES = {"one small odd image": (1, 3, 7, 5), "a batch": (3, 3, 16, 16)}
_SLOTS = {"head": (8, 1), "body": (6, 2)}  # channels, and what height and width are divided by
_FAINT = 1e-3


def check_loss(reference: Loss | str | Mapping[str, Any], *, seed: int = 0) -> None:
    """Check that a loss meets its contract, on images that differ much, hardly and not at all.

    It is one finite number in float32, the same at every call, and smaller for equal images than for others. Its
    gradient is finite, reaches what the network made and is zero in nothing but equal images. It leaves the images as
    they are.

    Args:
        reference: A loss, its name, or a mapping of its name and fields.
        seed: Seed of the images.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Loss.of, reference) as loss:
        for what, shape in _SHAPES.items():
            random = torch.Generator().manual_seed(seed)
            target = _made(shape, random)
            noise = torch.randn(shape, generator=random)
            with told_as(f"on {what} that is equal to its target"):
                least = _value(loss, target, target)
            for how, size in (("much", 0.3), ("hardly", _FAINT)):
                with told_as(f"on {what} that differs {how} from its target"):
                    other = Enlarged(target.image + size * noise, _moved(target.features, size, random))
                    value = _value(loss, other, target, moves=True)
                    assert value > least, f"it is {value:.5g}, but {least:.5g} where both are equal"


def _made(shape: tuple[int, ...], random: torch.Generator) -> Enlarged:
    """Images and features."""
    number, _, height, width = shape
    sizes = {slot: (number, channels, height // by, width // by) for slot, (channels, by) in _SLOTS.items()}
    features = {slot: torch.randn(size, generator=random) for slot, size in sizes.items()}
    return Enlarged(torch.rand(shape, generator=random), features)


def _moved(features: Mapping[str, Tensor], size: float, random: torch.Generator) -> dict[str, Tensor]:
    return {slot: value + size * torch.randn(value.shape, generator=random) for slot, value in features.items()}


def _value(loss: Loss, made: Enlarged, target: Enlarged, *, moves: bool = False) -> float:
    """The loss; ``moves`` says whether its gradient must not be zero everywhere."""
    image = made.image.clone().requires_grad_()
    student = Enlarged(image, {slot: value.clone().requires_grad_() for slot, value in made.features.items()})
    teacher = None if loss.taught_by is None else target
    before = target.image.clone()
    value: object = loss.compare(student, target.image, teacher)
    assert isinstance(value, Tensor), f"it is {value!r}, which is not a tensor"
    assert value.dim() == 0, f"it has shape {tuple(value.shape)}, but must be a scalar"
    assert value.dtype == torch.float32, f"it is in {value.dtype}, not in float32"
    assert value.isfinite(), f"it is {value.item()}"
    assert value.requires_grad, "no gradient passes through it"
    assert torch.equal(image, made.image) and torch.equal(target.image, before), "it changes the images"
    again = loss.compare(student, target.image, teacher)
    assert torch.equal(value, again), f"it is {value.item()} at first and {again.item()} then"
    _check_gradients(value, student, moves)
    return value.item()


def _check_gradients(value: Tensor, student: Enlarged, moves: bool) -> None:
    given = [student.image, *student.features.values()]
    gradients = [g for g in torch.autograd.grad(value, given, allow_unused=True) if g is not None]
    assert all(bool(g.isfinite().all()) for g in gradients), "its gradient is not finite"
    assert not moves or any(bool(g.any()) for g in gradients), "its gradient is zero everywhere"
