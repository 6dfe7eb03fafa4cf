"""Fixtures for tests of the kernel stream; modules name it in ``pytest_plugins``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hpview.stream import loaded
from hpview.stream.kernel import KernelBackend

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def backend() -> Iterator[KernelBackend]:
    backend = KernelBackend()
    yield backend
    backend.close()


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """One PTE table for each call of the program."""
    monkeypatch.setattr(loaded, "TABLES_PER_CALL", 1)
