"""How runs were made, in words."""

from qnas.core.comparison.provenance import facts_of
from qnas.core.comparison.reading.finished_run import FinishedRun

from ...synthetic_runs import write_run


def training_of(folder, **fields) -> str:
    (words,) = [
        fact.words for fact in facts_of([FinishedRun.read(write_run(folder, fields=fields))]) if fact.name == "training"
    ]
    return words[0]


def test_rates_of_their_own_are_told_where_there_are_some(tmp_path):
    plain = training_of(tmp_path / "plain", **{"train.scalar_learning_rate": None})
    assert plain == "steps 800, batch 16, learning rate 0.001, start scratch"
    own = training_of(tmp_path / "own", **{"train.scalar_learning_rate": 0.03, "train.step_learning_rate": 0.0001})
    assert own.startswith("steps 800, batch 16, learning rate 0.001, scalar learning rate 0.03, step learning rate ")


def test_losses_are_told_unless_all_had_plain_l1(tmp_path):
    def losses_of(*losses: object) -> list[object]:
        runs = [write_run(tmp_path / str(loss), fields={"loss": loss}) for loss in losses]
        return [fact.words for fact in facts_of(list(map(FinishedRun.read, runs))) if fact.name == "losses"]

    plain = {"l1": {"name": "l1", "weight": 1.0}}
    assert losses_of(plain) == []
    assert losses_of(plain, {"mse": {"name": "mse", "weight": 2.0}}) == [["l1", "2 mse"]]
