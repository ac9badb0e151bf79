"""Valid specs gone wrong: by a typo, a bad merge, a broken disk or a stranger."""

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from qnas.core.spec.yaml_nodes import Dumper

SPECS = {
    "basic": """\
name: tiny
seed: 3
scale: 2
space:
  name: basic
  channels: 6
  cells: 1
  bits: [4, [8, 8]]
  operations: {body: [conv3x3, native], skip: [identity, conv1x1]}
data:
  train: {name: dead-leaves, amount: 12, size: 32}
  test: {leaves: {name: dead-leaves, amount: 2, size: 48, seed: 1}}
  validation: 2
  patch: 8
quantizer: {search: {name: noise, distribution: uniform}, train: lsq}
search: {steps: 6, epochs: 3, batch: 2, alpha_learning_rate: 0.1, relaxation: softmax}
regularizers: {entropy: {weight: 0.1}, price: {name: cost, cost: macs, weight: 1e-4}}
train: {steps: 6, batch: 2, validations: 3, start: supernet, clip: 1.5}
report: html
""",
    "skeleton": """\
scale: 3
space:
  extends: skeleton
  channels: 6
  activation: relu
  body:
    - {block: residual, repeat: 2, residual: adq}
    - rfdb
  collect: all
  image_residual: nearest
  slots:
    - {match: "body.0.*", operations: [conv3x3], bits: [4, 8]}
    - {match: upsample, keep: 8}
data: {train: {name: folder, path: [images, more]}, test: {a: {name: folder, path: b, lr_path: c}}, patch: 12}
search: {name: random, samples: 2}
""",
    "fixed": """\
scale: 4
space: {name: espcn, bits: [8], operations: [native]}
data: {train: {name: pack, path: train.h5}}
""",
}
SHIPPED = [path.read_text() for path in sorted((Path(__file__).parents[2] / "specs").rglob("*.yaml"))]
SHIPPED_SPECS = [text for text in SHIPPED if "variants" not in yaml.safe_load(text)]
SHIPPED_SWEEPS = [text for text in SHIPPED if "variants" in yaml.safe_load(text)]
SWEEP = """\
spec: base.yaml
seeds: 2
variants:
  searched: {vary: {regularizers.cost.weight: [0, 0.001]}, set: {search.steps: 4}}
  uniform: {spec: base.yaml, set: {space.operations: [native]}, vary: {space.bits: [[4], [8]]}}
"""

NUMBERS = [0, -1, 1, 7, 2**31, 2**63, -(2**63), 10**30, -(10**400), 0.5, -0.0, 1e-320, 1e308, -1e308]
NUMBERS += [float("nan"), float("inf"), float("-inf")]
TEXTS = [
    "",
    " ",
    "null",
    "~",
    "yes",
    "1e3",
    "0x10",
    "12:30:45",
    "2020-02-30",
    "basic",
    "native",
    "conv3x3",
    "*",
    "[",
    "{}",
]
TEXTS += [
    "../../etc/passwd",
    "/",
    ".",
    "..",
    "a\nb",
    "\x1b[2J",
    "\u202eabc",
    "\x00",
    "<script>alert(1)</script>",
    "é",
    "\U0001f600",
]
TEXTS += ["x" * 5000, "%s%n", "os:system", "name", "${HOME}", "a" * 300 + "/b"]

weird = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
    st.sampled_from([None, True, False, [], {}, [[]], {"": None}, {"name": None}, {"name": "basic"}, [None], {1: 2}]),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.integers(1, 120).map(lambda depth: _nested([], depth)),
    st.integers(1, 120).map(lambda depth: _nested({}, depth)),
    st.integers(2, 400).map(lambda length: ["conv3x3"] * length),
).map(copy.deepcopy)  # what is drawn is changed later


def _nested(leaf: Any, depth: int) -> Any:
    for _ in range(depth):
        leaf = [leaf] if isinstance(leaf, list) else {"name": leaf}
    return leaf


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Every container with each of its keys or indices; a container may contain itself."""
    places, seen, pending = [], set(), [data]
    while pending:
        container = pending.pop()
        if isinstance(container, dict | list) and id(container) not in seen:
            seen.add(id(container))
            inside = list(container.items() if isinstance(container, dict) else enumerate(container))
            places += [(container, key) for key, _ in inside]
            pending += [value for _, value in reversed(inside)]
    return places


@st.composite
def mutated_data(draw: st.DrawFn, data: Any) -> Any:
    """``data`` with one to three changes."""
    data = copy.deepcopy(data)
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        places = _places(data)
        if not places:
            return data
        leaves = [(container, key) for container, key in places if not isinstance(container[key], dict | list)]
        container, key = draw(st.sampled_from(leaves if leaves and draw(st.booleans()) else places))
        kind = draw(st.sampled_from(["replace", "number", "delete", "rename", "copy", "wrap", "add"]))
        if kind == "number":
            container[key] = draw(st.sampled_from(NUMBERS) | st.integers(0, 40))
        elif kind == "replace":
            container[key] = draw(weird)
        elif kind == "delete":
            del container[key]
        elif kind == "rename" and isinstance(container, dict):
            container[draw(st.one_of(st.sampled_from(TEXTS), st.text(max_size=5), st.just(f"{key}s")))] = container.pop(
                key
            )
        elif kind == "copy":  # the emitter writes it as an alias
            container[key] = draw(st.sampled_from(places))[0]
        elif kind == "wrap":
            container[key] = draw(st.sampled_from([[container[key]], {"name": container[key]}, str(container[key])]))
        elif isinstance(container, dict):
            container[draw(st.sampled_from([*TEXTS, "name", "extends", "block", "bits", "path"]))] = draw(weird)
        else:
            container.append(draw(weird))
    return data


@st.composite
def mutated_text(draw: st.DrawFn, text: str) -> bytes:
    """``text`` cut short, with bytes changed, lines repeated, moved or indented, or with YAML's rarer syntax."""
    content = text.encode()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        lines = content.split(b"\n")
        line = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["cut", "flip", "insert", "double", "move", "indent", "sign"]))
        if kind == "cut":
            content = content[:at]
        elif kind == "flip" and content:
            content = content[:at] + bytes([content[at] ^ 1 << draw(st.integers(0, 7))]) + content[at + 1 :]
        elif kind == "insert":
            content = content[:at] + draw(st.binary(max_size=6)) + content[at:]
        elif kind == "sign":
            signs = [b"&a ", b"*a", b"<<: *a", b"<<: 3", b"!!python/object:os.system ", b"!!int ", b"!x ", b"? ", b"- "]
            signs += [
                b"| ",
                b"> ",
                b"--- ",
                b"...\n",
                b"%YAML 9.9\n",
                b"'",
                b'"',
                b"{",
                b"]",
                b"\t",
                b"#",
                b": ",
                b"!!binary ",
            ]
            content = content[:at] + draw(st.sampled_from(signs)) + content[at:]
        else:
            if kind == "double":
                lines.insert(line, lines[line])
            elif kind == "move":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(line))
            else:
                lines[line] = b" " * draw(st.integers(0, 6)) + lines[line].lstrip()
            content = b"\n".join(lines)
    return content


def files(texts: list[str]) -> st.SearchStrategy[bytes]:
    """Files that were one of these."""
    data = st.sampled_from([yaml.safe_load(text) for text in texts]).flatmap(mutated_data).map(_dumped)
    return st.one_of(data, data, st.sampled_from(texts).flatmap(mutated_text))


def _dumped(data: Any) -> bytes:
    text: str = yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True)
    return text.encode(errors="surrogatepass")
