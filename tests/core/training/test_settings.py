"""The settings of a training: what is refused, and what shares of the steps mean."""

import re
from pathlib import Path

import pytest

from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.run.estimate import estimate
from qnas.core.run.run import run_spec
from qnas.core.spec import dump_spec, load_spec
from qnas.core.training.machine import Machine
from qnas.core.training.settings import Training


def test_shares_are_of_the_steps_and_exact():
    patches = {"7.1%": 32, "0%": 16, "99.9%": 48}
    assert Training(steps=3000, patches=patches).patch_after(3000) == {0: 16, 213: 32, 2997: 48}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.patches={half: 48}", "train.patches: a size begins after a share of the steps below 100%, such as 50%"),
        ("train.patches={100%: 48}", "not after '100%'"),
        ("train.patches={-1%: 48}", "not after '-1%'"),
        ("train.patches={50%: 4}", "train.patches.50%: must be greater than or equal to 8 (got 4)"),
        ("train.patches={1%: 8, 2%: 9}", "train.patches: two of its sizes begin after the same of 6 steps"),
        (
            "train.learning_rate_warmup=6",
            "train.learning_rate_warmup: must leave a step at the full rate, of 6 (got 6)",
        ),
        ("train.ema=1", "train.ema: must be less than 1 (got 1)"),
        ("train.ema=0", "train.ema: must be greater than 0 (got 0)"),
        ("train.accumulate=0", "train.accumulate: must be greater than 0 (got 0)"),
        ("train.weight_decay=-1", "train.weight_decay: must be greater than or equal to 0 (got -1)"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(override: str, message: str, tiny: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_spec(tiny, [override])
    (line,) = str(caught.value).splitlines()
    assert message.removeprefix(override.partition("=")[0]).lstrip(":. ") in line


def test_images_that_are_too_small_for_the_largest_patch_are_refused_in_a_line(tiny: Path, tmp_path: Path) -> None:
    spec = load_spec(tiny, ["train.patches={50%: 17}"])
    with pytest.raises(InputError, match=re.escape("smaller than the patch of 17: lower the sizes in train.patches")):
        run_spec(spec, RunFolder(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_crops_that_are_too_small_for_the_largest_patch_are_refused(tiny: Path) -> None:
    with pytest.raises(InputError, match=r"data.crop.size: must be at least 32, for a patch of 16 \(got 24\)"):
        load_spec(tiny, ["train.patches={50%: 16}", "data.crop={size: 24, stride: 8}"])


def test_patches_survive_the_spec_of_a_run(tiny: Path) -> None:
    spec = load_spec(tiny, ["train.patches={0%: 8, 62.5%: 16}"])
    tiny.write_text(dump_spec(spec))
    assert load_spec(tiny) == spec
    assert hash(spec.train) == hash(load_spec(tiny).train)


def test_the_estimate_knows_of_larger_steps(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def step(machine, run, batch, side):
        asked.append((batch, side))
        return side**2 / 1000, side**2

    monkeypatch.setattr("qnas.core.run.estimate._step", step)
    machine = Machine.choose("cpu")
    before = estimate(load_spec(tiny), machine)
    after = estimate(load_spec(tiny, ["train.patches={50%: 16}", "train.accumulate=3"]), machine)
    assert (2, 16) in asked
    assert after.train_seconds == pytest.approx(before.train_seconds * 3 * (1 + 4) / 2)
    assert after.search_seconds == pytest.approx(before.search_seconds)
