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
