"""The demo process itself: builds its memory, tells it in one line, and waits."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import Final

from hpview.demo.layout import Layout
from hpview.kernelfs.files import own_pid

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15


def main() -> int:
    """Be the demo process."""
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        return 1
    libc.prctl(_PR_SET_NAME, b"hpview-demo", 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    layout = Layout(*map(int, sys.argv[1:]))
    layout.build()
    told = {"pid": own_pid(), "regions": layout.regions, "missing": layout.missing}
    line = json.dumps(told)
    try:
        print(line, flush=True)
        while os.read(0, 4096):
            pass
    except BrokenPipeError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
