"""What tests share: what this machine and user can do, and targets to look at."""

from __future__ import annotations

import gc
import os
import shutil
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Final, NoReturn

import pytest
from hypothesis import settings

from hpview.errors import BackendUnavailable
from hpview.stream.kernel import KernelBackend
from tests.swapping import NoSwap, swap_space
from tests.tmux import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REQUIRE_ALL = "HPVIEW_REQUIRE_ALL"
"""Set in CI: what cannot be tested there is a failure."""

# However busy the machine is, and the same examples each time.
settings.register_profile("hpview", deadline=None, derandomize=True)
settings.load_profile("hpview")

collect_ignore = ["kernels", "endurance", "test_reasons_khugepaged.py"]
"""Run when named only, by ``make test-kernels``, ``test-endurance`` and ``test-long``: they boot
machines, wear this one out, and wake khugepaged for the whole of it."""

_freeze: Final = gc.freeze
"""Which tests may not call: see ``_own_garbage``."""

_MUCH_GARBAGE = 10_000
"""Objects, made since the last collection and not yet freed, from which on one is worth it."""


@cache
def _bpf_missing() -> str:
    try:
        KernelBackend().close()
    except BackendUnavailable as err:
        return str(err)
    return ""


@pytest.fixture(autouse=True, scope="session")
def _no_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the settings of whoever runs it, nor does what it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        for name in ("NO_COLOR", "TEXTUAL_THEME"):
            patch.delenv(name, raising=False)
        # What a terminal can show decides the theme.
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("COLORTERM", "truecolor")
        yield


def lacking(reason: str) -> NoReturn:
    """Skip, or fail where everything is required."""
    if os.environ.get(REQUIRE_ALL):
        pytest.fail(f"{reason} ({REQUIRE_ALL} is set)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def terminal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        lacking("needs tmux")
    size: tuple[int, int] = getattr(request, "param", (120, 36))
    opened = Terminal(tmp_path, size)
    yield opened
    opened.close()


@pytest.fixture
def swap(tmp_path: Path) -> Iterator[None]:
    """Swap space, made for this test if need be."""
    with ExitStack() as stack:
        try:
            stack.enter_context(swap_space(tmp_path))
        except (NoSwap, OSError) as err:
            lacking(f"needs swap space: {err}")
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("root") and os.geteuid() != 0:
        lacking("needs root")
    if item.get_closest_marker("bpf") and (reason := _bpf_missing()):
        lacking(reason)


def pytest_collection_finish() -> None:
    """Collect garbage between tests only, and none of what stays: that took a third of the time."""
    gc.collect()
    _freeze()
    gc.disable()


def pytest_runtest_teardown() -> None:
    """Collect, and look no more at what is left then: modules and caches."""
    if gc.get_count()[0] > _MUCH_GARBAGE:
        gc.collect()
        _freeze()


@pytest.fixture(autouse=True, scope="session")
def _own_garbage() -> Iterator[None]:
    """What the app does for a process of its own would keep what tests leave behind for ever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "freeze", lambda: None)
        patch.setattr(gc, "get_freeze_count", lambda: 0)
        yield
