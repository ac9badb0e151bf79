"""What one iteration of the search computes, counted: nothing is timed, so other load makes no difference.

    python benchmarks/search_operators.py --out search_operators.json

The iterations are those of search_step.py. The operators are those that PyTorch dispatches, forward and backward, views
left out. Large ones read or write a tensor of at least 100,000 values, such as the features of a batch. Allocated is
what operators return in new memory; what they use inside is not known.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import torch
from rich.console import Console
from rich.table import Table
from rounds import Step, out_option, write_json
from search_step import CASES, iteration
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from train_step import plain

NAMES = ("fixed", "fixed, joint", "fixed, joint, bfloat16", "noise", "joint")
LARGE = 100_000


class Operators(TorchDispatchMode):
    """Counts the operators that run inside, except views."""

    def __init__(self) -> None:
        super().__init__()
        self.large: Counter[str] = Counter()
        self.counted = 0
        self.bytes = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run ``function``, and count it if it computes something."""
        output = function(*args, **(kwargs or {}))
        given, made = list(_tensors([args, kwargs])), list(_tensors(output))
        there = {tensor.untyped_storage().data_ptr() for tensor in given}
        fresh = [tensor for tensor in made if tensor.untyped_storage().data_ptr() not in there]
        if fresh or function._schema.is_mutable:
            self.counted += 1
            self.bytes += sum(tensor.numel() * tensor.element_size() for tensor in fresh)
            if any(tensor.numel() >= LARGE for tensor in [*given, *made]):
                self.large[function.overloadpacket.__name__] += 1
        return output


def _tensors(nested: Any) -> Iterator[Tensor]:
    """The tensors in nested lists, tuples and mappings."""
    if isinstance(nested, Tensor):
        yield nested
    elif isinstance(nested, dict):
        yield from _tensors(list(nested.values()))
    elif isinstance(nested, list | tuple):
        for part in nested:
            yield from _tensors(part)


def operators_of(step: Step) -> Operators:
    """The operators of an iteration."""
    step()  # the first one also counts the space
    with Operators() as operators:
        step()
    return operators


@click.command(help=__doc__.splitlines()[0])
@out_option
def main(out: Path | None) -> None:
    """Count the operators of all iterations."""
    torch.manual_seed(0)
    steps = {"plain float": plain(), **{name: iteration(**CASES[name]) for name in NAMES}}
    counted = {name: operators_of(step) for name, step in steps.items()}
    table = Table("iteration", "operators", "large", "allocated", box=None, pad_edge=False, header_style="bold")
    for name, found in counted.items():
        table.add_row(name, str(found.counted), str(found.large.total()), f"{found.bytes / 1e6:.0f} MB")
    Console(highlight=False, markup=False).print(table)
    figures = {name: {"operators": f.counted, "large": dict(f.large), "bytes": f.bytes} for name, f in counted.items()}
    write_json(out, {"counted": figures}, [])


if __name__ == "__main__":
    main()
