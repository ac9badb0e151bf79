"""The weights of a found network, which say of which network they are.

Shapes don't tell: the same operations at other bit-widths, or with another quantizer, have weights of the same shapes.
"""

import hashlib
import json
import warnings
from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor, nn

from qnas.core.errors import InputError, QnasWarning
from qnas.core.files.folder import RunFolder
from qnas.core.run.names import ARCHITECTURE, MODEL, SPEC

_NETWORK = "network"
_CHECKSUM = "sha256"


def write_weights(folder: RunFolder, weights: Mapping[str, Tensor], quantizer: Mapping[str, Any]) -> None:
    """Write the weights of the network that architecture.json describes, quantized as ``quantizer`` says in JSON."""
    folder.write_tensors(MODEL, weights, **{_NETWORK: _network(folder, quantizer)})


def load_weights(network: nn.Module, folder: RunFolder, quantizer: Any, *, of_any_program: bool = False) -> None:
    """Load into ``network`` the weights that a run left for it.

    Args:
        network: As the folder's architecture.json says.
        folder: The run's.
        quantizer: That of the network, as JSON.
        of_any_program: Whether to accept, with a warning, weights that don't say which network they are of, or have no
            checksum. Those that :func:`write_weights` wrote have both.

    Raises:
        InputError: They can't be read, or are of another network.
    """
    weights, metadata = folder.read_checked(MODEL, or_unchecked=of_any_program)
    where = str(folder.path / MODEL)
    if not of_any_program or _NETWORK in metadata:
        _refuse_others(metadata, _network(folder, quantizer), where)
    elif _CHECKSUM not in metadata:
        what = f"{where}: has no checksum, as another program wrote it: damage to it can't be seen"
        warnings.warn(what, QnasWarning, stacklevel=2)
        weights = _without_wrappers(weights, network.state_dict())
    wanted, there = _layout(network.state_dict()), _layout(weights)
    odd = [name for name in {**wanted, **there} if wanted.get(name) != there.get(name)]
    if odd:
        which = f"{odd[0]} and {len(odd) - 1} more" if len(odd) > 1 else odd[0]
        what = f"is not of the network in {ARCHITECTURE} (or of another version of qnas): they differ in {which}"
        raise InputError(what, where)
    network.load_state_dict(weights)


def _refuse_others(metadata: Mapping[str, str], network: str, where: str) -> None:
    """Refuse weights that :func:`write_weights` did not write for this network, as it wrote them."""
    if metadata.get(_NETWORK) != network:
        what = f"is of another network than {ARCHITECTURE} and quantizer.train in {SPEC} say"
        raise InputError(f"{what}: one of these files is damaged or another run's", where)
    if _CHECKSUM not in metadata:
        raise InputError("is damaged: it had a checksum, which is gone", where)


def _without_wrappers(weights: dict[str, Tensor], own: Collection[str]) -> dict[str, Tensor]:
    """The weights without what DataParallel and torch.compile put before the ``own`` names of a network."""
    for wrapper in ("module.", "_orig_mod.", "module."):
        if all(name.startswith(wrapper) for name in weights) and not any(name.startswith(wrapper) for name in own):
            weights = {name.removeprefix(wrapper): value for name, value in weights.items()}
    return weights


def _layout(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    return {name: (value.shape, value.dtype) for name, value in weights.items()}


def _network(folder: RunFolder, quantizer: Any) -> str:
    """A text that other networks don't share."""
    text = f"{folder.read_text(ARCHITECTURE)}\n{json.dumps(quantizer, sort_keys=True)}"
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
