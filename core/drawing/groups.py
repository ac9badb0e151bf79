"""The parts of a network, guessed from the paths of its slots."""

import re
from collections.abc import Sequence


def group_names(paths: Sequence[str]) -> dict[str, str]:
    """The part that each slot belongs to.

    Below what all paths share, a part is what stands up to the first number (``body.0`` of
    ``body.0.body.chain.1``), or what lists the slot itself (``head`` of ``head.1``).

    >>> group_names(["head.0", "body.0.body.chain.1", "body.0.body.skip", "upsample"])
    {'head.0': 'head', 'body.0.body.chain.1': 'body.0', 'body.0.body.skip': 'body.0', 'upsample': 'upsample'}
    """
    split = [path.split(".") for path in paths]
    shared = _shared([parts[:-1] for parts in split])
    prefix = ".".join(split[0][:shared]) if split else ""
    return {path: _group(parts[shared:], prefix) for path, parts in zip(paths, split, strict=True)}


def _shared(parents: Sequence[Sequence[str]]) -> int:
    """How many leading parts all of them have in common."""
    columns = zip(*parents, strict=False)
    return next((i for i, column in enumerate(columns) if len(set(column)) > 1), min(map(len, parents), default=0))


def _group(parts: Sequence[str], prefix: str) -> str:
    number = next((i for i, part in enumerate(parts[:-1]) if part.isdigit()), None)
    if number is not None:
        own = parts[: number + 1]
    elif len(parts) > 1:
        own = parts[:-1]
    else:
        # conv1, conv2, ... of a network that is not nested belong together.
        own = [re.sub(r"[\d_]+$", "", parts[0])]
    return ".".join(filter(None, [prefix, *own])) or parts[0]
