"""The contract of targets."""

import copy
import importlib.metadata
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.export import ExportedProgram

from qnas.core.components import Runtime, Target, Values
from qnas.core.deploy.parity import compare
from qnas.core.deploy.quiet import quiet
from qnas.core.errors import InputError
from qnas.core.settings.lr_sizes import Size
from qnas.testing.contract import contract
from qnas.testing.failure import told_as
from qnas.testing.small_network import SmallNetwork

_SIZE: Size = (24, 28)
_OF_SOURCES = (b"Traceback", b'File "', b'File \\"')


class _Case(NamedTuple):
    """A network to export, and the width of what stands between its slots."""

    network: SmallNetwork
    between: int | None

    def __str__(self) -> str:
        between = "" if self.between is None else f" with {self.between} bits between its slots"
        return f"a network {self.network.value}{between}"


def check_target(reference: Target | str | Mapping[str, Any]) -> None:
    """Check that a target meets its contract, by exporting small networks.

    They are at 8 bits, at mixed bit-widths, with attention, and with each width between their slots that it can run;
    all integers are signed if it wants that.

    The packages that it requires are installed. It writes one file a network, the same bytes each time, that says
    nothing of this machine, and leaves the network as it is. What it loads gives the images of the network, on one
    thread too. What it can't do, it refuses in one line; it can do at least one of the networks.

    Args:
        reference: A target, its name, or a mapping of its name and fields.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Target.of, reference) as target:
        _check_stated(target)
        _check_versions(target)
        cases = [_Case(network, target.fills) for network in SmallNetwork]
        cases += [_Case(SmallNetwork.UNIFORM, bits) for bits in sorted(target.between - {target.fills}, key=str)]
        refused = [reason for case in cases if (reason := _refusal(target, case))]
        assert len(refused) < len(cases), f"it refuses every network: {refused[0]}"


def _check_stated(target: Target) -> None:
    suffix: object = getattr(target, "suffix", None)
    is_suffix = isinstance(suffix, str) and re.fullmatch(r"\.[A-Za-z0-9_.]+", suffix)
    assert is_suffix, f"its suffix is {suffix!r}; it must be a dot and what stands behind it"
    assert target.native_bits, "it states no native_bits"
    fills, between = target.fills, sorted(target.between, key=str)
    assert fills in between, f"it fills joints with {fills} bits, but can run only {between} there (None is float)"


def _check_versions(target: Target) -> None:
    try:
        versions: object = target.versions()
    except InputError as error:
        raise AssertionError(f"it can't be checked here: {error}") from error
    known = {name: importlib.metadata.version(name) for name in target.requires}
    assert versions == known, f"its versions are {versions}, but installed are {known}"
    settings: object = target.settings()
    is_text = isinstance(settings, Mapping) and all(isinstance(text, str) for item in settings.items() for text in item)
    assert is_text, f"its settings are {settings!r}, not texts by their names"


def _refusal(target: Target, case: _Case) -> str:
    """Check one network; returns why the target refuses it, or ``""``."""
    lowered = case.network.lowered(None if target.any_size else _SIZE, case.between, target.signed)
    with told_as(f"for {case}"), tempfile.TemporaryDirectory() as parent:
        path = Path(parent) / f"first{target.suffix}"
        reason = _write(target, lowered.program, path)
        if not reason:
            _check_content(path)
            if case.network is SmallNetwork.MIXED:  # one is enough, as writing takes the most time
                _check_again(target, lowered.program, path)
            _check_images(target, path, case, lowered.size)
        return reason


def _write(target: Target, program: ExportedProgram, path: Path) -> str:
    """Write a network; returns why the target refuses it, or ``""``."""
    with quiet():
        given = copy.deepcopy(program)
    try:
        target.write(given, path)
    except InputError as refusal:
        reason = str(refusal)
        assert reason and len(reason.splitlines()) == 1, f"it refuses a network in other than one line: {reason!r}"
        assert not path.exists(), "it refuses a network, but leaves a file"
        return reason
    assert _is_same(given, program), "it changes the network that it is given"
    assert path.is_file() and path.stat().st_size, "it writes no file, or an empty one"
    beside = sorted(other.name for other in path.parent.iterdir() if other != path)
    assert not beside, f"it writes more than one file: {', '.join(beside)}"
    return ""


def _is_same(one: ExportedProgram, other: ExportedProgram) -> bool:
    tensors, others = ({**program.state_dict, **program.constants} for program in (one, other))
    is_same = tensors.keys() == others.keys() and all(_equal(tensors[name], others[name]) for name in tensors)
    return is_same and str(one.graph) == str(other.graph)


def _equal(one: Any, other: Any) -> bool:
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else type(one) is type(other)


def _check_content(path: Path) -> None:
    private = {str(path.parent).encode(), str(Path.home()).encode(), str(Path(__file__).parents[1]).encode()}
    for content in _contents(path):
        found = [text.decode() for text in (*sorted(private), *_OF_SOURCES) if text in content]
        assert not found, f"its file has {found[0]!r} in it: no path or line of code of this machine may be there"


def _contents(path: Path) -> Iterator[bytes]:
    """What stands in a file, and in what it packs."""
    yield path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            yield from map(packed.read, packed.namelist())


def _check_again(target: Target, program: ExportedProgram, first: Path) -> None:
    again = first.parent / "again" / first.name
    again.parent.mkdir()
    with told_as("written again"):
        reason = _write(Target.of(target.reference()), program, again)
        assert not reason, f"it refuses what it wrote before: {reason}"
        assert again.read_bytes() == first.read_bytes(), "its file has other bytes"


def _check_images(target: Target, path: Path, case: _Case, size: Size | None) -> None:
    network, scale = case.network.network(case.between, target.signed), case.network.scale
    for threads in (0, 1):
        with told_as(f"with threads={threads}"):
            runtime = target.load(path, threads)
            _check_runtime(runtime, size or _SIZE, scale)
            failure = compare(network, runtime, {"images": case.network.images()}, scale, size).failure()
            assert not failure, f"its file gives different images than the network: {failure}"


def _check_runtime(runtime: Runtime, size: Size, scale: int) -> None:
    random = np.random.default_rng(0)
    first, second = (random.random((1, 3, *size), dtype=np.float32) for _ in range(2))
    before, enlarged = first.copy(), _enlarged(runtime, first, scale)
    kept = enlarged.copy()
    assert np.array_equal(first, before), "what it loads changes the image that it is given"
    _enlarged(runtime, second, scale)
    assert np.array_equal(enlarged, kept), "what it loads changes the image that it made before: return a copy"


def _enlarged(runtime: Runtime, lr: Values, scale: int) -> Values:
    sr: object = runtime(lr)
    wanted = (1, 3, lr.shape[2] * scale, lr.shape[3] * scale)
    assert isinstance(sr, np.ndarray), f"what it loads makes an object of type {type(sr).__name__}, not an array"
    made = f"{sr.shape} {sr.dtype}"
    assert sr.shape == wanted and sr.dtype == np.float32, f"what it loads makes {made}, not {wanted} float32"
    return sr
