import re
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch.export import ExportedProgram

from qnas.core.components import Quantizer, Runtime, Space, Target
from qnas.core.deploy.foresight import foresee
from qnas.core.errors import InputError

SPACE = Space.of({"name": "skeleton", "channels": 6, "body": ["residual"], "bits": [2, 4, [8, 32]]})
LSQ = Quantizer.of("lsq")


class Noting(Target):
    """Notes how many tensors become integers in what it is given."""

    suffix: ClassVar = ".txt"
    quantized: ClassVar[list[int]] = []
    refuses: str = ""

    def write(self, program: ExportedProgram, path: Path) -> None:
        if self.refuses:
            raise RuntimeError(self.refuses)
        targets = [node.target for node in program.graph.nodes]
        self.quantized.append(targets.count(torch.ops.quantized_decomposed.quantize_per_tensor.default))

    def load(self, path: Path, threads: int = 0) -> Runtime:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def noted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr(Noting, "quantized", [])
    return Noting.quantized


def test_what_is_tried_has_the_integers_between_that_the_found_network_will_have(noted: list[int]) -> None:
    for between in (None, 8):
        foresee(SPACE, 2, LSQ, between, [Noting()])
    floats, integers = noted
    assert integers > floats > 0


def test_without_a_target_nothing_is_tried(noted: list[int]) -> None:
    assert foresee(SPACE, 2, Quantizer.of("none"), None, []) == []
    assert noted == []


def test_narrow_widths_are_named_and_float_is_not() -> None:
    (notice,) = foresee(SPACE, 2, LSQ, None, [Noting()])
    assert notice == "'Noting' computes on 8 bits: at 2 and 4 bits it is exact, but no faster"


def test_no_random_number_is_drawn() -> None:
    before = torch.get_rng_state()
    foresee(SPACE, 2, LSQ, 8, [Noting()])
    assert torch.equal(torch.get_rng_state(), before)


def test_whatever_a_target_raises_is_one_line() -> None:
    with pytest.raises(InputError, match=r"^'Noting' can't write the network: RuntimeError: no such kernel$"):
        foresee(SPACE, 2, LSQ, None, [Noting(refuses="no such kernel\nat all")])


def test_what_is_measured_over_whole_images_is_told() -> None:
    space = Space.of(
        {"name": "skeleton", "channels": 6, "body": [{"block": "residual", "residual": "adq"}], "bits": [8]}
    )
    (notice,) = foresee(space, 2, LSQ, None, [Noting()])
    assert notice.startswith("what the network measures over whole images ('body.0") and "--freeze" in notice


class OneSize(Noting):
    any_size: ClassVar = False


def test_a_target_of_one_size_is_tried_at_one_if_the_run_does_not_export_to_it(noted: list[int]) -> None:
    assert foresee(SPACE, 2, LSQ, None, [OneSize()], [])
    assert noted
    said = "a file for 'OneSize' takes images of one size: name it (--size 256x256, or {name: OneSize, size: 256x256}"
    with pytest.raises(InputError, match=re.escape(said)):
        foresee(SPACE, 2, LSQ, None, [OneSize()])


def test_each_target_is_tried_at_the_size_that_it_states(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def note(self: Target, program: ExportedProgram, path: Path) -> None:
        assert not path.exists()
        (lr,) = program.graph.find_nodes(op="placeholder")[-1:]
        sizes.append(tuple(side if isinstance(side, int) else None for side in lr.meta["val"].shape[2:]))

    monkeypatch.setattr(Noting, "write", note)
    foresee(SPACE, 3, LSQ, None, [Noting(), Noting(size="540p"), OneSize(size="20x24"), Noting(size="20x24")])
    assert sizes == [(None, None), (180, 320), (20, 24), (20, 24)]


class Documented(Noting):
    native_bits: ClassVar = frozenset({4, 8})
    native_source: ClassVar = "https://example.org/widths"


def test_where_the_widths_are_documented_is_told() -> None:
    (notice,) = foresee(SPACE, 2, LSQ, None, [Documented()])
    assert notice == (
        "'Documented' computes on 4 or 8 bits: at 2 bits it is exact, but no faster (see https://example.org/widths)"
    )
