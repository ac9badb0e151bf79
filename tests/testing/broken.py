"""Faults that the module of any component may have, and what the contract says about each."""

import torch
import torch.nn.functional as F
from torch import nn


class Behind(nn.Module):
    """A module, and something done to its output with some parameters."""

    def __init__(self, inner, then, **parameters):
        super().__init__()
        self.inner = inner
        self.then = then
        for name, value in parameters.items():
            self.register_parameter(name, nn.Parameter(value))

    def forward(self, features):
        return self.then(self.inner(features), **dict(self.named_parameters(recurse=False)))


def twofold(inner):
    """Runs twice where values are real, once where they are not."""
    module = Behind(inner, lambda x: x)
    module.forward = lambda x: module.inner(x) if x.is_meta else (module.inner(x) + module.inner(x)) / 2
    return module


def blurred(features, kernel):
    """Each channel by itself."""
    return F.conv2d(features.flatten(0, 1)[:, None], kernel, padding=1).view_as(features)


def mixed(features, weight):
    """The channels, as a 1 x 1 convolution does it."""
    return torch.einsum("oc,nchw->nohw", weight, features)


def attended(features):
    """Self-attention without weights: features are multiplied with each other, in one kernel."""
    pixels = features.flatten(2)[:, None]
    return features + F.scaled_dot_product_attention(pixels, pixels, pixels).view_as(features)


def related(features):
    """The same in two products, the first of which adds a bias."""
    pixels = features.flatten(2)
    weights = torch.baddbmm(features.new_ones(1, 1, 1), pixels, pixels.transpose(1, 2)).softmax(-1)
    return features + (weights @ pixels).view_as(features)


HIDDEN = r"\d+ multiplications run, \d+ of them in its layers: some of them are outside its layers"
MODULES = {
    "twofold": (twofold, r"\d+ BitOps are counted for a network that has"),
    "random": (lambda m: Behind(m, lambda x: x + torch.randn_like(x)), "in evaluation it is not deterministic"),
    "infinite": (lambda m: Behind(m, lambda x: x / 0), "its output has values that are not finite"),
    "unread": (lambda m: Behind(m, lambda x, gain: x, gain=torch.ones(1)), "no gradient reaches .*gain"),
    "zeroed": (lambda m: Behind(m, lambda x, gain: x + 0 * gain, gain=torch.ones(1)), "the gradient of .*gain is zero"),
    "hidden": (lambda m: Behind(m, blurred, kernel=torch.rand(1, 1, 3, 3)), HIDDEN),
}
"""Wrappers of a module that meets the contract, and what is said then."""

UNFIT = {
    "silent": (None, "unfit returns None, which is not a string"),
    "nowhere": ("it is not for you", r"it fits none of \d+ usual places; .*: it is not for you"),
}
"""Wrong answers of ``unfit``, and what is said then."""
