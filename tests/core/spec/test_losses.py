"""Losses in a spec: a name, a weighted sum, and the messages about wrong ones."""

import jsonschema
import pytest
import yaml

from qnas.core.components import ModuleTeacher, RunTeacher
from qnas.core.spec import Spec, dump_spec
from qnas.core.spec.kept import complete

from ...conftest import TINY


def sums(spec: Spec, stage: str) -> dict[str, tuple[str, float]]:
    return {key: (loss.name, loss.weight) for key, loss in spec.losses_of[stage].items()}


@pytest.mark.parametrize(
    ("written", "search", "train"),
    [
        ("", {"l1": ("l1", 1)}, {"l1": ("l1", 1)}),
        ("loss: mse", {"mse": ("mse", 1)}, {"mse": ("mse", 1)}),
        ("loss: {l1: 1, mse: 0.5}", *[{"l1": ("l1", 1), "mse": ("mse", 0.5)}] * 2),
        ("loss: {l1: , sharp: {name: charbonnier, weight: 2}}", *[{"l1": ("l1", 1), "sharp": ("charbonnier", 2)}] * 2),
    ],
)
def test_what_is_minimized(load, written, search, train):
    spec = load(f"{TINY}{written}\n")
    assert sums(spec, "search") == search
    assert sums(spec, "train") == train
    again = Spec.model_validate(yaml.safe_load(dump_spec(spec)))
    assert again == spec
    assert hash(again.search) == hash(spec.search)


def test_a_stage_may_minimize_something_else(load):
    spec = load(TINY, "loss=mse", "train.loss={l1: 1, frequency: 0.1}", "search={name: random, samples: 2}")
    assert sums(spec, "search") == {"mse": ("mse", 1)}
    assert sums(spec, "train") == {"l1": ("l1", 1), "frequency": ("frequency", 0.1)}
    assert spec.field_of_loss("search") == ("loss",)
    assert spec.field_of_loss("train") == ("train", "loss")


def test_fields_of_a_loss_can_be_set_from_the_command_line(load):
    spec = load(f"{TINY}loss: {{charbonnier: {{weight: 1}}}}\n", "loss.charbonnier.epsilon=0.01", "loss.mse=3")
    assert spec.loss["charbonnier"].epsilon == 0.01
    assert sums(spec, "train")["mse"] == ("mse", 3)


@pytest.mark.parametrize(
    ("written", "teacher"),
    [
        ("{}", "float"),
        ("{teacher: weights}", "weights"),
        ("{teacher: {run: runs/large}}", RunTeacher(run="runs/large")),
    ],
)
def test_teachers(load, written, teacher):
    spec = load(f"{TINY}loss: {{l1: 1, distill: {written}}}\n")
    assert spec.loss["distill"].taught_by == teacher
    assert Spec.model_validate(yaml.safe_load(dump_spec(spec))) == spec


def test_a_module_is_a_teacher(load):
    spec = load(f"{TINY}loss: {{distill: {{teacher: {{module: {{target: 'a.b:C', weights: c.pth}}}}}}}}\n")
    teacher = spec.loss["distill"].taught_by
    assert isinstance(teacher, ModuleTeacher)
    assert teacher.module.name == "module" and teacher.module.has_weights
    assert Spec.model_validate(yaml.safe_load(dump_spec(spec))) == spec


