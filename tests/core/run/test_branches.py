"""A run whose convolutions are trained with branches leaves the network that it would leave without: plain ones."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from qnas.core.deploy.lowering import lower, with_integers
from qnas.core.files.folder import RunFolder
from qnas.core.network.branches import BranchSum
from qnas.core.run.deployment.found import load_found
from qnas.core.run.run import run_spec
from qnas.core.spec import read_spec


@pytest.mark.slow
@pytest.mark.parametrize("start", ["scratch", "supernet"])
def test_what_is_kept_of_a_run_with_branches_is_plain(start: str, tiny: Path, tmp_path: Path, monkeypatch) -> None:
    summed = []
    kernel = BranchSum.kernel
    monkeypatch.setattr(BranchSum, "kernel", lambda self: summed.append(1) or kernel(self))
    layouts, costs = [], []
    for name, operation in {"with": "{name: native, branches: [ecbsr, identity]}", "without": "native"}.items():
        candidates = f"space.operations={{body: [{operation}], all: [native]}}"
        spec = read_spec(tiny, ("space.bits=[8]", f"train.start={start}", candidates)).spec
        done = run_spec(spec, RunFolder(tmp_path / name), until="evaluate")
        weights = safetensors.torch.load_file(tmp_path / name / "model.safetensors")
        layouts.append({name: tensor.shape for name, tensor in weights.items()})
        costs.append({name: done[name] for name in ("bitops", "macs", "params", "size")})
        assert bool(summed) == (name == "with")
        summed.clear()
    assert layouts[0] == layouts[1]
    assert costs[0] == costs[1]

    folder = tmp_path / "with"
    found = load_found(folder, torch.device("cpu"))
    kept = json.loads((folder / "architecture.json").read_text())["slots"]["body.0.body.chain.0"]["operation"]
    assert kept["branches"] == ["ecbsr", "identity"]
    assert not any(isinstance(module, BranchSum) for module in found.network.modules())
    image = torch.rand(1, 3, 17, 19)
    with torch.no_grad():
        torch.testing.assert_close(with_integers(found.network)(image), found.network(image), atol=2e-3, rtol=0)
    lowered = lower(found.network)
    assert lowered.integer == lowered.total > 0
