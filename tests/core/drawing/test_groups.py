"""The names of the groups that slots fall into."""

import pytest

from qnas.core.drawing.groups import group_names


@pytest.mark.parametrize(
    ("paths", "groups"),
    [
        (["head.0", "head.1", "upsample", "tail.1"], ["head", "head", "upsample", "tail"]),
        (["body.0.body.chain.1", "body.0.body.skip", "up"], ["body.0", "body.0", "up"]),
        (["net.blocks.0.conv1", "net.blocks.1.conv1", "net.up"], ["net.blocks.0", "net.blocks.1", "net.up"]),
        (["conv1", "conv2", "up"], ["conv", "conv", "up"]),
        (["body.0.a", "body.0.b"], ["body.0.a", "body.0.b"]),
        (["0", "1"], ["0", "1"]),
        (["only"], ["only"]),
        ([], []),
    ],
)
def test_groups(paths, groups):
    assert list(group_names(paths).values()) == groups
