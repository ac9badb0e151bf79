"""How much memory a process of its own takes."""

import re

import pytest
import torch
from torch import nn

from qnas.core.components import Target
from qnas.core.deploy.lowering import capture
from qnas.core.deploy.memory import peak_memory
from qnas.core.errors import QnasError

CHANNELS = 8


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, CHANNELS, 3, padding=1), nn.ReLU(), nn.Conv2d(CHANNELS, 3, 3, padding=1))
    path = tmp_path_factory.mktemp("file") / "network.onnx"
    Target.of("onnxruntime").write(capture(network.eval(), None), path)
    return path


def test_a_larger_image_takes_as_much_more_as_its_features_have_bytes(file):
    small, large = (peak_memory(Target.of("onnxruntime"), file, (side, side), 1) for side in (8, 1024))
    assert small > 1_000_000  # the runtime's library
    features = 1024 * 1024 * CHANNELS * 4
    assert large - small > features


def test_a_process_that_fails_says_why(tmp_path):
    with pytest.raises(QnasError, match=re.escape(str(tmp_path / "none.onnx"))):
        peak_memory(Target.of("onnxruntime"), tmp_path / "none.onnx", (8, 8), 1)


def test_systems_that_do_not_tell_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr("qnas.core.deploy.memory._RESET", tmp_path / "none")
    with pytest.raises(QnasError, match="only Linux says"):
        peak_memory(Target.of("onnxruntime"), tmp_path / "none.onnx", (8, 8), 1)
