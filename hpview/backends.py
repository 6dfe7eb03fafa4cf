"""Chooses where records come from. Only the command line does that, and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.errors import BackendUnavailable
from hpview.facts import open_facts
from hpview.kernelfs import procmap_query
from hpview.services import Readers
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend

if TYPE_CHECKING:
    from hpview.facts import FactsReader
    from hpview.stream.base import Backend


def choose(name: str) -> tuple[Backend, str]:
    """Open a backend by name; ``auto`` takes bpf where it may be loaded.

    Returns:
        The backend, and why it is not bpf, or "".

    Raises:
        BackendUnavailable: The one asked for cannot be used here.
    """
    if name == "procfs":
        return ProcfsBackend(), ""
    try:
        return KernelBackend(), ""
    except BackendUnavailable as err:
        if name == "bpf":
            raise
        return ProcfsBackend(), str(err)


def readers(backend: Backend, notice: str = "") -> Readers:
    """What it takes to read one process over a backend."""
    query = procmap_query.supported()

    def facts(pid: int) -> FactsReader:
        return open_facts(pid, query=query)

    return Readers(
        backend=backend.name,
        notice=notice,
        open=backend.open,
        facts=facts,
        close=backend.close,
    )
