"""Checkpoints as people save them: each gives its weights, or one line says why not."""

import argparse
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from safetensors.torch import save_file
from torch import nn

from qnas.core.errors import InputError
from qnas.spaces.foreign.checkpoint import load_checkpoint


class Net(nn.Module):
    def __init__(self, channels=4, scale=2):
        super().__init__()
        self.head = nn.Conv2d(3, channels, 3)
        self.body = nn.Sequential(nn.Conv2d(channels, channels, 3), nn.BatchNorm2d(channels))
        self.tail = nn.Conv2d(channels, 3 * scale**2, 3)


def weights_of(seed=1, **options):
    torch.manual_seed(seed)
    return Net(**options).state_dict()


def under(prefix, weights):
    return {prefix + name: value for name, value in weights.items()}


WANTED = weights_of()
OTHER = weights_of(seed=2)


def optimizer():
    network = Net()
    adam = torch.optim.Adam(network.parameters())
    sum(parameter.sum() for parameter in network.parameters()).backward()
    adam.step()
    return adam.state_dict()


def load(content, path: Path, scale=2, network=None):
    if path.suffix == ".safetensors":
        save_file(content, path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    network = network or Net(scale=scale)
    notices = load_checkpoint(network, str(path), scale)
    for name, value in network.state_dict().items():
        assert torch.equal(value, WANTED[name]), name
    return notices


SAVED = {
    "a state dict": WANTED,
    "in order": OrderedDict(WANTED),
    "parameters": {name: nn.Parameter(value, value.is_floating_point()) for name, value in WANTED.items()},
    "DataParallel": under("module.", WANTED),
    "torch.compile": under("_orig_mod.", WANTED),
    "both": under("module._orig_mod.", WANTED),
    "both the other way": under("_orig_mod.module.", WANTED),
    "a part compiled": {name.replace("body.", "body._orig_mod."): value for name, value in WANTED.items()},
    "a part in parallel": {name.replace("body.", "body.module."): value for name, value in WANTED.items()},
    **{
        key: {key: WANTED}
        for key in (
            "params",
            "params_ema",
            "ema",
            "state_dict",
            "model",
            "network",
            "net",
            "generator",
            "net_g",
            "mine",
        )
    },
    "wrapped twice": {"model": {"state_dict": under("module.", WANTED)}},
    "a script's": {"epoch": 3, "state_dict": WANTED, "optimizer": optimizer(), "best": 31.2},
    "numbers of NumPy's": {
        "epoch": np.int64(3),
        "psnr": np.float64(30.5),
        "loss": np.float32(0.1),
        "is_best": np.bool_(True),
        "history": np.arange(3.0),
        "labels": np.array(["a"]),
        "state_dict": WANTED,
    },
    "with its options": {"args": argparse.Namespace(lr=0.1, out=Path("runs")), "model": WANTED},
    "a GAN's": {"discriminator": {"conv.weight": torch.ones(2)}, "generator": under("module.", WANTED)},
    "Lightning's": {"state_dict": under("model.", WANTED), "pytorch-lightning_version": "2.0", "hparams": {"lr": 0.1}},
}


@pytest.mark.parametrize("kind", SAVED)
def test_it_gives_the_weights_that_are_in_it(kind, tmp_path):
    assert load(SAVED[kind], tmp_path / "weights.pth") == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.lists(st.sampled_from(["state_dict", "model", "params", "module", "Net-G", "0"]), max_size=4),
    prefixes=st.lists(st.sampled_from(["module.", "_orig_mod.", "model.", "net_g."]), max_size=3),
    beside=st.sampled_from([{}, {"epoch": 3}, {"optimizer": {"state": {0: torch.ones(1)}}, "loss": np.float64(1)}]),
)
def test_however_deep_it_is_wrapped(keys, prefixes, beside, tmp_path):
    content = under("".join(prefixes), WANTED)
    for key in keys:
        content = {**beside, key: content}
    assert load(content, tmp_path / "weights.pth") == []


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "generator."])
@pytest.mark.parametrize("name", ["weights.safetensors", "weights.bin", "weights"])
def test_safetensors_are_known_by_their_content(prefix, name, tmp_path):
    save_file(under(prefix, WANTED), tmp_path / "a.safetensors")
    assert load((tmp_path / "a.safetensors").read_bytes(), tmp_path / name.replace(".safetensors", ".st")) == []


