"""Networks taken out of a supernet: their statistics and their quantizers are their own."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from qnas.core.components import FakeQuantizer, ImageStatistic, Quantizer, Space
from qnas.core.images.patches import Batch
from qnas.core.network import Supernet
from qnas.core.network.statistics import BATCHES
from qnas.core.search.derive import derive

every_residual = pytest.mark.parametrize("residual", ["batch-norm", "adq", "adadm"])


def batch(seed: int) -> Batch:
    """Images (4, 3, 10, 10), each with its own brightness."""
    random = torch.Generator().manual_seed(seed)
    lr = torch.rand(4, 3, 10, 10, generator=random) * torch.rand(4, 1, 1, 1, generator=random)
    return Batch(lr, torch.empty(0))


BATCHES_OF_STATISTICS = [batch(seed) for seed in range(1, BATCHES + 1)]


class Searched(NamedTuple):
    space: Space
    supernet: Supernet

    def derive(self, quantizer: str = "lsq", draw: Callable[[], Batch] | None = None) -> nn.Module:
        drawn = draw or iter(BATCHES_OF_STATISTICS).__next__
        chosen = self.supernet.best()
        return derive(self.space, 2, chosen, self.supernet, Quantizer.of(quantizer), batch(0), drawn)


def searched(residual: str, quantizer: str = "noise") -> Searched:
    """A supernet whose statistics are those of the mixture."""
    torch.manual_seed(0)
    operations = {"body": ["conv3x3", "conv5x5"], "skip": ["conv1x1", "conv3x3"]}
    space = Space.of({"name": "basic", "channels": 6, "cells": 2, "residual": residual, "operations": operations})
    supernet = Supernet(space, 2, Quantizer.of(quantizer))
    with torch.no_grad():
        for seed in range(30):
            supernet(batch(100 + seed).lr, supernet.probabilities())
    return Searched(space, supernet)


def inputs_of(network: nn.Module, kind: type[nn.Module], images: list[Tensor]) -> dict[str, Tensor]:
    """The inputs of each module of a kind, batch by batch: (batches, ...)."""
    seen: dict[str, list[Tensor]] = {path: [] for path, m in network.named_modules() if isinstance(m, kind)}
    handles = [
        network.get_submodule(path).register_forward_pre_hook(lambda _, given, noted=noted: noted.append(given[0]))
        for path, noted in seen.items()
    ]
    with torch.no_grad():
        for each in images:
            network(each)
    for handle in handles:
        handle.remove()
    return {path: torch.stack(noted) for path, noted in seen.items() if noted}


@every_residual
def test_the_statistics_are_those_of_what_the_network_itself_sends(residual):
    found = searched(residual).derive()
    images = [each.lr for each in BATCHES_OF_STATISTICS]
    sent = inputs_of(found, nn.BatchNorm2d, images)
    assert len(sent) == 2
    first, *_ = sent.values()  # nothing before it depends on a statistic, so it is known to the last digit
    norm = found.get_submodule(next(iter(sent)))
    torch.testing.assert_close(norm.running_mean, first.mean(dim=(1, 3, 4)).mean(dim=0))
    torch.testing.assert_close(norm.running_var, first.transpose(1, 2).flatten(2).var(dim=2).mean(dim=0))
    for path, features in sent.items():
        norm = found.get_submodule(path)
        normalised = torch.stack([norm(each) for each in features])
        # Each batch was normalised by itself: without quantizers, the difference is 0.08 and 0.12. With the statistics
        # of the mixture, it is 0.38 to 0.67 and 0.9.
        assert normalised.mean(dim=(0, 1, 3, 4)).abs().max() < 0.15
        assert (normalised.var(dim=(0, 1, 3, 4)).sqrt() - 1).abs().max() < 0.2


def test_a_mean_over_images_is_that_of_what_the_network_itself_sends():
    found = searched("adq").derive()
    sent = inputs_of(found, ImageStatistic, [each.lr for each in BATCHES_OF_STATISTICS])
    path, first = next(iter(sent.items()))
    deviations = (first.double().flatten(2).var(dim=2, correction=0) + 1e-8).sqrt()  # (batches, images)
    assert found.get_submodule(path).mean.item() == pytest.approx(deviations.mean().item(), rel=1e-5)


@every_residual
@pytest.mark.parametrize("quantizer", ["lsq", "hwgq"])
def test_the_quantizers_are_set_up_for_what_it_sends_once_it_has_its_statistics(residual, quantizer):
    found = searched(residual).derive(quantizer)
    sent = inputs_of(found, FakeQuantizer, [batch(0).lr])
    assert len(sent) > 10
    for path, tensor in sent.items():
        set_up = found.get_submodule(path)
        by_hand = copy.deepcopy(set_up)
        by_hand.observe(tensor[0])
        torch.testing.assert_close(set_up.grid(), by_hand.grid(), msg=path)


def test_quantizers_of_the_search_are_taken_over_as_they_are():
    search = searched("batch-norm", "lsq")
    with torch.no_grad():
        for name, parameter in search.supernet.named_parameters():
            if "log_step" in name:
                parameter.fill_(-3.0)
    found = search.derive("lsq")
    steps = {parameter.detach().unique().item() for name, parameter in found.named_parameters() if "log_step" in name}
    assert steps == {-3.0}


@every_residual
def test_it_is_the_same_every_time_and_leaves_all_else_as_it_was(residual):
    search = searched(residual)
    before = copy.deepcopy(search.supernet.state_dict())
    drawn = torch.get_rng_state()
    found = search.derive()
    torch.set_rng_state(drawn)
    again = search.derive()
    for name, value in found.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    for name, value in search.supernet.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not any(module.training for module in found.modules())


def test_without_statistics_no_batch_is_drawn():
    def never() -> Batch:
        raise AssertionError("it costs")

    searched("plain").derive(draw=never)
