"""Every mistake in the composition of a network is reported in one line: where it is, and what would be valid."""

import textwrap
from pathlib import Path

import pytest

from qnas.core.errors import InputError
from qnas.core.spec import load_spec

SHRINK = "'conv3x3' can't live in slot 'body.0.attention.shrink': its original convolution changes the size"

# The text below ``space:``, the reported place and field, and a part of the message.
MISTAKES = {
    "a residual around no skip": (
        """\
        name: skeleton
        skip: false
        skip_residual: adq
        """,
        "4:18: space.skip_residual",
        "there is no skip to put it around",
    ),
    "a residual around no tail": (
        """\
        name: skeleton
        tail_residual: {name: adq}
        """,
        "3:18: space.tail_residual",
        "there is no tail whose output is added to the image",
    ),
    "a shared choice of no part": (
        """\
        name: basic
        shared: ["cells.*"]
        """,
        "3:12: space.shared.0",
        "'cells.*' matches no part of the network that has slots (such as: head.*, body.*, upsample.*)",
    ),
    "a shared choice of other candidates": (
        """\
        name: basic
        shared: ["body.*"]
        slots: [{match: body.1, bits: [8]}]
        """,
        "3:12: space.shared.0",
        "'body.0.body.chain.0' and 'body.1.body.chain.0' can't share a choice: their candidates differ (only one",
    ),
    "unknown block": (
        """\
        name: skeleton
        body: [chain, {block: residul}]
        """,
        "3:25: space.body.1.block",
        "no block is named 'residul'; did you mean 'residual'? (see: qnas list blocks)",
    ),
    "unknown block by its name alone": (
        """\
        name: skeleton
        body:
          - spabb
        """,
        "4:7: space.body.0",
        "no block is named 'spabb'; did you mean 'spab'?",
    ),
    "unknown field of a block": (
        """\
        name: skeleton
        body:
          - block: residual
            lenght: 3
        """,
        "5:7: space.body.0.lenght",
        "unknown field; did you mean 'length'? (fields: repeat, residual, length, native, scale)",
    ),
    "unknown residual": (
        """\
        name: skeleton
        body: [{block: spab, residual: plian}]
        """,
        "3:34: space.body.0.residual",
        "no residual is named 'plian'; did you mean 'plain'?",
    ),
    "a block that is named twice": (
        """\
        name: skeleton
        body: [{block: spab, name: rlfb}]
        """,
        "3:30: space.body.0.name",
        "must not stand beside 'block': both name a block",
    ),
    "a block without a name": (
        """\
        name: skeleton
        body: [spab, {repeat: 3}]
        """,
        "3:16: space.body.1",
        "must be the name of a block, or a mapping with 'block' and its fields",
    ),
    "no block": ("name: skeleton\nbody: []\n", "3:9: space.body", "must not be empty"),
    "a block that repeats no times": (
        """\
        name: skeleton
        body: [{block: spab, repeat: 0}]
        """,
        "3:32: space.body.0.repeat",
        "must be greater than or equal to 1 (got 0)",
    ),
    "a residual around a chain that changes the channels": (
        """\
        name: skeleton
        body:
          - residual
          - {block: chain, channels: 16, residual: plain}
        """,
        "5:7: space.body.1",
        "can't stand here: its plain residual can't add 32 channels to 16",
    ),
    "a block on too few channels": (
        """\
        name: skeleton
        body: [{block: chain, channels: 3}, rfdb]
        """,
        "3:39: space.body.1",
        "'rfdb' can't stand here: it distils from at least 4 channels (there are 3)",
    ),
    "a skip over changed channels": (
        """\
        name: skeleton
        skip: true
        fusion: []
        body: [{block: chain, channels: 16}]
        """,
        "3:9: space.skip",
        "the head's 32 channels can't be added to the body's 16: add a fusion",
    ),
    "features without a tail": (
        "name: skeleton\nupsample_to: features\n",
        "3:16: space.upsample_to",
        "features need a tail that turns them into an image",
    ),
    "all outputs without a fusion": (
        "name: skeleton\nfusion: []\ncollect: all\n",
        "4:12: space.collect",
        "outputs that are concatenated need a fusion",
    ),
    "channels without a head": (
        "name: skeleton\nhead: []\nchannels: 20\n",
        "4:13: space.channels",
        "without a head the image is repeated: the channels must be a multiple of 3",
    ),
    "a part that has no entrance": (
        "name: skeleton\nactivate: [tail, head]\n",
        "3:20: space.activate.1",
        "must be 'body', 'upsample', 'tail' or 'every' (got 'head')",
    ),
    "an unknown activation": (
        "name: skeleton\nactivation: rleu\n",
        "3:15: space.activation",
        "must be 'none', 'relu', 'leaky-relu', 'prelu', 'channel-prelu', 'silu' or 'tanh' (got 'rleu')",
    ),
    "a space that extends none": (
        "extends: rfdm\n",
        "2:12: space.extends",
        "no space is named 'rfdm'; did you mean 'rfdn'? (see: qnas list spaces)",
    ),
    "a space that is named twice": (
        "name: imdn\nextends: rfdn\n",
        "3:12: space.extends",
        "must not stand beside 'name': both name a space",
    ),
    "a preset that is extended wrongly": (
        "extends: quantnas-rfdn\nchannels: 32\n",
        "3:13: space.channels",
        "must be a multiple of 3",
    ),
    # rules
    "a rule that matches no slot": (
        """\
        name: skeleton
        slots:
          - {match: upsample, bits: [4]}
          - {match: body.0.bdy.1, bits: [4]}
        """,
        "5:15: space.slots.1.match",
        "'body.0.bdy.1' matches no slot (near: body.0.body.1, ",
    ),
    "keep beside operations": (
        """\
        name: skeleton
        slots: [{match: body, keep: 8, operations: [conv1x1]}]
        """,
        "3:31: space.slots.0.keep",
        "keep leaves nothing to choose: it can't stand beside operations",
    ),
    "keep beside bits": (
        """\
        name: skeleton
        slots: [{match: body, bits: [4], keep: 8}]
        """,
        "3:42: space.slots.0.keep",
        "keep leaves nothing to choose: it can't stand beside bits",
    ),
    "a rule that says nothing": (
        """\
        name: skeleton
        slots:
          - match: body
        """,
        "4:7: space.slots.0",
        "must say operations, bits or keep",
    ),
    # operations that don't fit a slot
    "groups that don't divide the channels": (
        """\
        name: skeleton
        channels: 32
        operations:
          body: [conv3x3, conv3x3g3]
        """,
        "5:21: space.operations.body.1",
        "'conv3x3g3' can't live in slot 'body.0.body.0': 3 groups don't divide 32 -> 32 channels"
        " (of its candidates these fit: conv3x3)",
    ),
    "groups of a rule that don't divide the channels": (
        """\
        name: skeleton
        slots:
          - match: body.2
            operations: [conv3x3g2, conv3x3g3]
        """,
        "5:31: space.slots.0.operations.1",
        "'conv3x3g3' can't live in slot 'body.2.body.0': 3 groups don't divide 32 -> 32 channels"
        " (of its candidates these fit: conv3x3g2)",
    ),
    "an identity where the channels change": (
        """\
        name: skeleton
        operations: {upsample: [native, identity]}
        """,
        "3:35: space.operations.upsample.1",
        "'identity' can't live in slot 'upsample.0': it keeps channels and size, the slot has 32 -> 12 channels",
    ),
    "an operation where the size changes": (
        """\
        name: rfdn
        operations: {attention: [native, conv3x3]}
        """,
        "3:36: space.operations.attention.1",
        f"{SHRINK} in a way that only 'native' does (of its candidates these fit: native)",
    ),
    "an operation for every slot where the size changes in one": (
        "name: rlfn\noperations: [native, conv3x3]\n",
        "3:24: space.operations.1",
        SHRINK,
    ),
    "an operation of a rule where the size changes": (
        """\
        name: rlfn
        slots: [{match: '*.shrink', operations: [conv3x3]}]
        """,
        "3:44: space.slots.0.operations.0",
        SHRINK,
    ),
    "a role that no block has": (
        """\
        name: skeleton
        body: [spab]
        operations: {distill: [conv3x3]}
        """,
        "4:16: space.operations.distill",
        "no such role (roles: all, head, refine, fusion, upsample)",
    ),
}


@pytest.mark.parametrize(("fields", "where", "gist"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_with_its_place_its_field_and_what_is_valid(tmp_path, monkeypatch, fields, where, gist):
    monkeypatch.chdir(tmp_path)
    path = Path("spec.yaml")
    path.write_text("space:\n" + textwrap.indent(textwrap.dedent(fields), "  "))
    with pytest.raises(InputError) as caught:
        load_spec(path)
    (told,) = str(caught.value).splitlines()
    assert told.startswith(f"spec.yaml:{where}: ")
    assert gist in told
