"""The command line: what may be typed, and how failures are told."""

from __future__ import annotations

import argparse
import errno
import io
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

from hpview import __version__, arguments, commands
from hpview.errors import HpviewError
from hpview.services import BACKENDS
from hpview.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_OUTPUT_FAILED: Final = frozenset({errno.EPIPE, errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO})
"""What only a write to standard output meets here; files are read without these."""

_PIPE_CLOSED: Final = 128 + signal.SIGPIPE
"""What a shell makes of a program that ends as it should when nobody reads any more."""

_DESCRIPTION: Final = """\
See which parts of a process are backed by 2 MB pages and which by 4 kB pages,
where the holes are, and how full they are, without stalling the process.
"""

_EPILOG: Final = """\
examples:
  hpview                 browse all processes
  hpview 4127            browse process 4127
  hpview scan 4127       its mappings as a table
  hpview demo            a process with every kind of backing

hpview COMMAND --help tells more about each command.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit status: 0, 1 for a failure told in one line, 2 for wrong usage
        (raised by argparse as SystemExit), 141 where whoever reads the output has left.
    """
    if sys.stdout is None:
        print("hpview: standard output is closed", file=sys.stderr)
        return 1
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = _with_default_command(list(sys.argv[1:] if argv is None else argv))
    args = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        if args.command != "doctor":
            commands.require_proc()
        status = run(args)
        sys.stdout.flush()
    except commands.UsageError as err:
        print(f"hpview: {err}", file=sys.stderr)
        return 2
    except HpviewError as err:
        print(f"hpview: {printable(str(err))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as err:
        if err.errno not in _OUTPUT_FAILED:
            print(f"hpview: {printable(str(err))}", file=sys.stderr)
            return 1
        # The interpreter must not try to flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if err.errno == errno.EPIPE:
            return _PIPE_CLOSED
        print(f"hpview: {err.strerror} before everything was written", file=sys.stderr)
        return 1
    return status


def _with_default_command(arguments: list[str]) -> list[str]:
    """``hpview`` and ``hpview PID`` are ``hpview view [PID]``."""
    position = 0
    while position < len(arguments) and arguments[position].startswith("-"):
        if arguments[position] in ("-h", "--help", "--version"):
            return arguments
        position += 2 if arguments[position] == "--backend" else 1
    if position > len(arguments):
        return arguments  # --backend without a name: argparse tells
    if position == len(arguments) or arguments[position].isdecimal():
        arguments.insert(min(position, len(arguments)), "view")
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hpview",
        usage="hpview [-h] [--version] [--backend NAME] [--read-only] [PID | COMMAND ...]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"hpview {__version__}")
    _add_backend(parser, default="auto")
    _add_read_only(parser, default=False)
    commands_ = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog="hpview"
    )

    def add(
        name: str, run: Callable[[argparse.Namespace], int], summary: str, example: str
    ) -> argparse.ArgumentParser:
        sub = commands_.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_backend(sub, default=argparse.SUPPRESS)
        sub.set_defaults(run=run, command=name)
        return sub

    view = add("view", commands.view, "browse processes in the terminal (default)", "hpview 4127")
    view.add_argument(
        "pid", nargs="?", type=arguments.pid, metavar="PID", help="start on this process"
    )

    ps = add(
        "ps",
        commands.ps,
        "list processes by what backs them, once",
        "hpview ps --format json > processes.json",
    )
    ps.add_argument("--format", choices=("table", "json"), default="table")

    scan = add(
        "scan",
        commands.scan,
        "show the mappings of one process, its folios, or how it was read",
        "hpview scan 4127 --format json > 4127.json",
    )
    scan.add_argument("pid", type=arguments.pid, metavar="PID")
    scan.add_argument(
        "--format",
        choices=("table", "json", "maps", "thpmaps"),
        default="table",
        help="maps: the lines of /proc/PID/maps; thpmaps: those of the kernel's tools/mm/thpmaps, "
        "and with --folios of its --rollup",
    )
    what = scan.add_mutually_exclusive_group()
    what.add_argument(
        "--explain",
        action="store_true",
        help="show the log of reads instead: what each got and how it found its place",
    )
    what.add_argument(
        "--folios",
        action="store_true",
        help="show the sizes of folios instead, and how they are mapped; needs root",
    )

    slot = add(
        "slot",
        commands.slot,
        "show the 4 kB pages of one 2 MB slot, and the folios behind them",
        "hpview slot 4127 7f3a5c200000",
    )
    slot.add_argument("pid", type=arguments.pid, metavar="PID")
    slot.add_argument(
        "address", type=arguments.address, metavar="ADDRESS", help="hexadecimal, in the slot"
    )
    slot.add_argument("--format", choices=("table", "json"), default="table")

    why = add(
        "why",
        commands.why,
        "tell why memory of a process is not huge, and what would change it",
        "hpview why 4127 7f3a5c200000",
    )
    why.add_argument("pid", type=arguments.pid, metavar="PID")
    why.add_argument(
        "address",
        nargs="?",
        type=arguments.address,
        metavar="ADDRESS",
        help="hexadecimal: explain the slot around it instead of the whole process",
    )
    why.add_argument("--format", choices=("table", "json"), default="table")
    why.add_argument(
        "--smaps",
        action="store_true",
        help="read smaps once, which the process has to wait for: without BPF only that tells "
        "what madvise() said; and hold the kernel's THPeligible against the rules",
    )

    collapse = add(
        "collapse",
        commands.collapse,
        "have the kernel make memory of a process huge now, and tell what came of it",
        "hpview collapse 4127 7f3a5c200000-7f3a5ca00000",
    )
    collapse.add_argument("pid", type=arguments.pid, metavar="PID")
    collapse.add_argument(
        "span",
        type=arguments.span,
        metavar="START-END|ADDRESS",
        help="hexadecimal: the whole slots of a range, or the slot around an address",
    )
    collapse.add_argument("--yes", action="store_true", help="do not ask first")

    machine = add(
        "machine",
        commands.machine,
        "show what of the whole machine bears on huge pages, and who has the pools",
        "hpview machine --seconds 5",
    )
    machine.add_argument("--format", choices=("table", "json"), default="table")
    machine.add_argument(
        "--seconds",
        type=arguments.seconds,
        metavar="N",
        help="count for so long and show rates too; else what was counted since boot",
    )

    numa = add(
        "numa",
        commands.numa,
        "show on which NUMA nodes the huge pages of one process lie",
        "hpview numa 4127",
    )
    numa.add_argument("pid", type=arguments.pid, metavar="PID")
    numa.add_argument(
        "--small",
        action="store_true",
        help="ask for its 4 kB pages too, one by one: some 30 ms for each GiB of them",
    )
    numa.add_argument("--format", choices=("table", "json"), default="table")

    shot = add(
        "shot",
        commands.shot,
        "save one of the app's screens as a picture, without a terminal",
        "hpview shot 4127 -o 4127.png --size 160x50 --keys '[ [ + enter'",
    )
    shot.add_argument("pid", nargs="?", type=arguments.pid, metavar="PID")
    shot.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="what it ends in is its format: .svg, .png, .html, .txt; - for SVG to standard output",
    )
    shot.add_argument(
        "--size",
        type=arguments.size,
        default=(140, 40),
        metavar="COLUMNSxROWS",
        help="default: 140x40",
    )
    shot.add_argument(
        "--screen",
        choices=("list", "process", "slot", "protocol", "why", "nodes", "machine"),
        help="default: process with a PID, slot with an address too, else list",
    )
    shot.add_argument(
        "--address",
        type=arguments.address,
        metavar="ADDRESS",
        help="hexadecimal, in the slot or on the map",
    )
    shot.add_argument(
        "--keys",
        default="",
        metavar="KEYS",
        help="pressed before it is drawn, apart by blanks: 'j j enter'",
    )
    shot.add_argument(
        "--theme",
        default="dark",
        metavar="NAME",
        help="dark (default), light, safe-dark and safe-light for every kind of sight, 16, "
        "or one of Textual's",
    )
    shot.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")

    demo = add(
        "demo",
        commands.demo,
        "browse a small process that has every kind of backing",
        "hpview demo",
    )
    for sub in (view, demo):
        _add_read_only(sub, default=argparse.SUPPRESS)
    add(
        "doctor",
        commands.doctor,
        "tell what this machine and user can and cannot do, and why",
        "hpview doctor",
    )
    return parser


def _add_read_only(parser: argparse.ArgumentParser, default: bool | str) -> None:
    parser.add_argument(
        "--read-only",
        action="store_true",
        default=default,
        help="change nothing in any process: memory cannot be collapsed",
    )


def _add_backend(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=default,
        help="where records come from: the BPF iterator, /proc, or the first that works (auto)",
    )
