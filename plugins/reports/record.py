"""The record of a run: what its folder holds, read once. What is missing is empty, not an error."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.run.costs import as_named_now
from qnas.core.run.examples import KINDS
from qnas.core.spec.document import parse


@dataclass(frozen=True)
class Example:
    """One place of one test image, as PNG data URIs by kind (see ``KINDS``); kinds that are missing are left out."""

    set_name: str
    image: str
    views: Mapping[str, str]


@dataclass(frozen=True)
class RunRecord:
    """The files of a finished run.

    Attributes:
        spec_text: spec.yaml as it stands.
        spec: The same, parsed.
        architecture_text: architecture.json as it stands.
        architecture: The same, parsed.
        result: result.json.
        environment: environment.json.
        stages: Stage to its result.json.
        history: Stage to the lines of its history.jsonl.
        examples: Example crops.
    """

    spec_text: str
    spec: Mapping[str, Any]
    architecture_text: str
    architecture: Mapping[str, Any]
    result: Mapping[str, Any]
    environment: Mapping[str, Any]
    stages: Mapping[str, Mapping[str, Any]]
    history: Mapping[str, list[dict[str, Any]]]
    examples: list[Example]

    @classmethod
    def read(cls, folder: RunFolder) -> "RunRecord":
        """Read a run's folder.

        Raises:
            InputError: spec.yaml, architecture.json or result.json is missing, or a file is damaged.
        """
        spec_text = folder.read_text("spec.yaml")
        return cls(
            spec_text=spec_text,
            spec=_mapping(spec_text, str(folder.path / "spec.yaml")),
            architecture_text=folder.read_text("architecture.json"),
            architecture=folder.read_json("architecture.json"),
            result=as_named_now(folder.read_json("result.json")),
            environment=_read(folder, "environment.json"),
            stages={
                stage: _read(folder, f"{stage}/result.json") for stage in ("search", "derive", "train", "evaluate")
            },
            history={stage: list(folder.history(stage)) for stage in ("search", "train")},
            examples=_examples(folder),
        )


def _mapping(text: str, where: str) -> dict[str, Any]:
    data = parse(text, where).data
    if not isinstance(data, dict):
        raise InputError("is damaged: it is not a mapping", where)
    return data


def _read(folder: RunFolder, name: str) -> dict[str, Any]:
    return folder.read_json(name) if folder.has(name) else {}


def _examples(folder: RunFolder) -> list[Example]:
    entries = _read(folder, "examples/index.json").get("examples", [])
    examples = [Example(str(e["set"]), str(e["image"]), _views(folder, str(e["stem"]))) for e in entries]
    return [example for example in examples if example.views]


def _views(folder: RunFolder, stem: str) -> dict[str, str]:
    # A stem that the engine writes; anything else could lead out of the folder.
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", stem):
        return {}
    files = {kind: f"examples/{stem}-{kind}.png" for kind in KINDS}
    return {kind: _data_uri(folder, name) for kind, name in files.items() if folder.has(name)}


def _data_uri(folder: RunFolder, name: str) -> str:
    encoded = base64.b64encode((folder.path / name).read_bytes()).decode("ascii")
    return f"data:image/png;base64,{encoded}"
