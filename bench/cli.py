"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench import readme, session
from bench.context import PARTS, Options
from bench.errors import BenchError
from bench.render import markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

_STOPPED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status: 0 too if figures were missed."""
    args = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    try:
        report = session.measure(options(args), _say)
        text = markdown(report)
        if args.json:
            args.json.write_text(json.dumps(report.as_dict(), indent=1) + "\n")
        if args.output:
            args.output.write_text(text)
        if args.write_readme:
            readme.write(text)
    except BenchError as err:
        _say("")
        print(f"bench: {err}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _say("")
        return _STOPPED
    _say("")
    print(text, end="")
    return 0


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    made = argparse.ArgumentParser(
        prog="python -m bench",
        description="Times hpview beside everything else that reads the same, in one run.",
        epilog="Root sees all of it; it needs cc, and clang and bpftool for the bare iterator.",
    )
    made.add_argument("--thpmaps", type=_file, metavar="FILE", help="the kernel's tools/mm/thpmaps")
    made.add_argument("--rounds", type=_count, default=11, metavar="N", help="default: 11")
    made.add_argument(
        "--scale",
        type=_scale,
        default=1.0,
        metavar="F",
        help="of every size, 0.1 for a quick try",
    )
    made.add_argument(
        "--only",
        type=_parts,
        default=frozenset(PARTS),
        metavar="PARTS",
        help=f"of {','.join(PARTS)}",
    )
    made.add_argument("--output", type=Path, metavar="FILE", help="write the tables there too")
    made.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    made.add_argument("--write-readme", action="store_true", help="put them into bench/README.md")
    return made


def options(args: argparse.Namespace) -> Options:
    """What was typed."""
    return Options(args.rounds, args.scale, args.only, args.thpmaps)


def _file(word: str) -> Path:
    path = Path(word)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no file {word}")
    return path.resolve()


def _count(word: str) -> int:
    if not word.isdecimal() or not 0 < int(word) <= 1000:
        raise argparse.ArgumentTypeError(f"{word!r} is not between 1 and 1000")
    return int(word)


def _scale(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = 0.0
    if not 0 < value <= 4:
        raise argparse.ArgumentTypeError(f"{word!r} is not above 0 and up to 4")
    return value


def _parts(word: str) -> frozenset[str]:
    chosen = frozenset(word.split(","))
    if wrong := chosen - set(PARTS):
        raise argparse.ArgumentTypeError(f"no part {', '.join(sorted(wrong))}: {', '.join(PARTS)}")
    return chosen


def _stop(*_: object) -> None:
    """As Ctrl-C, so that targets are ended."""
    raise KeyboardInterrupt


def _say(text: str) -> None:
    """Where it is, on one line of a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