def test_a_file_as_old_versions_of_torch_wrote_it(tmp_path):
    torch.save({"state_dict": WANTED}, tmp_path / "old.tar", _use_new_zipfile_serialization=False)
    assert load((tmp_path / "old.tar").read_bytes(), tmp_path / "weights.pth") == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"params": OTHER, "params_ema": WANTED}, "'params_ema' and 'params': 'params_ema' is used"),
        ({"params_ema": WANTED, "params": OTHER}, "'params_ema' and 'params': 'params_ema' is used"),
        ({"model": OTHER, "model_ema": {"module": WANTED}}, "'model_ema.module' and 'model': 'model_ema.module' is"),
        ({"state_dict": {**under("net.", OTHER), **under("ema_net.", WANTED)}}, "'state_dict.ema_net' is used"),
        ({"net": WANTED, "last_network": OTHER}, "'net' and 'last_network': 'net' is used"),
        ({"n_averaged": torch.ones(1), **under("module.", WANTED)}, "named 'module....' are used (not used: 1)"),
    ],
)
def test_which_of_several_was_taken_is_said(content, said, tmp_path):
    (notice,) = load(content, tmp_path / "weights.pth")
    assert notice.count(str(tmp_path / "weights.pth")) == 1
    assert said in notice


def refused(content, path: Path, **options) -> str:
    with pytest.raises(InputError) as caught:
        load(content, path, **options)
    (line,) = str(caught.value).splitlines()
    assert str(path) in line
    return line


def without(*names):
    return {name: value for name, value in WANTED.items() if name not in names}


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        (without("head.bias"), ["10 of the network's 11 values are in it", "only the network has head.bias"]),
        ({**WANTED, "more.weight": torch.ones(1)}, ["11 of the network's 11 values", "only the file has more.weight"]),
        ({"state_dict": under("module.", without("head.bias", "tail.bias"))}, ["only the network has head.bias, tail"]),
        (weights_of(scale=4), ["tail.weight is (48, 4, 3, 3), not (12, 4, 3, 3), and 1 more", "for scale 4, not 2"]),
        (weights_of(scale=3), ["9 of the network's 11 values", "it may be for scale 3, not 2"]),
        (weights_of(channels=8), ["head.weight is (8, 3, 3, 3), not (4, 3, 3, 3)", "it may have other channel counts"]),
        (under("other/", {"a": torch.ones(1)}), ["0 of the network's 11 values", "only the file has other/a"]),
        ({"last": WANTED, "best": OTHER}, ["holds 'last' and 'best', which all fit the network: keep one of them"]),
        ({"epoch": 3, "optimizer": {"lr": 0.1}}, ["holds no state dict (it has keys epoch, optimizer)"]),
        ({}, ["holds no state dict (it is an empty mapping)"]),
        ([1, 2], ["holds no state dict (it holds a list)"]),
        (torch.ones(3), ["holds no state dict (it holds a Tensor)"]),
        ({**WANTED, "head.bias": torch.full((4,), torch.nan)}, ["head.bias has values that are not finite real"]),
        ({**WANTED, "head.bias": torch.full((4,), 1j)}, ["head.bias has values that are not finite real"]),
    ],
)
def test_what_does_not_fit_is_reported_with_the_nearest_reason(content, reasons, tmp_path):
    line = refused(content, tmp_path / "weights.pth")
    for reason in reasons:
        assert reason in line


def test_a_network_that_wraps_another_gets_a_hint_about_the_prefix(tmp_path):
    wrapper = nn.ModuleDict({"net": Net()})
    assert "the network's names begin with 'net.'" in refused(WANTED, tmp_path / "weights.pth", network=wrapper)


class Evil:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return Path.touch, (self.place,)


