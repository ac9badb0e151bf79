"""Shapes by our rules are those of operations on the CPU, with the same memory layout and the same errors."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from qnas.core.network.probing.devices import without_values
from qnas.core.network.probing.quick_shapes import RULES, QuickShapes

Operation = Callable[..., Any]


def channels(*sizes: int) -> tuple[tuple[int, ...], ...]:
    return tuple((2, size, 6, 8) for size in sizes)


CASES: list[tuple[Operation, tuple[tuple[int, ...], ...]]] = [
    (torch.add, channels(4, 4)),
    (lambda a, b: torch.add(a, b, alpha=2), ((2, 4, 6, 8), (4, 1, 1))),
    (torch.sub, ((4, 1), (3, 1, 5))),
    (torch.mul, ((), (3, 4))),
    (lambda a: a / 3, channels(4)),
    (lambda a, b, c: torch.addcmul(a, b, c, value=0.5), ((2, 4), (1, 4), (4,))),
    (torch.relu, channels(4)),
    (lambda a: functional.leaky_relu(a, 0.2), channels(4)),
    (functional.prelu, ((2, 4, 6, 8), (4,))),
    (torch.sigmoid, channels(4)),
    (torch.tanh, ((0, 3),)),
    (torch.exp, ((),)),
    (lambda a: a.abs().sqrt(), channels(4)),
    (lambda a: a.clamp(0, 1), channels(4)),
    (lambda a: a.clamp_min(0.1), channels(4)),
    (torch.square, channels(4)),
    (lambda a: functional.interpolate(a, scale_factor=2, mode="bicubic"), channels(3)),
    (lambda a: functional.interpolate(a, scale_factor=0.5, mode="bicubic", antialias=True), channels(3)),
    (lambda a: functional.interpolate(a, size=(5, 9), mode="bilinear"), channels(3)),
    (lambda a: functional.interpolate(a, scale_factor=3), channels(3)),
    (lambda a: functional.pixel_shuffle(a, 2), channels(12)),
    (lambda a, b: functional.conv2d(a, b, padding=1), ((2, 4, 6, 8), (6, 4, 3, 3))),
    (lambda a, b, c: functional.conv2d(a, b, c, stride=(2, 1), groups=2), ((2, 4, 6, 8), (6, 2, 3, 1), (6,))),
    (lambda a, b: functional.conv2d(a, b, dilation=2, padding="same"), ((2, 4, 6, 8), (6, 4, 5, 3))),
    (lambda a, b: functional.conv_transpose2d(a, b, stride=2), ((2, 4, 6, 8), (4, 6, 3, 3))),
    (functional.conv1d, ((2, 4, 6), (6, 4, 3))),
    (lambda a, m, v: functional.batch_norm(a, m, v.square()), ((2, 4, 6, 8), (4,), (4,))),
    (lambda a, m, v: functional.batch_norm(a, m, v.square(), training=True), ((2, 4, 6, 8), (4,), (4,))),
    (lambda a: a.mean((1, -1), keepdim=True), channels(4)),
    (lambda a: a.mean((0, 2)), channels(4)),
    (lambda a: a.mean((1,), dtype=torch.float64), channels(4)),
    (lambda a: torch.linalg.vector_norm(a, dim=(1, 2, 3), keepdim=True), channels(4)),
    (lambda a, b: torch.cat([a, b], dim=1), channels(4, 2)),
    (lambda a, b: torch.cat([a, b], dim=-1), ((2, 3), (2, 4))),
    # Outside the rules: other types, other layouts.
    (lambda a, b: a.permute(0, 2, 3, 1) + b.permute(0, 2, 3, 1), channels(4, 4)),
    (lambda a: a.contiguous(memory_format=torch.channels_last).relu(), channels(4)),
    (lambda a: a.half() + 1, channels(4)),
    (lambda a, b: a.double() * b, channels(4, 4)),
    (lambda a: a * 1j, channels(4)),
]


@pytest.mark.parametrize(("operation", "shapes"), CASES, ids=lambda value: "" if callable(value) else str(value))
def test_what_comes_out_is_as_on_the_cpu(operation: Operation, shapes: tuple[tuple[int, ...], ...]) -> None:
    on_cpu = operation(*map(torch.rand, shapes))
    with without_values():
        made = operation(*map(torch.rand, shapes))
    assert (made.shape, made.dtype, made.is_meta) == (on_cpu.shape, on_cpu.dtype, True)
    assert made.is_contiguous() == on_cpu.is_contiguous()


WRONG: list[tuple[Operation, tuple[tuple[int, ...], ...]]] = [
    (torch.add, channels(4, 3)),
    (lambda a: functional.pixel_shuffle(a, 2), channels(6)),
    (functional.conv2d, ((2, 4, 6, 8), (6, 3, 3, 3))),
    (functional.conv2d, ((2, 4, 6, 8), (6, 4, 9, 9))),
    (lambda a, b: torch.cat([a, b]), channels(4, 3)),
    (lambda a: a.mean((7,)), channels(4)),
]


@pytest.mark.parametrize(("operation", "shapes"), WRONG, ids=lambda value: "" if callable(value) else str(value))
def test_what_fails_on_the_cpu_fails_without_values(operation: Operation, shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises((RuntimeError, IndexError)):
        operation(*map(torch.rand, shapes))
    with without_values(), pytest.raises((RuntimeError, IndexError)):
        operation(*map(torch.rand, shapes))


def test_every_rule_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = set()
    dispatch = QuickShapes.__torch_dispatch__

    def noted(mode: QuickShapes, operator: Any, *arguments: Any) -> Any:
        tried.add(operator)
        return dispatch(mode, operator, *arguments)

    monkeypatch.setattr(QuickShapes, "__torch_dispatch__", noted)
    for operation, shapes in CASES:
        with without_values():
            operation(*map(torch.rand, shapes))
    assert set(RULES) <= tried


def test_gradients_know_where_it_came_from() -> None:
    with without_values():
        image = torch.rand(1, 3, 4, 4).requires_grad_()
        made: Tensor = nn.Conv2d(3, 3, 1)(image).relu()
    assert made.grad_fn is not None
    assert made.grad_fn.next_functions


def test_tensors_with_values_are_computed() -> None:
    with without_values():
        made = torch.ones(2, device="cpu") + torch.ones(2, device="cpu")
    assert made.tolist() == [2, 2]
