"""``qnas.load`` and ``qnas.compare``: what is in runs, as a program or a notebook uses it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import qnas
from qnas.core.cli.main import invoke
from qnas.core.network import QuantizedActivation, QuantizedConv2d

from ...found_run import ADQ, write_run

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> qnas.FoundNetwork:
    folder = tmp_path_factory.mktemp("found")
    write_run(folder, ADQ)
    return qnas.load(folder)


def test_it_is_a_module_that_enlarges_tensors(found: qnas.FoundNetwork) -> None:
    lr = torch.rand(2, 3, 9, 7, requires_grad=True)
    sr = found(lr)
    assert isinstance(found, nn.Module)
    assert not found.training
    assert sr.shape == (2, 3, 18, 14)
    assert torch.equal(sr, found.network(lr))
    sr.mean().backward()
    assert lr.grad is not None


def test_a_picture_becomes_one_of_the_same_kind_as_qnas_upscale_makes(found: qnas.FoundNetwork, tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    Image.fromarray(PICTURE).save(file)
    assert invoke(["upscale", str(found.run.path), str(file), "-o", str(tmp_path / "out")]) == 0
    enlarged = np.asarray(Image.open(tmp_path / "out/photo_x2.png"))
    assert enlarged.shape == (40, 48, 3)
    assert np.array_equal(found(PICTURE), enlarged)
    for picture in (Image.fromarray(PICTURE), file, str(file)):
        assert np.array_equal(np.asarray(found(picture)), enlarged)


def test_gray_and_transparent_pictures_stay_so(found: qnas.FoundNetwork) -> None:
    gray, alpha = Image.fromarray(PICTURE).convert("L"), Image.fromarray(PICTURE).convert("RGBA")
    assert (found(gray).mode, found(gray).size) == ("L", (48, 40))
    assert found(alpha).mode == "RGBA"


def test_a_picture_is_enlarged_in_evaluation_mode(found: qnas.FoundNetwork) -> None:
    expected = found(PICTURE)
    found.train()
    assert np.array_equal(found(PICTURE), expected)
    assert found.training
    found.eval()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (PICTURE.astype(np.float32), r"must be uint8 of \(H, W, 3\), RGB \(got float32"),
        (PICTURE[..., 0], r"got uint8 of \(20, 24\)"),
        ("no/such.png", "no/such.png"),
        (3, "object of type int"),
        (Image.new("I;16", (8, 8)), "use 8 bits per channel"),
        (Image.new("F", (8, 8)), "pixels of mode 'F'"),
    ],
)
def test_what_is_no_picture_is_refused(image, message: str, found: qnas.FoundNetwork) -> None:
    with pytest.raises(qnas.QnasError, match=message):
        found(image)


def test_the_integers_are_those_that_the_network_computes_with(found: qnas.FoundNetwork) -> None:
    integers = found.integers()
    layers = dict(found.network.named_modules())
    quantized = {p for p, m in layers.items() if isinstance(m, QuantizedConv2d | QuantizedActivation)}
    assert set(integers) == quantized
    for path, of in integers.items():
        layer = layers[path]
        if isinstance(layer, QuantizedConv2d):
            steps, zeros = (values.view(-1, 1, 1, 1) for values in (of.steps, of.zero_points))
            assert not of.weights.is_floating_point()
            assert of.smallest <= of.weights.min() and of.weights.max() <= of.largest
            assert of.largest - of.smallest < 2**4
            weights = layer.weight_quantizer(layer.weight).detach()
            torch.testing.assert_close((of.weights.float() - zeros) * steps, weights)
        else:
            made = layer(torch.randn(1, 4, 8, 8)).detach()
            levels = made / of.step + of.zero_point
            torch.testing.assert_close(levels, levels.round(), atol=1e-3, rtol=0)
            assert levels.min() >= of.smallest - 0.01 and levels.max() <= of.largest + 0.01


@pytest.mark.slow
def test_it_is_exported_and_the_file_gives_its_images(run: qnas.RunRecord, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    found = qnas.load(run)
    file = found.export("onnxruntime", tmp_path / "found.onnx")
    lr = torch.rand(1, 3, 16, 20)
    made = onnxruntime.InferenceSession(str(file)).run(None, {"lr": lr.numpy()})[0]
    assert np.abs(made - found(lr).detach().numpy()).mean() < 1 / 255
    assert (tmp_path / "found.json").exists()
    with pytest.raises(qnas.InputError, match="is there already"):
        found.export("onnxruntime", tmp_path / "found.onnx")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("openvin", "no target is named 'openvin'; did you mean 'openvino'"),
        ({"name": "onnxruntime", "int5": True}, r"export: target\.int5: unknown field"),
        ({"name": "onnxruntime", "size": "tall"}, r"export: target\.size: "),
    ],
)
def test_a_target_that_there_is_not_is_refused(target, message: str, run: qnas.RunRecord) -> None:
    with pytest.raises(qnas.InputError, match=message):
        qnas.load(run).export(target)


def test_what_is_no_run_is_refused(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(qnas.InputError, match=r"there is no run in the folder \(no spec.yaml in it\)"):
        qnas.load(tmp_path / "nothing")
    with pytest.raises(qnas.InputError, match="the run has not trained a network yet"):
        qnas.load(tmp_path)
    with pytest.raises(qnas.InputError, match="there is no such folder"):
        qnas.compare(tmp_path / "nothing")
    with pytest.raises(qnas.InputError, match="no finished run is left to compare"):
        qnas.compare([tmp_path])


def test_rows_are_what_a_data_frame_takes(run: qnas.RunRecord) -> None:
    for given in (run, str(run.path), [run.path], [run, run]):
        comparison = qnas.compare(given)
        (row,) = comparison.rows
        assert row["test.leaves.psnr_y"] == run.result["test"]["leaves"]["psnr_y"]
        assert row["bitops.32x32"] == run.result["bitops"]["32x32"]
        assert all(isinstance(value, str | int | float | None) for value in row.values())


def test_objects_draw_themselves(run: qnas.RunRecord) -> None:
    architecture, comparison = run.architecture, qnas.compare(run)
    drawn = architecture._repr_html_()
    assert drawn.count("<tr>") == 1 + len(architecture.slots)
    assert all(f"<td>{path}</td>" in drawn for path in architecture.slots)
    assert qnas.load(run)._repr_html_() == drawn
    assert "<td>search</td>" in comparison._repr_html_()
    assert "Pareto front" in comparison._repr_html_()
    assert run.page is not None
    assert "sandbox" in run._repr_html_()
    assert repr(run) == f"RunRecord({str(run.path)!r})"


def test_nothing_in_what_is_drawn_is_taken_for_markup(run: qnas.RunRecord) -> None:
    drawn = qnas.compare(run, title="<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_a_run_without_a_report_says_how_far_it_is(tmp_path: Path) -> None:
    write_run(tmp_path)
    assert "no report yet" in qnas.RunRecord(qnas.RunFolder(tmp_path))._repr_html_()
