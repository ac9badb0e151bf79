"""The energy of multiply-accumulates."""

import json
from pathlib import Path

import pytest

from qnas.core.components import ConvolutionShape, Cost
from qnas.core.settings import FLOAT_BITS

MACS = 3 * 3 * 4 * 8 * 20 * 24


def shape(weight_bits: int, activation_bits: int) -> ConvolutionShape:
    return ConvolutionShape("", 4, 8, (3, 3), 1, (20, 24), True, weight_bits, activation_bits)


def costs(table: Path) -> str:
    return f"space: {{name: basic, channels: 6, cells: 1}}\ncosts: {{energy: {{table: {table}}}}}\n"


@pytest.mark.parametrize(
    ("widths", "picojoules"), [((8, 8), 0.3), ((4, 2), 0.3), ((9, 8), 3.2), ((8, FLOAT_BITS), 4.6)]
)
def test_by_default_it_is_what_the_paper_has(widths: tuple[int, int], picojoules: float) -> None:
    assert Cost.of("energy").of_convolution(shape(*widths)) == round(1000 * picojoules) * MACS


def test_a_table_has_its_own_widths(tmp_path: Path) -> None:
    path = tmp_path / "energies.json"
    path.write_text(json.dumps({"source": "mine", "picojoules": {"2": 0.02, "4": 0.07, "8": 0.2, "float": 4}}))
    price = Cost.of({"name": "energy", "table": str(path)}).of_convolution
    prices = [price(shape(*widths)) / MACS for widths in ((2, 2), (2, 4), (3, 3), (8, 4), (16, 16), (32, 32))]
    assert prices == [20, 70, 70, 200, 4000, 4000]


def test_a_run_takes_its_copy(tmp_path: Path) -> None:
    path, folder = tmp_path / "energies.json", tmp_path / "run"
    path.write_text(json.dumps({"source": "mine", "picojoules": {"float": 4}}))
    cost = Cost.of({"name": "energy", "table": str(path)})
    cost.keep(folder)
    path.unlink()
    assert cost.kept_in(folder).of_convolution(shape(8, 8)) == 4000 * MACS
    Cost.of("energy").keep(tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"picojoules": {"float": 1}}',
        '{"source": "", "picojoules": {"float": 1}}',
        '{"source": "x", "picojoules": {"8": 1}}',
        '{"source": "x", "picojoules": {"8": 2, "float": 1}}',
        '{"source": "x", "picojoules": {"8": 0, "float": 1}}',
        '{"source": "x", "picojoules": {"64": 1, "float": 1}}',
        '{"source": "x", "picojoules": {"8": NaN, "float": 1}}',
    ],
)
def test_what_is_no_table_is_told_in_one_line(mistakes, tmp_path: Path, content: str) -> None:
    path = tmp_path / "energies.json"
    path.write_text(content)
    (line,) = mistakes(costs(path))
    assert line.startswith(f"spec.yaml:2:25: costs.energy.table: {path}: "), line


def test_a_table_that_is_gone_is_told_in_one_line(mistakes, tmp_path: Path) -> None:
    (line,) = mistakes(costs(tmp_path / "none.json"))
    assert line.endswith("none.json: can't be read: No such file or directory"), line
