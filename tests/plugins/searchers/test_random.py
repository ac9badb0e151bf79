from qnas.core.search.searcher import Searcher
from qnas.plugins.searchers.random import Sampling


def test_it_keeps_the_architecture_of_the_lowest_objective(make_task, regularizers):
    task = make_task(regularizers=regularizers)
    outcome = Searcher.of({"name": "random", "samples": 4, "steps": 3, "batch": 2}).search(task)
    history = list(task.journal.folder.history("search"))
    assert [record["step"] for record in history] == [3, 6, 9, 12]
    best = min(history, key=lambda record: record["objective"])
    prices = task.prices[regularizers["cost"].cost]
    from qnas.core.network import one_hot, slot_candidates

    rows = one_hot(slot_candidates(task.space, 2), outcome.best.candidates())
    assert float(prices.expected(rows)) == best["bitops"]
    last = one_hot(slot_candidates(task.space, 2), outcome.last.candidates())
    assert float(prices.expected(last)) == history[-1]["bitops"]
    assert outcome.supernet is None


def test_architectures_differ_and_the_seed_decides_them(make_task):
    random = Searcher.of({"name": "random", "samples": 2, "steps": 1, "batch": 2})
    first, second = random.search(make_task()), random.search(make_task())
    assert first.last == second.last != first.best or first.best == second.best
    assert random.search(make_task(seed=1)).last != first.last


def test_each_training_has_the_rates_of_the_search(make_task):
    fields = {"samples": 1, "steps": 1, "batch": 2, "scalar_learning_rate": 0.03, "step_learning_rate": 0.002}
    sampling = Sampling(Searcher.of({"name": "random", **fields}), make_task())
    assert [group["lr"] for group in sampling._begin(0).optimizers[0].param_groups] == [0.001, 0.002, 0.03]
