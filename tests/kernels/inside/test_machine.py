"""The machine is what was asked for."""

import os


def test_is_root() -> None:
    assert os.getuid() == 0
