"""What the last lines of a run say of its scores."""

from typing import Any

import pytest

from qnas.core.cli.terminal.summary import worse_than_baseline
from qnas.core.run.beside import Beside


def scores(psnr: float | None, bicubic: float | None) -> dict[str, Any]:
    return {"psnr_y": psnr, "bicubic": {"psnr_y": bicubic}}


@pytest.mark.parametrize(
    ("images", "told"),
    [
        ({"a": scores(30.0, 29.0), "b": scores(30.0, 30.0)}, []),
        (
            {"a": scores(30.0, 29.0), "b": scores(34.25, 45.75), "c": scores(30.0, 30.5)},
            ["own: bicubic is better on 2 of 3 images, most on b, by 11.50 dB"],
        ),
        ({"a": scores(30.0, None)}, ["own: bicubic is better on 1 of 1 images, most on a, which it gives exactly"]),
        ({"a": scores(None, None), "b": scores(None, 30.0)}, []),
    ],
)
def test_images_that_are_worse_than_bicubic_are_told(images: dict[str, Any], told: list[str]) -> None:
    assert list(worse_than_baseline({"own": images}, "bicubic")) == told


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("found", "the search gained +1.00 dB on own (found - uniform 4, the widest uniform network at this cost)"),
        (
            "uniform mix",
            "uniform mix, which beat what the search found, gained +1.00 dB on own (kept - uniform 4, the widest"
            " uniform network at this cost)",
        ),
    ],
)
def test_what_was_kept_in_place_of_what_the_search_found_is_no_gain_of_it(kept: str, told: str) -> None:
    test = {"own": {"psnr_y": 31.0}}
    uniform = {"test": {"own": {"psnr_y": 30.0}}}
    result = {"test": test, "kept": kept, "baselines": {"uniform 4": uniform}, "uniform_at_cost": "uniform 4"}
    assert Beside(result).sentences == [told]
