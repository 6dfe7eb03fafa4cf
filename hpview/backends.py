"""Chooses where records come from. Only the command line does that, and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.facts import FactsOpener
from hpview.kernelfs import procmap_query
from hpview.notices import Notices
from hpview.services import Readers
from hpview.stream.auto import AutoBackend
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend

if TYPE_CHECKING:
    from hpview.stream.base import Backend


def choose(name: str) -> tuple[Backend, Notices]:
    """Open a backend by name; ``auto`` is bpf as long as that works.

    Returns:
        The backend, and what is to be said of it, now and later.

    Raises:
        BackendUnavailable: The one asked for cannot be used here.
    """
    notices = Notices()
    if name == "procfs":
        return ProcfsBackend(tell=notices.add), notices
    if name == "bpf":
        return KernelBackend(), notices
    return AutoBackend(notices.add), notices


def readers(backend: Backend, notices: Notices | None = None) -> Readers:
    """What it takes to read one process over a backend.

    Args:
        backend: Any.
        notices: Those that it tells.
    """
    notices = notices or Notices()
    facts = FactsOpener(query=procmap_query.supported(), tell=notices.add)
    return Readers(
        notices=notices,
        open=backend.open,
        facts=facts.open,
        close=backend.close,
    )
