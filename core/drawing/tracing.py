"""Tracing: a network runs once, and its slot graph comes back."""

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from qnas.core.drawing.slot_graph import Edge, SlotGraph
from qnas.core.network.probing.devices import blank_image


def trace(network: nn.Module, slots: Collection[str], channels: int = 3, size: int = 32) -> SlotGraph:
    """The flow of ``network``, best one without values, through the modules named ``slots``.

    It runs once, and autograd's own graph tells what each slot's input was computed from.
    """
    tracer = _Tracer()
    modules = {path: network.get_submodule(path) for path in slots}
    handles = [m.register_forward_pre_hook(tracer.entering(path)) for path, m in modules.items()]
    handles += [m.register_forward_hook(tracer.leaving(path)) for path, m in modules.items()]
    try:
        with torch.enable_grad(), blank_image(network, channels, (size, size)) as image:
            output = network.eval()(tracer.mark(image.requires_grad_(), 0))
    finally:
        for handle in handles:
            handle.remove()
    return tracer.flow(output)


class _Tracer:
    """Takes notes while a network runs."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.edges: set[Edge] = set()
        self._producers: dict[Any, int] = {}

    def mark(self, tensor: Tensor, node: int) -> Tensor:
        """``tensor``, to be recognised as what ``node`` put out.

        It is copied, since an identity would put out what another slot did.
        """
        copy = tensor.clone()
        self._producers[copy.grad_fn] = node
        return copy

    def entering(self, path: str) -> Any:
        """A hook that notes what feeds the slot."""

        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if path not in self.order:
                self.order.append(path)
            self._feed(inputs[0], self.order.index(path) + 1)

        return hook

    def leaving(self, path: str) -> Any:
        """A hook that marks what the slot puts out."""
        return lambda _, __, output: self.mark(output, self.order.index(path) + 1)

    def flow(self, output: Tensor) -> SlotGraph:
        """What was noted, once ``output`` came out."""
        self._feed(output, len(self.order) + 1)
        return SlotGraph(tuple(self.order), frozenset(self.edges))

    def _feed(self, tensor: Tensor, node: int) -> None:
        # Where autograd loses the thread, running order is the best guess.
        sources = self._sources(tensor) or {node - 1}
        # A slot that runs twice may feed an earlier one: the drawing shows it where it ran first.
        self.edges |= {(source, node) for source in sources if source < node}

    def _sources(self, tensor: Tensor) -> set[int]:
        """The nearest nodes that ``tensor`` was computed from."""
        found, seen, pending = set(), set(), [tensor.grad_fn]
        while pending:
            function = pending.pop()
            if function in self._producers:
                found.add(self._producers[function])
            elif function is not None and function not in seen:
                seen.add(function)
                pending += [source for source, _ in function.next_functions]
        return found
