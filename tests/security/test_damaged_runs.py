"""Run folders with flipped bits or files cut short: they are refused, or the network is the one that was found."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from qnas.core.engine.folder import RunFolder
from qnas.core.engine.found import load_found
from qnas.core.engine.sealed import is_sealed, seal
from qnas.core.engine.weights import load_weights, write_weights
from qnas.core.errors import InputError
from qnas.core.registry import no_foreign_code
from qnas.core.spec import Spec, load_spec

from ..found_run import write_run

FILES = ("model.safetensors", "architecture.json", "spec.yaml")
fuzzed = settings(max_examples=120, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of several bit-widths, as its own stages would write it."""
    path = tmp_path_factory.mktemp("whole") / "run"
    write_run(path, {"name": "fsrcnn", "channels": 6, "bits": [2, 4, 8]})
    folder = RunFolder(path)
    spec = load_spec(path / "spec.yaml")
    write_weights(folder, folder.read_tensors("model.safetensors"), spec.quantizer.model_dump(mode="json")["train"])
    return path


def output(path: Path) -> Tensor:
    with torch.no_grad():
        result: Tensor = load_found(path, torch.device("cpu")).network(torch.linspace(0, 1, 192).reshape(1, 3, 8, 8))
    return result


@pytest.fixture(scope="module")
def truth(whole: Path) -> Tensor:
    return output(whole)


def refused_or_right(path: Path, truth: Tensor) -> bool:
    try:
        with no_foreign_code():
            found = output(path)
    except InputError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        return True
    assert torch.equal(found, truth)
    return False


@fuzzed
@given(file=st.sampled_from(FILES), data=st.data())
def test_a_flipped_bit_is_found_or_changes_nothing(
    tmp_path: Path, whole: Path, truth: Tensor, file: str, data: st.DataObject
) -> None:
    shutil.copytree(whole, tmp_path / "run", dirs_exist_ok=True)
    content = bytearray((whole / file).read_bytes())
    place = data.draw(st.integers(0, 8 * len(content) - 1))
    content[place // 8] ^= 1 << place % 8
    (tmp_path / "run" / file).write_bytes(content)
    is_refused = refused_or_right(tmp_path / "run", truth)
    assert is_refused or file == "spec.yaml" or place // 8 < 400  # the tag of the checksum may be hit, not the weights


@fuzzed
@given(file=st.sampled_from(FILES), share=st.floats(0, 1, exclude_max=True))
def test_a_file_that_is_cut_short_is_found_or_lacks_nothing(
    tmp_path: Path, whole: Path, truth: Tensor, file: str, share: float
) -> None:
    shutil.copytree(whole, tmp_path / "run", dirs_exist_ok=True)
    content = (whole / file).read_bytes()
    (tmp_path / "run" / file).write_bytes(content[: int(share * len(content))])
    refused_or_right(tmp_path / "run", truth)


def test_weights_of_another_runs_network_are_refused_though_they_would_fit(tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    text = (whole / "architecture.json").read_text()
    architecture = json.loads(text)
    slot = next(iter(architecture["slots"].values()))
    slot["weight_bits"] = slot["activation_bits"] = 8
    (tmp_path / "run/architecture.json").write_text(json.dumps(architecture))
    with pytest.raises(InputError, match=r"model\.safetensors: is of another network than architecture\.json and"):
        load_found(tmp_path / "run", torch.device("cpu"))
    (tmp_path / "run/architecture.json").write_text(text)
    spec = (whole / "spec.yaml").read_text()
    (tmp_path / "run/spec.yaml").write_text(spec.replace("train:\n    name: lsq", "train:\n    name: lsq+"))
    with pytest.raises(InputError, match=r"is of another network"):
        load_found(tmp_path / "run", torch.device("cpu"))


def test_weights_that_another_program_wrote_are_taken_as_they_are(tmp_path: Path, whole: Path, truth: Tensor) -> None:
    import safetensors.torch

    shutil.copytree(whole, tmp_path / "run")
    file = tmp_path / "run/model.safetensors"
    assert is_sealed(file.read_bytes())
    safetensors.torch.save_file(safetensors.torch.load_file(file), file)
    assert not is_sealed(file.read_bytes())
    assert torch.equal(output(tmp_path / "run"), truth)


def test_the_same_tensors_are_the_same_bytes_and_any_reader_opens_them(tmp_path: Path) -> None:
    import safetensors

    tensors = {"b": torch.ones(2), "a": torch.arange(3)}
    metadata = {"one": "1", "two": "é\u2028", "three": '"sha256":"'}
    assert len({seal(tensors, metadata) for _ in range(20)}) == 1
    (tmp_path / "a.safetensors").write_bytes(seal(tensors, metadata))
    with safetensors.safe_open(tmp_path / "a.safetensors", "pt") as file:
        read = file.metadata()
        assert {key: read[key] for key in metadata} == metadata
        assert torch.equal(file.get_tensor("a"), tensors["a"])


@pytest.mark.parametrize("depth", [50, 100_000])
@pytest.mark.parametrize("file", ["architecture.json", "result.json"])
def test_json_that_is_absurdly_deep_is_told_in_one_line(file: str, depth: int, tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / file).write_text('{"slots": ' + "[" * depth + "]" * depth + "}")
    with pytest.raises(InputError, match=rf"{file}: ") as caught:
        if file == "architecture.json":
            load_found(tmp_path / "run", torch.device("cpu"))
        elif RunFolder(tmp_path / "run").read_json(file):
            raise InputError("what is deep, not absurd, is read", file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("header", [b"\xff" * 8, (2**40).to_bytes(8, "little"), b"\x10" + bytes(7)])
def test_a_header_of_an_absurd_size_is_told(header: bytes, tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run/model.safetensors").write_bytes(header + b'{"a": ' * 3)
    with pytest.raises(InputError, match=r"model\.safetensors: can't be read: "):
        load_found(tmp_path / "run", torch.device("cpu"))


def test_weights_of_another_type_are_refused(tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    train = Spec.model_validate({"name": "a"}).quantizer.model_dump(mode="json")["train"]
    weights = {name: value.to(torch.int8) for name, value in folder.read_tensors("model.safetensors").items()}
    write_weights(folder, weights, train)
    network = load_found(whole, torch.device("cpu")).network
    with pytest.raises(InputError, match="they differ in"):
        load_weights(network, folder, train)
