"""What is said of a found network beside its baselines."""

from typing import Any

import pytest

from qnas.core.run.beside import Beside


def scored(**psnr: float | None) -> dict[str, Any]:
    return {"test": {name: {"psnr_y": value} for name, value in psnr.items()}}


FOUND = scored(Set5=30.5, Set14=27.25)
OTHERS = {
    "float": scored(Set5=30.75, Set14=27.2),
    "uniform 8": scored(Set5=30.6, Set14=27.3),
    "uniform 4": scored(Set5=30.1, Set14=27.25),
}


def test_differences_are_said_for_each_test_set() -> None:
    beside = Beside({**FOUND, "baselines": OTHERS, "uniform_at_cost": "uniform 4"})
    assert list(beside.networks) == ["float", "uniform 8", "uniform 4 (at this cost)", "found"]
    assert beside.sentences == [
        "quantization cost +0.25 dB on Set5, \N{MINUS SIGN}0.05 dB on Set14 (float - found)",
        "the search gained +0.40 dB on Set5, 0.00 dB on Set14 (found - uniform 4, the widest uniform network at this"
        " cost)",
    ]


def test_under_limits_the_bound_is_theirs() -> None:
    beside = Beside({**FOUND, "limits": {"size": {}}, "baselines": OTHERS, "uniform_at_cost": "uniform 8"})
    assert list(beside.networks)[1:3] == ["uniform 8 (within the limits)", "uniform 4"]
    assert beside.sentences[1].endswith("(found - uniform 8, the widest uniform network within the limits)")


def test_a_uniform_network_that_was_found_has_no_row_of_its_own() -> None:
    others = {"uniform 8": OTHERS["uniform 8"], "uniform 4": {**FOUND, "is_found": True}}
    beside = Beside({**FOUND, "baselines": others, "uniform_at_cost": "uniform 4"})
    assert list(beside.networks) == ["uniform 8", "found, which is uniform 4 (at this cost)"]
    assert beside.sentences == ["the search gained nothing: it found uniform 4 (at this cost)"]


def test_without_a_uniform_network_at_this_cost_nothing_is_said_of_the_search() -> None:
    beside = Beside({**FOUND, "baselines": {"uniform 8": OTHERS["uniform 8"]}, "uniform_at_cost": None})
    assert list(beside.networks) == ["uniform 8", "found"]
    assert beside.sentences == [
        "there is no uniform network of native operations at this cost to measure the search by"
    ]


@pytest.mark.parametrize("result", [FOUND, {**FOUND, "baselines": {}}])
def test_without_baselines_there_is_nothing(result: dict[str, Any]) -> None:
    assert (Beside(result).networks, Beside(result).sentences) == ({}, [])


def test_a_figure_that_json_does_not_have_is_unknown() -> None:
    beside = Beside({**scored(Set5=None), "baselines": {"float": scored(Set5=31.0)}})
    assert beside.sentences == ["quantization cost \N{EN DASH} dB on Set5 (float - found)"]
