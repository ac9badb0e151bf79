"""The folder of a run with a found network, written without searching or training one."""

from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from qnas.core.components import Space
from qnas.core.files.folder import RunFolder
from qnas.core.network import Architecture, slot_candidates
from qnas.core.network.calibration import calibrate
from qnas.core.spec import Spec, dump_spec

PLAIN: dict[str, Any] = {
    "name": "basic",
    "channels": 6,
    "cells": 1,
    "bits": [4],
    "residual": "plain",
    "image_residual": "bicubic",
}
ADQ: dict[str, Any] = {**PLAIN, "residual": "adq"}


def write_run(
    path: Path, space: dict[str, Any] = PLAIN, scale: int = 2, train: Any = "lsq", between: int | None = None
) -> nn.Module:
    """Write spec.yaml, architecture.json and model.safetensors; returns the network."""
    torch.manual_seed(0)
    spec = Spec.model_validate(
        {"name": "run", "scale": scale, "space": space, "quantizer": {"train": train, "between": between}}
    )
    made = Space.of(space)
    chosen = {slot: options[0] for slot, options in slot_candidates(made, scale).items()}
    architecture = Architecture.from_candidates(made, scale, chosen)
    network = architecture.build(spec.quantizer.train, between)
    for name, parameter in network.named_parameters():  # so that every part affects the output
        if name.startswith("gain.") or name.endswith("bias"):
            nn.init.uniform_(parameter, 0.1, 0.5)
    calibrate(network.train(), lambda: network(torch.rand(2, 3, 16, 16)))
    folder = RunFolder(path)
    folder.write_text("spec.yaml", dump_spec(spec))
    folder.write_text("architecture.json", architecture.to_json())
    folder.write_tensors("model.safetensors", network.state_dict())
    return network.eval()


def edit_spec(path: Path, *keys: str, value: Any) -> None:
    """Change one field of spec.yaml."""
    file = path / "spec.yaml"
    spec = inner = yaml.safe_load(file.read_text())
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    file.write_text(yaml.safe_dump(spec))
