import sys
from pathlib import Path

import pytest

from qnas.core.errors import InputError, QnasError
from qnas.core.registry import Entry, Registry


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes an importable module of some source, and forgets it afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def make(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(source)
        made.append(name)
        return name

    yield make
    for name in made:
        sys.modules.pop(name, None)


def entry(name: str, target: str = "nowhere:Thing", distribution: str = "dist-a", **defaults: object) -> Entry:
    return Entry(name, target, "A thing", distribution, defaults)


def test_a_component_is_imported_only_when_it_is_loaded(module):
    name = module("lazy_thing", "class Cost: kind = 'cost'\nclass Thing(Cost): pass")
    registry: Registry[object] = Registry("cost")
    registry.add(entry("thing", f"{name}:Thing"))
    assert [e.name for e in registry] == ["thing"]
    assert name not in sys.modules
    assert registry.load("thing").__name__ == "Thing"
    assert name in sys.modules


def test_entries_are_listed_by_name():
    registry: Registry[object] = Registry("cost")
    for name in ("b", "c", "a"):
        registry.add(entry(name))
    assert [e.name for e in registry] == ["a", "b", "c"]


@pytest.mark.parametrize("ask", ["entry", "load"])
def test_an_unknown_name_is_told_with_the_nearest(ask):
    registry: Registry[object] = Registry("quantizer")
    for name in ("lsq", "noise"):
        registry.add(entry(name))
    with pytest.raises(InputError) as caught:
        getattr(registry, ask)("lqs")
    assert str(caught.value) == ("no quantizer is named 'lqs'; did you mean 'lsq'? (see: qnas list quantizers)")
    assert caught.value.exit_code == 2


def test_no_name_is_guessed_where_none_is_near():
    registry: Registry[object] = Registry("quantizer")
    registry.add(entry("lsq"))
    with pytest.raises(InputError) as caught:
        registry.entry("wavelets")
    assert str(caught.value) == "no quantizer is named 'wavelets' (see: qnas list quantizers)"


def test_a_name_registered_twice_names_both_distributions_and_changes_nothing():
    registry: Registry[object] = Registry("cost")
    first, other = entry("bits", "a:A", "dist-a"), entry("other", "a:B", "dist-a")
    registry.add(first)
    registry.add(other)
    with pytest.raises(QnasError) as caught:
        registry.add(entry("bits", "b:B", "dist-b"))
    for part in ("'bits'", "dist-a", "a:A", "dist-b", "b:B"):
        assert part in str(caught.value)
    assert list(registry) == [first, other]


def test_one_distribution_can_not_register_a_name_twice_either():
    registry: Registry[object] = Registry("cost")
    registry.add(entry("bits"))
    with pytest.raises(QnasError, match="it registers the cost 'bits' twice: nowhere:Thing and nowhere:Thing"):
        registry.add(entry("bits"))


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import no_such_module_anywhere", id="missing dependency"),
        pytest.param("class Other: pass", id="missing class"),
        pytest.param("raise RuntimeError('no driver')", id="any exception at import"),
        pytest.param("class Thing(:", id="syntax error"),
        pytest.param("raise SystemExit(3)", id="leaves the process"),
        pytest.param("raise RuntimeError('one line\\nand another')", id="says several lines"),
    ],
)
def test_a_component_that_can_not_be_imported_is_named_with_its_distribution(module, source):
    name = module("broken_thing", source)
    registry: Registry[object] = Registry("cost")
    registry.add(entry("thing", f"{name}:Thing", "dist-broken"))
    with pytest.raises(QnasError) as caught:
        registry.load("thing")
    for part in ("cost 'thing'", "dist-broken", "broken_thing:Thing"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_module_prints_as_it_is_imported_is_not_in_the_output(module, capsys):
    name = module("loud_thing", "print('welcome')\nclass Cost: kind = 'cost'\nclass Thing(Cost): pass")
    registry: Registry[object] = Registry("cost")
    registry.add(entry("thing", f"{name}:Thing"))
    registry.load("thing")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "welcome\n")


def test_a_class_that_lacks_what_it_must_define_is_told(module):
    source = "import abc\nclass Cost(abc.ABC):\n  kind = 'cost'\n  @abc.abstractmethod\n  def count(self): ...\n"
    name = module("half_thing", f"{source}class Thing(Cost): pass")
    registry: Registry[object] = Registry("cost")
    registry.add(entry("thing", f"{name}:Thing"))
    with pytest.raises(
        QnasError, match="the cost 'thing' of dist-a lacks what it must define, count: half_thing:Thing"
    ):
        registry.load("thing")


@pytest.mark.parametrize(
    ("name", "target", "summary", "message"),
    [
        ("thing", ":Thing", "A thing", "as ':Thing': that must be 'module:Class'"),
        ("thing", "module.Thing", "A thing", "as 'module.Thing': that must be 'module:Class'"),
        ("thing", "", "A thing", "with the target '': that must be text"),
        ("thing", Entry, "A thing", "with the target <class .*Entry'>: that must be text"),
        (None, "a:A", "A thing", "it registers cost None with the name None: that must be text"),
        ("thing", "a:A", None, "with the summary None: that must be text"),
    ],
)
def test_what_is_no_entry_is_refused(name, target, summary, message):
    registry: Registry[object] = Registry("cost")
    with pytest.raises(QnasError, match=message):
        registry.add(Entry(name, target, summary, "dist-a"))
    assert not list(registry)


def test_a_name_is_claimed_no_more_once_who_had_it_is_gone():
    registry: Registry[object] = Registry("cost")
    first = entry("bits", "a:A", "dist-a")
    registry.add(first)
    with pytest.raises(QnasError):
        registry.add(entry("bits", "b:B", "dist-b"))
    with pytest.raises(InputError, match="two costs are named 'bits'"):
        registry.entry("bits")
    registry.remove(first)
    registry.add(entry("bits", "c:C", "dist-c"))
    assert registry.entry("bits").target == "c:C"


def test_a_class_is_named_by_the_entry_that_changes_none_of_its_defaults():
    class Thing:
        pass

    target = f"{Thing.__module__}:{Thing.__qualname__}"
    registry: Registry[object] = Registry("cost")
    registry.add(entry("a-preset", target, size=3))
    assert registry.name_of(Thing) == ""
    registry.add(entry("thing", target))
    assert registry.name_of(Thing) == "thing"
