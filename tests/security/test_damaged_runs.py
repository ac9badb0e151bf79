"""Run folders with flipped bits or truncated files: they are refused, or the network is the one that was found."""

import json
import os
import shutil
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, strategies as st
from torch import Tensor

from qnas.core.comparison import find_runs
from qnas.core.errors import InputError, QnasWarning
from qnas.core.files.checksum import has_checksum, with_checksum
from qnas.core.files.folder import RunFolder
from qnas.core.registry import no_foreign_code
from qnas.core.run.deployment.found import load_found
from qnas.core.run.record import RunRecord
from qnas.core.run.run import run_spec
from qnas.core.run.weights import load_weights, write_weights
from qnas.core.spec import Spec, load_spec

from ..found_run import edit_spec, write_run
from ..fuzz import fuzzed
from ..synthetic_runs import write_run as write_finished_run

FILES = ("model.safetensors", "architecture.json", "spec.yaml")
generated = fuzzed(120, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of several bit-widths, as stages write it."""
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
        with no_foreign_code(), warnings.catch_warnings(action="error"):
            found = output(path)
    except InputError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        return True
    assert torch.equal(found, truth)
    return False


@generated
@given(file=st.sampled_from(FILES), data=st.data())
def test_a_flipped_bit_is_found_or_changes_nothing(
    tmp_path: Path, whole: Path, truth: Tensor, file: str, data: st.DataObject
) -> None:
    shutil.copytree(whole, tmp_path / "run", dirs_exist_ok=True)
    content = bytearray((whole / file).read_bytes())
    place = data.draw(st.integers(0, 8 * len(content) - 1))
    content[place // 8] ^= 1 << place % 8
    (tmp_path / "run" / file).write_bytes(content)
    assert refused_or_right(tmp_path / "run", truth) or file == "spec.yaml"


@generated
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


def unseal(file: Path) -> None:
    """Write the tensors again as another program does."""
    assert has_checksum(file.read_bytes())
    safetensors.torch.save_file(safetensors.torch.load_file(file), file)
    assert not has_checksum(file.read_bytes())


def test_weights_that_another_program_wrote_are_taken_with_a_warning(
    tmp_path: Path, whole: Path, truth: Tensor
) -> None:
    shutil.copytree(whole, tmp_path / "run")
    unseal(tmp_path / "run/model.safetensors")
    with pytest.warns(QnasWarning, match=r"model\.safetensors: has no checksum, .*damage to it can't be seen"):
        assert torch.equal(output(tmp_path / "run"), truth)


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod."])
def test_weights_of_a_network_that_was_wrapped_are_its_own(
    wrapper: str, tmp_path: Path, whole: Path, truth: Tensor
) -> None:
    shutil.copytree(whole, tmp_path / "run")
    file = tmp_path / "run/model.safetensors"
    weights = {wrapper + name: value for name, value in safetensors.torch.load_file(file).items()}
    safetensors.torch.save_file(weights, file)
    with pytest.warns(QnasWarning, match="has no checksum"):
        assert torch.equal(output(tmp_path / "run"), truth)


def test_a_checksum_that_lost_its_name_is_missed(tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    file = tmp_path / "run/model.safetensors"
    file.write_bytes(file.read_bytes().replace(b'"sha256"', b'"sha257"'))
    with pytest.raises(InputError, match=r"model\.safetensors: is damaged: it had a checksum, which is gone"):
        load_found(tmp_path / "run", torch.device("cpu"))


@pytest.mark.parametrize(("until", "file"), [("search", "search/supernet.safetensors"), ("train", "model.safetensors")])
def test_a_run_goes_on_with_sealed_weights_only(until: str, file: str, tiny: Path, tmp_path: Path) -> None:
    spec, folder = load_spec(tiny), RunFolder(tmp_path / "run")
    run_spec(spec, folder, until=until)
    unseal(folder.path / file)
    with pytest.raises(InputError, match=rf"{file}: can't be read: it has no checksum"):
        run_spec(spec, folder, resume=True)


def test_a_run_goes_on_with_weights_only_that_say_of_which_network_they_are(tiny: Path, tmp_path: Path) -> None:
    spec, folder = load_spec(tiny), RunFolder(tmp_path / "run")
    run_spec(spec, folder, until="train")
    shutil.copy(folder.path / "train/last.safetensors", folder.path / "model.safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors: is of another network"):
        run_spec(spec, folder, resume=True)
    load_found(folder.path, torch.device("cpu"))  # the user who copied it wants to use the last ones


def flipped(word: str) -> list[str]:
    """All words that a flipped bit makes of a word, as far as they are still text."""
    made = [word[:at] + chr(ord(word[at]) ^ 1 << bit) + word[at + 1 :] for at in range(len(word)) for bit in range(7)]
    return [other for other in made if other.isalnum()]


@pytest.mark.parametrize("word", ["matlab", "pillow"])
def test_a_way_to_make_images_that_there_is_not_is_none(word: str, tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    for other in flipped(word):
        edit_spec(tmp_path / "run", "data", "degradation", value=other)
        with pytest.raises(InputError, match=rf"spec\.yaml: data\.degradation: no degradation is named '{other}'"):
            _ = load_found(tmp_path / "run", torch.device("cpu")).degradation
    for other in (1, True, ["matlab"], {"name": ["matlab"]}):
        edit_spec(tmp_path / "run", "data", "degradation", value=other)
        with pytest.raises(InputError, match=r"data\.degradation.*: must be the name of a degradation"):
            _ = load_found(tmp_path / "run", torch.device("cpu")).degradation


@pytest.fixture
def soon() -> Iterator[None]:
    """Fails what would wait forever."""

    def fail(*_: object) -> None:
        raise AssertionError("it waits for ever")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize(
    "file", ["spec.yaml", "result.json", "evaluate/result.json", "environment.json", "search/result.json"]
)
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(file: str, soon: None, tmp_path: Path) -> None:
    write_finished_run(tmp_path / "run")
    (tmp_path / "run" / file).unlink(missing_ok=True)
    os.mkfifo(tmp_path / "run" / file)
    found = find_runs([tmp_path])
    assert len(found.runs) + len(found.left_out) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("file", FILES)
def test_a_pipe_is_no_file_of_a_network(file: str, soon: None, tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / file).unlink()
    os.mkfifo(tmp_path / "run" / file)
    with pytest.raises(InputError):
        load_found(tmp_path / "run", torch.device("cpu"))


def test_the_spec_of_a_run_is_no_longer_than_any(tiny: Path, tmp_path: Path) -> None:
    run = write_finished_run(tmp_path / "run")
    with (run / "spec.yaml").open("a") as stream:
        stream.write("# " + "x" * 2**20)
    (left_out,) = find_runs([run]).left_out
    assert left_out.why == "spec.yaml:1:1: this is not a spec: it has more than 1 MiB"
    with pytest.raises(InputError, match="it has more than 1 MiB"):
        RunRecord(RunFolder(run)).spec_data.get("name")
    with pytest.raises(
        InputError,
        match=r"began with can.t be read any more: spec.yaml:1:1: this is not a spec: it has more than 1 MiB",
    ):
        run_spec(load_spec(tiny), RunFolder(run), resume=True)


def test_the_same_tensors_are_the_same_bytes_and_any_reader_opens_them(tmp_path: Path) -> None:
    import safetensors

    tensors = {"b": torch.ones(2), "a": torch.arange(3)}
    metadata = {"one": "1", "two": "é\u2028", "three": '"sha256":"'}
    assert len({with_checksum(tensors, metadata) for _ in range(20)}) == 1
    (tmp_path / "a.safetensors").write_bytes(with_checksum(tensors, metadata))
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
