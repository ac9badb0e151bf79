"""What a target can't do, or does no faster, found out before the search."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn

from qnas.core.components import ImageStatistic, Quantizer, Space, Target
from qnas.core.deploy.exporting import write
from qnas.core.deploy.integers import IntegerGrid
from qnas.core.deploy.lowering import lower
from qnas.core.errors import InputError
from qnas.core.network import build_found, slot_candidates
from qnas.core.network.calibration import calibrate_for_training
from qnas.core.network.probing.seeds import generators_kept
from qnas.core.settings import FLOAT_BITS

_SIDE = 32


def foresee(
    space: Space,
    scale: int,
    quantizer: Quantizer,
    between: int | None,
    targets: Sequence[Target],
    exported: Sequence[Target] | None = None,
) -> list[str]:
    """Try what can be tried of an export: a network of the space, untrained, is lowered and written for each target.

    Args:
        space: The search space.
        scale: The factor that its networks enlarge by.
        quantizer: That of the found network.
        between: The width of what stands between its slots, None for float.
        targets: What it is for.
        exported: Those of them that the run itself exports to; by default all.

    Returns:
        What the user should know: widths that a runtime computes no faster than wider ones, and what stays in float.

    Raises:
        InputError: A target is not installed, lacks a size, or can't do something in the network, or a network that
            others wrote can't have integers between its slots; the message says what.
    """
    if not targets and (between is None or not space.is_foreign()):
        return []
    candidates = slot_candidates(space, scale)
    chosen = {path: options[0] for path, options in candidates.items()}
    for target in targets:
        target.versions()
    for target in targets if exported is None else exported:
        if reason := target.unfit_size(target.size_at(scale)):
            raise InputError(reason)
    if targets:
        _refuse_without_grid(quantizer)
    with generators_kept():
        network = build_found(space, scale, chosen, quantizer, between)
        if targets:
            _try(network, scale, targets)
    widths = {width for options in candidates.values() for c in options if c.widths for width in c.widths}
    notices = [notice for target in targets for notice in _notices(target, widths)]
    return [*notices, *(_notices_of_statistics(network) if targets else ())]


def _refuse_without_grid(quantizer: Quantizer) -> None:
    """Refuse a quantizer whose grids have no level at zero; others without a form are refused by their path."""
    if quantizer.is_float:
        raise InputError(f"the quantizer '{quantizer.label}' leaves everything in float: it has no integers to export")
    tried = quantizer.fake_quantizer(8, signed=False)
    tried.observe(torch.linspace(-0.3, 1, 101))
    try:
        IntegerGrid.of(tried)
    except InputError as error:
        raise InputError(f"the grids of the quantizer '{quantizer.label}' can't be exported: {error}") from None


def _try(network: nn.Module, scale: int, targets: Sequence[Target]) -> None:
    """Lower the network once for each size, and write it for every target."""
    calibrate_for_training(network, lambda: network(torch.rand(1, 3, _SIDE, _SIDE)))
    network.eval()
    usual = {target: None if target.any_size else (_SIDE, _SIDE) for target in targets}
    sizes = {target: target.size_at(scale) or usual[target] for target in targets}
    for size in dict.fromkeys(sizes.values()):
        program = lower(network, size).program
        for target in (target for target in targets if sizes[target] == size):
            with tempfile.TemporaryDirectory() as folder:
                write(target, program, Path(folder) / f"tried{target.suffix}")


def _notices_of_statistics(network: nn.Module) -> Iterator[str]:
    measuring = [path for path, module in network.named_modules() if isinstance(module, ImageStatistic)]
    if measuring:
        more = f" and {len(measuring) - 1} more" if len(measuring) > 1 else ""
        yield (
            f"what the network measures over whole images ('{measuring[0]}'{more}) is computed in float in an exported"
            " file; qnas export --freeze puts its mean in training there"
        )


def _notices(target: Target, widths: set[int]) -> Iterator[str]:
    narrow = sorted(width for width in widths - target.native_bits if width != FLOAT_BITS)
    if narrow:
        listed = " and ".join(filter(None, [", ".join(map(str, narrow[:-1])), str(narrow[-1])]))
        source = f" (see {target.native_source})" if target.native_source else ""
        yield (
            f"'{target.known_as}' computes on {target.native_words()}: at {listed} bits it is exact, but no"
            f" faster{source}"
        )