def test_nothing_in_it_is_run(tmp_path):
    for content in (Evil(tmp_path / "evil"), {**WANTED, "x": Evil(tmp_path / "evil")}):
        line = refused(content, tmp_path / "weights.pth")
        assert "is refused: it holds more than tensors and plain values (getattr), and reading that could run" in line
    assert not (tmp_path / "evil").exists()


def test_numbers_of_numpy_are_not_even_made(tmp_path, monkeypatch):
    """NumPy is never given a stranger's bytes."""

    class Scalar:
        def __reduce__(self):
            return np._core.multiarray.scalar, (np.dtype("O"), b"\x01" * 8)  # would be a pointer

    torch.save({"step": Scalar(), "model": WANTED}, tmp_path / "weights.pth")
    assert load((tmp_path / "weights.pth").read_bytes(), tmp_path / "copy.pth") == []


def test_a_whole_network_is_refused_by_its_class(tmp_path):
    torch.save(nn.Conv2d(1, 1, 1), tmp_path / "net.pth")
    line = refused((tmp_path / "net.pth").read_bytes(), tmp_path / "copy.pth")
    assert "(torch.nn.modules.conv.Conv2d)" in line
    assert "save only the network's state_dict()" in line


def archive(path: Path, *files: str) -> bytes:
    with zipfile.ZipFile(path, "w") as made:
        for file in files:
            made.writestr(file, "hello")
    return path.read_bytes()


def test_an_archive_of_other_files(tmp_path):
    others = archive(tmp_path / "a.zip", "readme.txt")
    assert "but an archive of other files" in refused(others, tmp_path / "weights.pth")
    program = archive(tmp_path / "b.zip", "net/data.pkl", "net/constants.pkl", "net/code/net.py")
    assert "is a TorchScript program, which would run code" in refused(program, tmp_path / "weights.pth")


@pytest.mark.parametrize("form", ["zip", "old", "safetensors"])
def test_a_file_that_is_cut_short_is_distinguished_from_one_of_another_kind(form, tmp_path):
    path = tmp_path / ("a.safetensors" if form == "safetensors" else "a.pth")
    if form == "safetensors":
        save_file(WANTED, path)
    else:
        torch.save(WANTED, path, _use_new_zipfile_serialization=form == "zip")
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError, match=rf"{path.name} is cut short or damaged$"):
            load_checkpoint(Net(), str(path), 2)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"is cut short or damaged: it is empty$"):
        load_checkpoint(Net(), str(path), 2)


def test_a_changed_bit_is_found(tmp_path):
    path = tmp_path / "a.pth"
    torch.save(WANTED, path)
    whole = path.read_bytes()
    place = whole.index(WANTED["tail.weight"].numpy().tobytes()) + 5
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(InputError, match=r"is damaged: the checksum of a/data/.* in it is wrong"):
        load_checkpoint(Net(), str(path), 2)


@pytest.mark.parametrize(
    "content",
    [
        b"import torch\n",
        b"<!DOCTYPE html><html>",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"\x89PNG\r\n\x1a\n",
        pickle.dumps({"a": 1}),
        b"PK",
    ],
)
def test_a_file_of_another_kind(content, tmp_path):
    assert "is not a file of weights (safetensors, or a state dict" in refused(content, tmp_path / "weights.pth")


def test_a_path_is_looked_up_and_reported_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.save(WANTED, tmp_path / "weights.pth")
    for path in ("weights.pth", "~/weights.pth", "./weights.pth"):
        assert load_checkpoint(Net(), path, 2) == []
    with pytest.raises(InputError, match=rf"^can't read {tmp_path}/none.pth: No such file or directory$"):
        load_checkpoint(Net(), "none.pth", 2)
    with pytest.raises(InputError, match=rf"^can't read {tmp_path}: it is not a regular file$"):
        load_checkpoint(Net(), "~", 2)
    with pytest.raises(InputError, match=r"^~nobody-here/a.pth: can't be found: "):
        load_checkpoint(Net(), "~nobody-here/a.pth", 2)
