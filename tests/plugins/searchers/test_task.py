"""What a task gives a searcher: public, enough for our searchers, and still under its former names too."""

import ast
from pathlib import Path

import pytest
import torch

import qnas
from qnas.core.training.streams import TRAIN, stream_number
from qnas.plugins import searchers

MODULES = sorted(Path(searchers.__path__[0]).glob("*.py"))


def test_our_searchers_need_only_public_names() -> None:
    imports = [node for path in MODULES for node in ast.walk(ast.parse(path.read_text()))]
    froms = [node for node in imports if isinstance(node, ast.ImportFrom) and node.module.startswith("qnas.core")]
    assert len(froms) > 10
    for name in {alias.name for node in froms for alias in node.names}:
        assert name in qnas.__all__


def test_the_differentiable_search_draws_from_the_streams_it_always_did(make_task) -> None:
    from qnas.plugins.searchers.differentiable import DifferentiableSearch
    from qnas.plugins.searchers.updates import AlternatingSearch

    task = make_task()
    search = AlternatingSearch(DifferentiableSearch(steps=2, epochs=1, batch=2), task)
    images, steps = task.images, [search.weight_batches, search.alpha_batches]
    for sampler, pairs, number in zip(steps, (images.weights, images.architecture), (1, 2), strict=True):
        assert torch.equal(sampler.draw().lr, task.sampler(pairs, 2, number).draw().lr)
    assert torch.equal(search.sample.lr, task.sampler(images.weights, 2, 3).draw().lr)


class BeforeMachines(qnas.Searcher):
    """A searcher that trains a network as before there were machines, trainers and names of streams."""

    def planned_steps(self) -> int:
        return 2

    def search(self, task: qnas.SearchTask) -> qnas.SearchOutcome:
        candidates = qnas.slot_candidates(task.space, task.scale)
        chosen = {path: options[0] for path, options in candidates.items()}
        network = qnas.build_found(task.space, task.scale, chosen, task.train_quantizer).to(task.device)
        optimizer = torch.optim.Adam(network.parameters())
        batches = task.sampler([*task.images.weights, *task.images.architecture], self.batch, purpose=5)
        for step in (1, 2):
            batch = batches.draw()
            with task.autocast():
                loss = (network(batch.lr).float() - batch.hr).abs().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            task.journal.step(step, {"loss": loss.detach()})
        psnr, _ = task.validate(network)
        architecture = task.architecture(chosen)
        return qnas.SearchOutcome(architecture, architecture, details={"psnr": psnr, "precision": task.precision})


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_searcher_written_before_machines_still_works(make_task, precision: str) -> None:
    machine = qnas.Machine(torch.device("cpu"), precision)
    outcome = BeforeMachines(batch=2).search(make_task(machine=machine))
    assert outcome.details["psnr"] > 0
    assert outcome.details["precision"] == precision


def test_the_number_of_a_stream_draws_what_its_name_does(make_task) -> None:
    task = make_task()
    by_name, by_number = (task.sampler(task.images.training, 2, p) for p in (TRAIN, stream_number(TRAIN)))
    assert torch.equal(by_name.draw().lr, by_number.draw().lr)
    assert not torch.equal(by_name.draw().lr, task.sampler(task.images.training, 2, "another").draw().lr)


def test_a_network_is_rated_by_its_error_and_the_price_of_its_candidates(make_task, regularizers) -> None:
    task = make_task(regularizers={"cost": regularizers["cost"]})
    options = task.candidates
    objectives = []
    for pick in (min, max):
        table = task.prices[regularizers["cost"].cost].slots
        rows = zip(options.items(), table.tolist(), strict=True)
        chosen = {path: pick(zip(row, c, strict=False), key=lambda one: one[0])[1] for (path, c), row in rows}
        objectives.append(task.objective(0.25, chosen))
    assert 0.25 < objectives[0] < 0.25 + 0.1 < objectives[1]  # uniform probabilities cost 1, and the weight is 0.1


def test_training_a_little_lowers_the_error(make_task) -> None:
    task = make_task()
    chosen = task.draw(task.stream("drawn"))
    errors = []
    for steps in (1, 40):
        torch.manual_seed(0)
        _, error = task.train(task.build(chosen), steps, "a", batch=4, learning_rate=3e-3)
        errors.append(error)
    assert errors[1] < 0.8 * errors[0]
