"""The doctor's finding about changing a process, which is asked for without changing any."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from hpview.acting.target import Target
from hpview.doctor.finding import Finding
from hpview.errors import BackendUnavailable, HpviewError

COLLAPSING: Final = "collapsing memory"


def collapsing() -> Finding:
    """Whether memory of a process could be collapsed, asked of one of our own with no memory named.

    Of the own process the kernel asks for less, so it is a child.
    """
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE
    ) as child:
        try:
            with Target(child.pid) as target:
                refusal = target.refusal()
        except BackendUnavailable as err:
            return Finding(COLLAPSING, "no", err.reason, err.remedy)
        except (HpviewError, OSError) as err:
            refusal = str(err)
        finally:
            child.kill()
    if not refusal:
        return Finding(COLLAPSING, "yes", "process_madvise with MADV_COLLAPSE is allowed")
    what, _, remedy = refusal.partition(": ")
    return Finding(COLLAPSING, "no", what, remedy)
