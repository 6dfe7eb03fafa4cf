"""hpview as an ordinary user, whoever runs the tests."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Final

from tests.conftest import lacking

NOBODY: Final = 65534
_HOME: Final = "/mnt/home"
_PROGRAM: Final = f"""\
set -e
mount -t tmpfs -o mode=755 none /mnt
mkdir /mnt/python /mnt/packages /mnt/hpview
mkdir -m 777 {_HOME}
mount --bind "$1" /mnt/python
mount --bind "$2" /mnt/packages
mount --bind "$3" /mnt/hpview
shift 3
cd {_HOME}
export HOME={_HOME} XDG_CONFIG_HOME={_HOME} LD_LIBRARY_PATH=/mnt/python/lib
export PYTHONPATH=/mnt/hpview:/mnt/packages
"""
_LAST: Final = f'exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups %s "$@"'


def ordinary(
    *capabilities: str, before: str = "", uid: int = NOBODY
) -> tuple[tuple[str, ...], str]:
    """What to run Python through to be an ordinary user, and that Python.

    Root's Python, its packages and this checkout may lie where nobody else can go: in a mount
    namespace of its own the program finds them below /mnt.

    Args:
        capabilities: What this user has beyond others: ``bpf``, ``sys_ptrace``.
        before: A command of the shell that root runs in the namespace.
        uid: 0 stays root, to become somebody else later.
    """
    if os.geteuid() != 0:
        return (), sys.executable
    for tool in ("unshare", "mount", "setpriv"):
        if shutil.which(tool) is None:
            lacking(f"needs {tool}")
    places = sys.base_prefix, sysconfig.get_path("purelib"), str(Path(__file__).parent.parent)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    given = ",".join(f"+{name}" for name in capabilities)
    options = f"--inh-caps={given} --ambient-caps={given}" if given else "--inh-caps=-all"
    last = _LAST % options if uid else 'exec "$@"'
    program = f"{_PROGRAM}{before}\n{last}"
    through = ("unshare", "--mount", "sh", "-c", program, "sh", *places)
    return through, f"/mnt/python/bin/python{version}"
