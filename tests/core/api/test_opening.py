"""``qnas.open_module``: networks that there are, as spaces."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import qnas

from .conftest import IMAGES, SMALL, TEST

pytestmark = pytest.mark.filterwarnings("ignore::qnas.QnasWarning")
CODE = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, channels=8, scale=2, *, bias=True):
        super().__init__()
        self.channels = channels
        self.head = nn.Conv2d(3, channels, 3, padding=1, bias=bias)
        self.tail = nn.Conv2d(channels, 3 * scale**2, 3, padding=1)
        self.up = nn.PixelShuffle(scale)

    def forward(self, x):
        pad = -x.shape[-1] % 2
        if pad:
            x = nn.functional.pad(x, (0, pad))
        y = self.up(self.tail(self.head(x).relu()))
        return y[..., : y.shape[-1] - 2 * pad]
"""


def chain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.PReLU(8),
        nn.Conv2d(8, 8, 3, padding=1, groups=2),
        nn.LeakyReLU(0.1, inplace=True),
        nn.Conv2d(8, 12, 1),
        nn.PixelShuffle(2),
    )


class Written(nn.Module):
    """What tracing has to write down: parameters, buffers and constants of its own, shared and nested layers."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleList([nn.Conv2d(3, 3, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(3, 12, 1))])
        self.gain = nn.Parameter(torch.rand(1, 3, 1, 1))
        self.register_buffer("mean", torch.rand(1, 3, 1, 1))
        self.offset = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
        self.act = F.hardswish  # no class can be called with that

    def forward(self, x):
        y = (x - self.mean) * self.gain + self.offset
        for _ in range(2):
            y = y + self.act(self.body[0](y))
        up = F.pixel_shuffle(self.body[1](y), upscale_factor=2)
        return up + F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The class of a file in the current folder."""
    (tmp_path / "own_net.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield __import__("own_net").Net
    sys.modules.pop("own_net", None)


def filled(space: qnas.Space, scale: int = 2) -> nn.Module:
    """The space's network in float, with the weights that a search would start from."""
    from qnas.core.network import build_original

    return build_original(space, scale).eval()


@pytest.mark.parametrize("make", [chain, Written])
def test_a_network_of_no_class_is_opened_with_its_weights(make: Any) -> None:
    model = make().eval()
    space = qnas.open_module(model, bits=[4, 8])
    lr = torch.rand(2, 3, 17, 20)
    torch.testing.assert_close(filled(space)(lr), model(lr))
    slots = dict(qnas.find_slots(space.build(2)))
    assert set(slots) == {path for path, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    assert {widths.weight for widths in space.bits} == {4, 8}


def test_a_class_that_can_be_imported_is_called_with_what_its_attributes_say(net: Any) -> None:
    model = net(channels=6).eval()
    space = qnas.open_module(model)
    assert (space.target, dict(space.arguments)) == ("own_net:Net", {"channels": 6})
    lr = torch.rand(1, 3, 8, 9)
    torch.testing.assert_close(filled(space)(lr), model(lr))
    # What can't be traced either, since it depends on sizes, needs its arguments: they are in no attribute.
    with pytest.raises(qnas.InputError, match=r"makes another network: .* can't be traced: .* arguments=\{") as caught:
        qnas.open_module(net(bias=False))
    assert "\n" not in str(caught.value)
    assert dict(qnas.open_module(net(bias=False), arguments={"bias": False}).arguments) == {"bias": False}
    with pytest.raises(qnas.InputError, match=r"Net\(bias=True\) makes another network: 'head.bias' differs"):
        qnas.open_module(net(bias=False), arguments={"bias": True})


def test_weights_are_the_models_those_of_a_file_or_of_a_state_dict(net: Any, tmp_path: Path) -> None:
    torch.manual_seed(1)
    model, other = net().eval(), net().eval()
    torch.save({"params": {f"module.{name}": value for name, value in other.state_dict().items()}}, "net.pth")
    lr = torch.rand(1, 3, 8, 8)
    for weights, meant in (("module", model), ("net.pth", other), (other.state_dict(), other)):
        torch.testing.assert_close(filled(qnas.open_module(model, weights))(lr), meant(lr))
    assert not qnas.open_module(model, "fresh").has_weights
    assert qnas.open_module("own_net:Net", "net.pth").has_weights


def test_the_model_is_left_as_it_is() -> None:
    model = chain().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    qnas.open_module(model)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Fickle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 12, 3, padding=1)
        self.activation = lambda x: x

    def forward(self, x):
        y = self.activation(self.conv(x))
        return F.pixel_shuffle(y * 2 if self.training else y, 2)


def branching() -> nn.Module:
    class Branching(Fickle):
        def forward(self, x):
            return F.pixel_shuffle(self.conv(x) if x.mean() > 0 else self.conv(-x), 2)

    return Branching()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (branching, "Branching is defined in a function, and it can't be traced: .*control flow"),
        (lambda: nn.Conv2d(4, 3, 1), "the model can't run on an image: RuntimeError"),
        (lambda: chain, "must be an nn.Module or an import path, not a function"),
    ],
)
def test_what_can_not_be_opened_is_one_line(model: Any, message: str) -> None:
    with pytest.raises(qnas.InputError, match=f"open_module: .*({message})") as caught:
        qnas.open_module(model())
    assert "\n" not in str(caught.value)


def test_a_network_that_trains_otherwise_is_not_traced() -> None:
    from qnas.core.api.calls import NoCallError
    from qnas.core.api.traced import source_of

    with pytest.raises(NoCallError, match="something else in training mode"):
        source_of(Fickle())


def test_fields_are_those_of_the_space() -> None:
    space = qnas.open_module(chain(), open=["0", "3"], operations=["native", "conv3x3"])
    assert set(dict(qnas.find_slots(space.build(2)))) == {"0", "3"}
    with pytest.raises(qnas.InputError, match=r"open_module: space\.opne: unknown field; did you mean 'open'"):
        qnas.open_module(chain(), opne=["0"])


def test_code_is_not_run_where_none_may_be() -> None:
    from qnas.core.registry import no_foreign_code

    with no_foreign_code(), pytest.raises(qnas.InputError, match="--no-code refuses"):
        qnas.open_module(chain())


@pytest.mark.slow
def test_its_run_needs_neither_the_model_nor_the_files_that_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QNAS_CACHE", str(tmp_path / "cache"))
    space = qnas.open_module(chain(), bits=[8])
    run = qnas.search(space, IMAGES, test=TEST, folder=tmp_path / "run", **SMALL)
    made = qnas.load(run)(torch.ones(1, 3, 8, 8) / 2).sum().item()
    (tmp_path / "cache").rename(tmp_path / "gone")
    code = f"import qnas, torch; print(qnas.load({str(run.path)!r})(torch.ones(1, 3, 8, 8) / 2).sum().item())"
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert float(told.stdout) == pytest.approx(made)
