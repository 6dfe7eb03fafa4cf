"""Commands of hpview where it is contained: ``python -m tests.contained``, JSON in and out."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hpview import doctor
from hpview.cli import main
from hpview.stream.kernel import KernelBackend
from tests.degraded import ROOT, in_child
from tests.rights import become, drop

if TYPE_CHECKING:
    from collections.abc import Sequence

PID: Final = "PID"
"""Stands for a process that is started inside."""

_TARGET: Final = """
import mmap, os
memory = mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_HUGEPAGE)
memory[:] = b"x" * len(memory)
try:
    memory.madvise(25)  # MADV_COLLAPSE, where a fault found no free huge page
except OSError:
    pass
print(os.readlink("/proc/self") if os.path.exists("/proc/self") else "", flush=True)
os.read(0, 1)
"""


class Ran(NamedTuple):
    """One command."""

    status: int
    out: str
    err: str


class Place(NamedTuple):
    """What was told in one place.

    Attributes:
        pid: Of the process that was started inside; "" where /proc does not show it.
        ran: By command.
        doctor: What the doctor printed.
    """

    pid: str
    ran: dict[str, Ran]
    doctor: str

    def json(self, command: str) -> Any:  # noqa: ANN401 - whatever it printed
        """What a command printed as JSON; it must have succeeded."""
        ran = self.ran[command]
        assert ran.status == 0, ran.err
        return json.loads(ran.out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Of the process that runs commands.

    Attributes:
        uid: Its user.
        names: For root the capabilities that it has not, for others those that they have.
    """

    uid: int = 0
    names: Sequence[str] = ()


def run(
    *commands: str,
    through: Sequence[str] = (),
    python: str = sys.executable,
) -> Place:
    """Run commands, each a line of arguments, one after the other in one process.

    Args:
        commands: They; ``PID`` is replaced.
        through: What their process is run through.
        python: Its Python.
    """
    return run_each(commands, [Rights()], through, python)[0]


def run_each(
    commands: Sequence[str],
    rights: Sequence[Rights],
    through: Sequence[str] = (),
    python: str = sys.executable,
) -> list[Place]:
    """The same, with different rights, each in a child of one process."""
    done = subprocess.run(
        [*through, python, "-W", "error", "-m", "tests.contained"],
        input=json.dumps([commands, [asdict(one) for one in rights]]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [
        Place(pid, {command: Ran(*said) for command, said in ran.items()}, told)
        for pid, ran, told in json.loads(done.stdout)
    ]


def _run(command: str, pid: str) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(command.replace(PID, pid).split())
    return Ran(status, out.getvalue(), err.getvalue())


def _examined() -> str:
    def load_bpf() -> None:
        KernelBackend().close()

    # Whoever waits for process events in a container waits in vain.
    return doctor.render(doctor.examine(load_bpf=load_bpf, patience=0.0), ascii_only=True)


def _all(commands: Sequence[str]) -> Place:
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _TARGET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as target:
        assert target.stdout is not None
        try:
            pid = target.stdout.readline().strip()
            return Place(pid, {command: _run(command, pid) for command in commands}, _examined())
        finally:
            target.kill()


def _with(rights: Rights, commands: Sequence[str]) -> Place:
    if rights.uid:
        become(rights.uid, rights.names)
    elif rights.names:
        drop(rights.names)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder
        os.chdir(folder)
        found = _all(commands)
        os.chdir("/")
    return found


if __name__ == "__main__":
    wanted, every = json.load(sys.stdin)
    print(json.dumps([in_child(partial(_with, Rights(**one), wanted)) for one in every]))
