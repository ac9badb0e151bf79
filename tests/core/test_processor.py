"""What a processor is called."""

import platform
from pathlib import Path

import pytest

from qnas.core import processor


def test_the_processor_is_named_as_the_system_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel\t\t: 207\nmodel name\t: A Processor @ 2.1: GHz\nmodel name\t: Another\n")
    monkeypatch.setattr(processor, "_PROCESSORS", file)
    assert processor.processor_name() == "A Processor @ 2.1: GHz"


@pytest.mark.parametrize("content", [None, "", "model name\t:\n", "Hardware\t: board\n"])
def test_without_a_name_it_is_called_by_its_instructions(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(processor, "_PROCESSORS", file)
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert processor.processor_name() == processor.instruction_set() == platform.machine()
