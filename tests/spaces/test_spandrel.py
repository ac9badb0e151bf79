"""Networks of `spandrel`, a third-party library: each is trained, reloaded and gives the same images, or is refused.

It has 43 architectures; left out are those that enlarge nothing (they restore, at scale 1, or take other inputs).
"""

import json
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from qnas.core.cli.main import invoke

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("spandrel") is None, reason="pip install --no-deps spandrel, as the Makefile does"),
]

NETWORKS = Path(__file__).parents[2] / "benchmarks/spandrel_networks.py"

WORKING: dict[str, dict[str, Any]] = {
    "ATD/atd_arch:ATD": {
        "embed_dim": 12,
        "depths": [2],
        "num_heads": [2],
        "category_size": 64,
        "num_tokens": 8,
        "upscale": 2,
        "upsampler": "pixelshuffledirect",
    },
    "CRAFT/CRAFT:CRAFT": {"embed_dim": 12, "depths": [1], "num_heads": [6], "upscale": 2},
    "Compact/SRVGG:SRVGGNetCompact": {"num_feat": 8, "num_conv": 2, "upscale": 2},
    "DAT/DAT:DAT": {
        "embed_dim": 16,
        "depth": [2],
        "num_heads": [2],
        "expansion_factor": 2,
        "upscale": 2,
        "upsampler": "pixelshuffledirect",
    },
    "DITN/DITN_Real:DITN_Real": {"dim": 12, "ITL_blocks": 1, "SAL_blocks": 1, "UFONE_blocks": 1, "upscale": 2},
    "ESRGAN/RRDB:RRDBNet": {"num_filters": 8, "num_blocks": 1, "scale": 2},
    "FDAT/fdat:FDAT": {
        "embed_dim": 16,
        "num_groups": 1,
        "depth_per_group": 2,
        "num_heads": 2,
        "mid_dim": 16,
        "scale": 2,
        "upsampler_type": "pixelshuffle",
    },
    "GRL/grl:GRL": {
        "embed_dim": 12,
        "depths": [2],
        "num_heads_window": [2],
        "num_heads_stripe": [2],
        "upscale": 2,
        "upsampler": "pixelshuffledirect",
    },
    "HAT/HAT:HAT": {
        "embed_dim": 12,
        "depths": [1],
        "num_heads": [2],
        "window_size": 8,
        "squeeze_factor": 3,
        "upscale": 2,
        "num_feat": 8,
    },
    "MoESR/MoESR:MoESR": {"scale": 2, "dim": 16, "n_blocks": 1, "n_block": 1},
    "MoSR/mosr_arch:MoSR": {"dim": 16, "n_block": 1, "upscale": 2},
    "OmniSR/OmniSR:OmniSR": {"num_feat": 16, "up_scale": 2},
    "PLKSR/PLKSR:PLKSR": {"dim": 16, "n_blocks": 1, "upscaling_factor": 2},
    "PLKSR/RealPLKSR:RealPLKSR": {"dim": 16, "n_blocks": 1, "upscaling_factor": 2, "dysample": True},
    "RCAN/rcan_arch:RCAN": {"scale": 2, "n_resgroups": 1, "n_resblocks": 1, "n_feats": 16},
    "RGT/rgt:RGT": {"embed_dim": 16, "depth": [2], "num_heads": [2], "split_size": [4, 4], "upscale": 2},
    "SAFMN/safmn:SAFMN": {"dim": 12, "n_blocks": 1, "upscaling_factor": 2},
    "SPAN/span:SPAN": {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 8, "upscale": 2},
    "SeemoRe/seemore_arch:SeemoRe": {"scale": 2, "num_experts": 2, "num_layers": 1, "embedding_dim": 12},
    "SwiftSRGAN/SwiftSRGAN:Generator": {"num_channels": 8, "num_blocks": 1, "upscale_factor": 2},
    "Swin2SR/Swin2SR:Swin2SR": {
        "embed_dim": 12,
        "depths": [2],
        "num_heads": [2],
        "window_size": 8,
        "upscale": 2,
        "upsampler": "pixelshuffledirect",
    },
    "SwinIR/SwinIR:SwinIR": {
        "embed_dim": 12,
        "depths": [2],
        "num_heads": [2],
        "window_size": 8,
        "upscale": 2,
        "upsampler": "pixelshuffledirect",
    },
}
QUICK = ("Compact/", "ESRGAN/", "PLKSR/Real", "RCAN/", "SAFMN/", "SPAN/", "SwinIR/")
"""Those that `make slow` tries; between them they have what the others are made of, which `make thorough` tries."""
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "DCTLSA/dctlsa:DCTLSA": (
        {"nf": 10, "num_modules": 1, "upscale": 2},
        r"weight of size \[10, 10, 1, 1\], expected input\[1, 60, 32, 32\]",
    ),
    "DRCT/drct_arch:DRCT": (
        {"embed_dim": 12, "depths": [2], "num_heads": [2], "window_size": 8, "gc": 8, "upscale": 2},
        r"makes \(1, 3, 32, 32\) of an image of \(1, 3, 32, 32\), not \(1, 3, 64, 64\)",
    ),
    "RealCUGAN/upcunet_v3:UpCunet2x": ({}, "does not run on an LR image of 16 x 16: .*Padding size should be less"),
    "SAFMNBCIE/safmn_bcie:SAFMN_BCIE": (
        {"dim": 12, "n_blocks": 1, "num_layers": 1, "upscaling_factor": 2},
        r"makes \(1, 3, 32, 32\) of an image of \(1, 3, 32, 32\), not \(1, 3, 64, 64\)",
    ),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, with the target beside the spec."""
    shutil.copy(NETWORKS, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_spec(architecture: str, arguments: dict[str, Any]) -> None:
    spec = {
        "scale": 2,
        "device": "cpu",
        "space": {
            "name": "module",
            "target": "spandrel_networks:make",
            "arguments": {"architecture": architecture, **arguments},
            "weights": "module",
            "bits": [8],
        },
        "data": {
            "train": {"name": "dead-leaves", "amount": 6, "size": 48},
            "test": {"photos": {"name": "folder", "path": "photos"}},
            "validation": 2,
            "patch": 16,
        },
        "train": {"steps": 3, "batch": 2, "validations": 1},
    }
    Path("spec.yaml").write_text(yaml.safe_dump(spec))


def write_photos() -> None:
    from PIL import Image
    from skimage.data import chelsea

    Path("photos").mkdir()
    for index, (width, height) in enumerate(((48, 40), (50, 46))):
        Image.fromarray(chelsea()[50 : 50 + height, 90 : 90 + width]).save(f"photos/{index}.png")


@pytest.mark.parametrize(
    "architecture",
    [pytest.param(name, marks=[pytest.mark.thorough] * (not name.startswith(QUICK))) for name in WORKING],
)
def test_it_is_checked_trained_reloaded_and_gives_the_same_images(architecture):
    write_spec(architecture, WORKING[architecture])
    write_photos()
    assert invoke(["check", "spec.yaml"]) == 0
    assert invoke(["run", "spec.yaml", "--out", "run"]) == 0
    assert invoke(["evaluate", "run", "--data", "photos", "--out", "again.json", "--device", "cpu"]) == 0
    of_run, again = (json.loads(Path(name).read_text()) for name in ("run/evaluate/result.json", "again.json"))
    assert again["images"]["photos"] == of_run["images"]["photos"]


@pytest.mark.parametrize("architecture", REFUSED)
def test_it_is_refused_alike_by_check_and_run_with_a_reason(architecture, capsys):
    arguments, reason = REFUSED[architecture]
    write_spec(architecture, arguments)
    write_photos()
    said = []
    for command in (["check", "spec.yaml"], ["run", "spec.yaml", "--out", "run"]):
        capsys.readouterr()
        assert invoke(command) == 2
        said.append(capsys.readouterr().err)
    assert said[0] == said[1]
    assert said[0].count("\n") == 1
    assert re.search(reason, said[0])
    assert "meta" not in said[0]
    assert not Path("run").exists()
