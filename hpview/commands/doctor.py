"""The command that tells what works here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.commands.common import unicode_terminal

if TYPE_CHECKING:
    from argparse import Namespace


def doctor(args: Namespace) -> int:
    """Print what works here."""
    # pyroute2 and what it needs take longer to import than all the rest.
    from hpview import doctor as examination
    from hpview.stream.kernel import KernelBackend

    def load_bpf() -> None:
        KernelBackend().close()

    findings = examination.examine(load_bpf=load_bpf)
    print(examination.render(findings, ascii_only=not unicode_terminal()))
    return 0
