"""What a target can't do, or does no faster, found out before the search."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn

from qnas.core.components import ImageStatistic, Quantizer, Space, Target
from qnas.core.deploy.integers import IntegerGrid
from qnas.core.deploy.lowering import Lowered, lower
from qnas.core.errors import InputError, QnasError, first_line
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
        InputError: A target is not installed, or can't do something in the network, or a network that others wrote
            can't have integers between its slots; the message says what.
    """
    if not targets and (between is None or not space.is_foreign()):
        return []
    candidates = slot_candidates(space, scale)
    chosen = {path: options[0] for path, options in candidates.items()}
    for target in targets:
        target.versions()
    for target in targets if exported is None else exported:
        _refuse_one_size(target)
    if targets:
        _refuse_without_grid(quantizer)
    with generators_kept():
        network = build_found(space, scale, chosen, quantizer, between)
        if targets:
            _try(network, targets)
    widths = {width for options in candidates.values() for c in options if c.widths for width in c.widths}
    notices = [notice for target in targets for notice in _notices(target, widths)]
    return [*notices, *(_notices_of_statistics(network) if targets else ())]


def _refuse_one_size(target: Target) -> None:
    if not target.any_size:
        raise InputError(
            f"a file for '{target.known_as}' takes images of one size only, which a run does not know: leave it"
            " out (export: []), and write it with qnas export --size HxW"
        )


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


def _try(network: nn.Module, targets: Sequence[Target]) -> None:
    calibrate_for_training(network, lambda: network(torch.rand(1, 3, _SIDE, _SIDE)))
    network.eval()
    with tempfile.TemporaryDirectory() as folder:
        for any_size, size in ((True, None), (False, (_SIDE, _SIDE))):
            of_size = [target for target in targets if target.any_size == any_size]
            if of_size:
                _write(lower(network, size), of_size, Path(folder))


def _write(lowered: Lowered, targets: Sequence[Target], folder: Path) -> None:
    for target in targets:
        try:
            target.write(lowered.program, folder / f"tried{target.suffix}")
        except QnasError:
            raise
        except Exception as error:
            raise InputError(f"'{target.known_as}' can't write the network: {first_line(error)}") from error


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
        wider = sorted(target.native_bits)
        listed = " and ".join(filter(None, [", ".join(map(str, narrow[:-1])), str(narrow[-1])]))
        yield (
            f"'{target.known_as}' computes on {' or '.join(map(str, wider))} bits: at {listed} bits it is exact, but no"
            " faster"
        )