TEACHERS = "'float', 'weights', {run: FOLDER} or {module: {...}}"


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (
            "loss: charbonier",
            "15:7: loss: no loss is named 'charbonier'; did you mean 'charbonnier'? (see: qnas list losses)",
        ),
        ("loss: {}", "15:7: loss: must have at least one loss with a weight above 0"),
        ("loss: {l1: 0}", "15:7: loss: must have at least one loss with a weight above 0"),
        ("loss: 3", "15:7: loss: must be the name of a loss, or a mapping of names to weights"),
        ("loss: [l1]", "15:7: loss: must be the name of a loss, or a mapping of names to weights"),
        ("loss: {name: mse}", "15:14: loss.name: is no loss: write {mse: {...}}"),
        (
            "loss: {charbonier: 1}",
            "15:8: loss.charbonier: no loss is named 'charbonier'; did you mean 'charbonnier'? (see: qnas list losses)",
        ),
        ("loss: {l1: true}", "15:12: loss.l1: must be a weight, or a mapping of a loss's fields (got True)"),
        ("loss: {l1: [1]}", "15:12: loss.l1: must be a weight, or a mapping of a loss's fields (got [1])"),
        ("loss: {l1: -1}", "15:12: loss.l1.weight: must be greater than or equal to 0 (got -1)"),
        (
            "loss: {charbonnier: {epsilon: 0}}",
            "15:31: loss.charbonnier.epsilon: must be greater than 0 (got 0)",
        ),
        (
            "loss: {charbonnier: {eps: 1}}",
            "15:22: loss.charbonnier.eps: unknown field; did you mean 'epsilon'? (fields: weight, epsilon)",
        ),
        (
            "loss: {distill: {teacher: flaot}}",
            f"15:27: loss.distill.teacher: must be {TEACHERS} (got 'flaot')",
        ),
        (
            "loss: {distill: {teacher: {run: a, module: {}}}}",
            f"15:27: loss.distill.teacher: must be {TEACHERS} (got {{'run': 'a', 'module': {{}}}})",
        ),
        ("loss: {distill: {teacher: {run: }}}", "15:32: loss.distill.teacher.run: must be a path (got nothing)"),
        ("loss: {distill: {teacher: {module: {}}}}", "15:36: loss.distill.teacher.module.target: is required"),
    ],
)
def test_mistakes(mistakes, written, line):
    assert mistakes(f"{TINY}{written}\n") == [f"spec.yaml:{line}"]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (
            "search.loss={l1: 1, distill: {teacher: float}}",
            "search.loss.distill.teacher: the search can't learn from the network that it looks for:"
            " use another teacher",
        ),
        (
            "loss=distill",
            "must have a loss that needs no network in float, for the stages before there is one: add l1",
        ),
        (
            "train.loss={l1: 0, distill: 1}",
            "must have a loss that needs no network in float, for the stages before there is one: add l1",
        ),
    ],
)
def test_there_is_no_network_in_float_before_it_is_trained(mistakes, override, line):
    assert mistakes(TINY, override) == [f"--set {override.partition('=')[0]}: {line}"]


def test_a_mistake_in_a_stage_is_told_there(mistakes):
    assert mistakes(TINY, "train.loss={mse: {wieght: 1}}") == [
        "--set train.loss: train.loss.mse.wieght: unknown field; did you mean 'weight'? (fields: weight)"
    ]
    assert mistakes(TINY, "search.loss=msee") == [
        "--set search.loss: no loss is named 'msee'; did you mean 'mse'? (see: qnas list losses)"
    ]


def test_the_schema_knows_them():
    validator = jsonschema.Draft202012Validator(Spec.model_json_schema())
    right = (
        *("l1", {"charbonnier": 1, "mse": None}, {"distill": {"weight": 0.5, "teacher": "float"}}),
        *({"mine": {"name": "charbonnier", "epsilon": 1}}, {"distill": {"teacher": {"run": "a"}}}),
        {"distill": {"teacher": {"module": {"target": "a:B"}}}},
    )
    wrong = ("l2", 1, {"l1": -1}, {"l1": "1"}, {"charbonnier": {"eps": 1}}, {"distill": {"teacher": "flaot"}})
    places = (
        lambda loss: {"loss": loss},
        lambda loss: {"train": {"loss": loss}},
        lambda loss: {"search": {"loss": loss}},
    )
    for place in places:
        assert [loss for loss in right if not validator.is_valid(place(loss))] == []
        assert [loss for loss in wrong if validator.is_valid(place(loss))] == []


def test_a_run_from_before_minimized_l1(load):
    kept = {key: value for key, value in yaml.safe_load(dump_spec(load(TINY))).items() if key != "loss"}
    del kept["train"]["loss"], kept["search"]["loss"]
    assert complete(kept)["loss"] == {"l1": {"name": "l1", "weight": 1.0}}
