"""What latencies hold for: where they were measured, and on what."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from qnas.core.drawing.wording import plural
from qnas.core.errors import InputError
from qnas.core.processor import processor_name

if TYPE_CHECKING:
    from qnas.core.components import Target


@dataclass(frozen=True)
class Setting:
    """What latencies hold for. All of it is plain data.

    Attributes:
        processor: The name of the processor.
        target: The runtime, as a spec refers to it.
        settings: Its settings, by its own names.
        versions: Of what it needs, by distribution.
        threads: How many threads it may use.
        size: Height and width of the LR image.
        scale: The factor that it is enlarged by.
        between: Bits of what stands between the slots, None for float.
    """

    processor: str
    target: Any
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    threads: int
    size: tuple[int, int]
    scale: int
    between: int | None

    @classmethod
    def here(cls, target: "Target", threads: int, size: tuple[int, int], scale: int, between: int | None) -> Self:
        """That of a target on this machine.

        Raises:
            InputError: The target is not installed.
        """
        own = (target.reference(), dict(target.settings()), target.versions())
        return cls(processor_name(), *own, threads, size, scale, between)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """That which :meth:`to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        height, width = map(int, data["size"])
        named = {field: data[field] for field in cls.__dataclass_fields__ if field != "size"}
        return cls(**named, size=(height, width))

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "size": list(self.size)}

    def __str__(self) -> str:
        """``openvino, 1 thread, 256 x 256 LR``."""
        name = self.target if isinstance(self.target, str) else self.target["name"]
        return f"{name}, {plural(self.threads, 'thread')}, {self.size[0]} x {self.size[1]} LR"

    def other_machine(self, target: "Target | None") -> Iterator[str]:
        """What is another on this machine, or in the target that a spec names; each in words."""
        here = processor_name()
        if self.processor != here:
            yield f"it was measured on '{self.processor}', and this is '{here}'"
        if target is not None and self.target != target.reference():
            yield f"it was measured in {_told(self.target)}, and the spec's target is {_told(target.reference())}"
        elif target is not None and self.settings != (settings := dict(target.settings())):
            yield f"it was measured with the settings {self.settings}, and the target has {settings}"
        installed = _installed(self.versions)
        others = [name for name in installed if installed[name] != self.versions[name]]
        for name in others[:1]:
            yield f"it was measured with {name} {self.versions[name]}, and {installed[name]} is installed"

    def refuse_others(self, other: "Setting", where: str) -> None:
        """Refuse to go on with what was measured in another setting.

        Raises:
            InputError: It names what differs.
        """
        mine, theirs = self.to_json(), other.to_json()
        for field, value in mine.items():
            if theirs[field] != value:
                what = f"has measurements with {field} {theirs[field]}, not {value}"
                raise InputError(f"{what}: name another file with -o", where)


def _told(reference: Any) -> str:
    if isinstance(reference, str):
        return f"'{reference}'"
    fields = ", ".join(f"{key}: {value}" for key, value in reference.items() if key != "name")
    return f"'{reference['name']}' ({fields})"


def _installed(versions: Mapping[str, str]) -> dict[str, str]:
    """The versions of those of these distributions that are installed here."""
    from importlib import metadata

    found = {}
    for name in versions:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
