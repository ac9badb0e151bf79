"""The record of a run: the one reader of a run's folder.

Whatever is plain data is read without torch; the validated spec, the architecture and the network load it, when asked.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.files.home import at_home
from qnas.core.markup import lines, page
from qnas.core.registry import load_plugin_file
from qnas.core.run.names import (
    ARCHITECTURE,
    ENVIRONMENT,
    EXAMPLE_KINDS,
    EXAMPLES,
    EXPORT,
    IMAGE_NAMES,
    IMAGES,
    MODEL,
    PARENT,
    RESULT,
    SPEC,
    STAGES,
    TIMINGS,
    as_named_now,
    example,
    result_of,
)
from qnas.core.settings import BETWEEN, SPEC_VERSION, as_of
from qnas.core.spec.document import parse
from qnas.core.spec.kept import complete, known_version, read_kept

if TYPE_CHECKING:
    from torch import nn

    from qnas.core.components import Degradation, Quantizer, Report
    from qnas.core.network import Architecture
    from qnas.core.spec import Spec


@dataclass(frozen=True)
class Example:
    """One place of one test image.

    Attributes:
        set_name: The test set.
        image: The name of the image.
        views: Kind (``lr``, ``bicubic``, ``ours``, ``hr``) to its PNG file; those that are missing are left out.
    """

    set_name: str
    image: str
    views: Mapping[str, Path]


class RunRecord:
    """What is in a run's folder, each file read once, when it is first asked for. Plain data is read without torch.

    A file that an unfinished or older run lacks is empty, where nothing else is said. A record of a run under way stays
    as it was read: make another to look again. Everything raises InputError for a file or a field that is damaged.

    Args:
        folder: The run's.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def _repr_html_(self) -> str:
        """Its report, as notebooks show it; before there is one, the stages that have ended."""
        if self.page is not None:
            return page(self.page.read_text(encoding="utf-8"))
        ended = ", ".join(self.ended) or "none"
        return lines([f"run {self.path}: no report yet; stages that have ended: {ended}"])

    @property
    def path(self) -> Path:
        """Where the folder is."""
        return self.folder.path

    @property
    def has_begun(self) -> bool:
        """Whether there is a run, which can be resumed."""
        return self.folder.has(SPEC)

    @property
    def is_judged(self) -> bool:
        """Whether all stages have ended but perhaps the report."""
        return self.folder.has(RESULT)

    @property
    def ended(self) -> list[str]:
        """The stages that have ended, in their order."""
        return [stage for stage in STAGES if self.folder.has(result_of(stage))]

    def refuse_unfinished(self) -> None:
        """Refuse a folder that holds no run, or one that has not been judged yet.

        Raises:
            InputError: It says which.
        """
        if not self.has_begun:
            raise InputError(f"there is no run in the folder (no {SPEC} in it)", str(self.path))
        if not self.is_judged:
            raise InputError("the run is not finished (qnas run --resume goes on with it)", str(self.path))

    def refuse_unsearched(self) -> None:
        """Refuse a folder that holds no run, or one whose search has not ended.

        Raises:
            InputError: It says which.
        """
        self._refuse_lacking(result_of("search"), "the search of the run is not finished")

    def refuse_untrained(self) -> None:
        """Refuse a folder that holds no run, or one that has not trained its network yet.

        Raises:
            InputError: It says which.
        """
        self._refuse_lacking(MODEL, "the run has not trained a network yet")

    def _refuse_lacking(self, file: str, otherwise: str) -> None:
        for name, what in ((SPEC, "there is no run in the folder"), (file, otherwise)):
            if not self.folder.has(name):
                raise InputError(f"{what} (no {name} in it)", str(self.path))

    @cached_property
    def spec_text(self) -> str:
        """spec.yaml as it stands."""
        return self.folder.read_text(SPEC)

    @cached_property
    def spec_data(self) -> Mapping[str, Any]:
        """The spec as it was written down. It has no field that is newer, so what is made of it stays the same."""
        where = str(self.path / SPEC)
        data = parse(self.spec_text, where).data
        if not isinstance(data, dict):
            raise InputError("is damaged: it is not a mapping", where)
        return data

    @property
    def spec_version(self) -> int:
        """The version that the spec is of; the newest where there is no spec that says one which is known."""
        try:
            return known_version(self.spec_data) if self.has_begun else SPEC_VERSION
        except InputError:
            return SPEC_VERSION

    @cached_property
    def spec(self) -> "Spec":
        """The spec, with what it lacks as it was at its version. Loads torch.

        Raises:
            InputError: It can't be read any more: one line for each thing that is wrong.
        """
        with self.as_it_was():
            return read_kept(self.spec_text, str(self.path / SPEC))

    @cached_property
    def whole_spec(self) -> Mapping[str, Any]:
        """The same as plain data; what can't be validated, such as a missing plugin's, is as it stands. Loads torch."""
        return complete(self.spec_data)

    @cached_property
    def result(self) -> Mapping[str, Any]:
        """result.json, with the names that costs have now."""
        return as_named_now(self.folder.read_json(RESULT))

    @cached_property
    def stages(self) -> Mapping[str, Mapping[str, Any]]:
        """Every stage to its result, empty where it has not ended."""
        return {stage: self._read(result_of(stage)) for stage in STAGES}

    @cached_property
    def history(self) -> Mapping[str, list[dict[str, Any]]]:
        """Every stage to the lines of its history."""
        return {stage: list(self.folder.history(stage)) for stage in STAGES}

    @cached_property
    def scores(self) -> Mapping[str, Mapping[str, Any]]:
        """Test set to its images, each with its scores."""
        name = result_of("evaluate")
        judged = self.folder.read_json(name).get("images")
        if not isinstance(judged, Mapping) or not all(isinstance(images, Mapping) for images in judged.values()):
            raise InputError("has no images by test set: it is damaged", str(self.path / name))
        return judged

    @property
    def baseline(self) -> str | None:
        """Which uniform network it trains for comparison with its parent, such as ``uniform 8``; its spec is silent."""
        name = self.parent.get("baseline")
        return None if name is None else str(name)

    @property
    def front(self) -> list[Mapping[str, Any]]:
        """The points of the front that its search found, the cheapest first; none of any other search.

        Raises:
            InputError: They are damaged.
        """
        points = self.stages["search"].get("front", [])
        if not isinstance(points, list) or not all(isinstance(point, Mapping) for point in points):
            raise InputError("is damaged: its front is no list of points", str(self.path / result_of("search")))
        return points

    @cached_property
    def parent(self) -> Mapping[str, Any]:
        """Which run it was derived from, and what it took of it: parent.json."""
        return self._read(PARENT)

    @cached_property
    def environment(self) -> Mapping[str, Any]:
        """What it ran on: environment.json."""
        return self._read(ENVIRONMENT)

    @cached_property
    def image_digests(self) -> Mapping[str, Any]:
        """What changes with the pixels of a data set: images.json."""
        return self._read(IMAGES)

    @cached_property
    def image_names(self) -> Mapping[str, Any]:
        """The images that it began with: image_names.json."""
        return self._read(IMAGE_NAMES)

    @cached_property
    def examples(self) -> list[Example]:
        """The example crops of which there are pictures."""
        entries = self._read(EXAMPLES).get("examples", [])
        examples = [Example(str(e["set"]), str(e["image"]), self._views(str(e["stem"]))) for e in entries]
        return [one for one in examples if one.views]

    @cached_property
    def exports(self) -> Mapping[str, Mapping[str, Any]]:
        """What is known of each file that was written for a target, by the target's name."""
        files = sorted((self.path / EXPORT).glob("[!.]*.json"))
        names = [file.relative_to(self.path).as_posix() for file in files]
        others = {TIMINGS, result_of(EXPORT)}
        return {Path(name).stem: self.folder.read_json(name) for name in names if name not in others}

    @cached_property
    def timings(self) -> list[dict[str, Any]]:
        """What was measured of them, an entry for each target, size and number of threads."""
        measured = self._read(TIMINGS).get("measured", [])
        if not isinstance(measured, list) or not all(isinstance(entry, dict) for entry in measured):
            raise InputError("is damaged: it has no list of what was measured", str(self.path / TIMINGS))
        return measured

    @property
    def page(self) -> Path | None:
        """The page that explains it, if there is one."""
        try:
            name = str(self._read(result_of("report")).get("file"))
        except InputError:
            return None
        # Only what is in the folder: a file of it must not make a comparison point elsewhere.
        return self.path / name if Path(name).name == name and self.folder.has(name) else None

    @cached_property
    def architecture_text(self) -> str:
        """architecture.json as it stands."""
        return self.folder.read_text(ARCHITECTURE)

    @cached_property
    def architecture_data(self) -> Mapping[str, Any]:
        """The same as plain data."""
        return self.folder.read_json(ARCHITECTURE)

    @cached_property
    def architecture(self) -> "Architecture":
        """The found architecture, whose space takes its files from the folder. Loads torch."""
        from qnas.core.network import Architecture

        with self.as_it_was():
            return Architecture.from_json(self.architecture_text, str(self.path / ARCHITECTURE))

    @property
    def quantizer_data(self) -> Any:
        """What the found network is quantized by, as spec.yaml has it."""
        try:
            return self.spec_data["quantizer"]["train"]
        except (TypeError, KeyError):
            raise InputError("is damaged: it does not say quantizer.train", str(self.path / SPEC)) from None

    @cached_property
    def quantizer(self) -> "Quantizer":
        """The same, valid even where the rest of the spec is not any more. Loads torch."""
        from qnas.core.components import Quantizer

        with self._of_spec("quantizer", "train"):
            return Quantizer.of(self.quantizer_data)

    @property
    def between(self) -> int | None:
        """The width of what stands between its slots, None for float and for runs from before it could be chosen."""
        bits = self.spec_data["quantizer"].get("between") if self.quantizer_data else None
        if bits not in (None, *BETWEEN):
            raise InputError("is damaged: quantizer.between is no width", str(self.path / SPEC))
        return bits

    @cached_property
    def degradation(self) -> "Degradation":
        """How the LR images were made; runs from before it could be chosen don't say, and had Pillow's."""
        from qnas.core.components import Degradation

        data = self.spec_data.get("data")
        said = data.get("degradation") if isinstance(data, Mapping) else None
        with self._of_spec("data", "degradation"):
            return Degradation.of("pillow" if said is None else said)

    @cached_property
    def report(self) -> "Report":
        """The report that explains it."""
        from qnas.core.components import Report

        with self._of_spec("report"):
            return Report.of(self.spec_data.get("report", "html"))

    def network(self) -> "nn.Module":
        """The trained network, in evaluation mode. Loads torch.

        Of the spec only what the network depends on has to be valid: images and plugins of the training may be gone,
        and the files that it names, since the folder has what is needed of them.

        Raises:
            InputError: A file is missing or damaged, or a plugin is missing.
        """
        from qnas.core.run.weights import load_weights

        network = self.untrained(self.quantizer, self.between)
        load_weights(network, self.folder, self.quantizer_data, of_any_program=True)
        return network.eval()

    def untrained(self, quantizer: "Quantizer", between: int | None = None) -> "nn.Module":
        """The found architecture, to load all of its weights. Loads torch.

        Args:
            quantizer: Quantizes it.
            between: The width of what stands between the slots, None for float.

        Raises:
            InputError: A file is missing or damaged, or a plugin is missing.
        """
        from qnas.core.network import guard

        with guard(self.architecture.space), self.as_it_was():
            return self.architecture.rebuild(quantizer, between)

    @contextlib.contextmanager
    def as_it_was(self) -> Iterator[None]:
        """A context in which components are made as of the run's version, and spaces take files from its folder."""
        with at_home(self.path), as_of(self.spec_version):
            for file in self._plugin_files:
                load_plugin_file(file)
            yield

    @property
    def _plugin_files(self) -> Sequence[str]:
        stated = self.spec_data.get("plugins") if isinstance(self.spec_data, Mapping) else None
        return [str(file) for file in stated] if isinstance(stated, list) else []

    @contextlib.contextmanager
    def _of_spec(self, *field: str) -> Iterator[None]:
        """Make a component of the spec, and name the field if it is invalid."""
        from pydantic import ValidationError

        try:
            with self.as_it_was():
                yield
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(map(str, (*field, *first["loc"])))
            raise InputError(f"{path}: {first['msg']}", str(self.path / SPEC)) from None

    def _read(self, name: str) -> dict[str, Any]:
        return self.folder.read_json(name) if self.folder.has(name) else {}

    def _views(self, stem: str) -> dict[str, Path]:
        # A stem that the engine writes; anything else could lead out of the folder.
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", stem):
            return {}
        files = {kind: example(stem, kind) for kind in EXAMPLE_KINDS}
        return {kind: self.path / name for kind, name in files.items() if self.folder.has(name)}
