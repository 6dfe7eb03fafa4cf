from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench import apps, readme, sizes
from bench.cli import options, parser
from bench.context import PARTS
from bench.errors import BenchError
from bench.parts import ui_map
from bench.render import markdown, number, table
from bench.report import Bound, Figure, Report, Wait
from bench.rounds import Measure, Samples, collect
from bench.terminal import Terminal
from hpview.machine import Snapshot
from hpview.wire import Source
from tests.fakes import process

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent


def counted(*values: float) -> Callable[[], float]:
    rest = iter(values)
    return lambda: next(rest)


def failing() -> float:
    raise BenchError("no such tool")


def test_measures_are_taken_in_turn() -> None:
    order: list[str] = []

    def take(name: str) -> Callable[[], float]:
        return lambda: order.append(name) or 1.0  # type: ignore[func-returns-value]

    collect([Measure("a", take("a")), Measure("b", take("b"), rounds=1, warm=False)], 2)
    assert order == ["a", "a", "b", "a"]


def test_a_ratio_is_the_median_of_the_ratios_within_rounds() -> None:
    samples = collect([Measure("a", counted(0, 2, 9, 10)), Measure("b", counted(0, 1, 3, 1))], 3)
    assert samples.ratio("a", "b") == 3
    assert samples.median("a") == 9
    assert samples.difference("a", "b") == 6


def test_rounds_without_both_do_not_count() -> None:
    samples = Samples({"a": [8.0, None, 6.0], "b": [2.0, 5.0, None]})
    assert samples.ratio("a", "b") == 4
    samples.derive("c", lambda x, y: x - y, "a", "b")
    assert samples.taken["c"] == [6.0, None, None]


def test_what_fails_is_left_out_with_its_reason() -> None:
    samples = collect([Measure("a", failing), Measure("b", lambda: 1.0)], 2)
    assert samples.taken == {"a": [None, None], "b": [1.0, 1.0]}
    assert samples.ratio("a", "b") is None
    assert samples.why("a", "b") == "a: no such tool"


@pytest.mark.parametrize(
    ("bound", "value", "reached"),
    [
        (Bound.AT_MOST, 8.0, True),
        (Bound.AT_MOST, 8.1, False),
        (Bound.AT_LEAST, 8.0, True),
        (Bound.AT_LEAST, 7.9, False),
        (Bound.UNDER, 7.9, True),
        (Bound.UNDER, 8.0, False),
        (Bound.UNDER, None, None),
    ],
)
def test_limits(bound: Bound, value: float | None, reached: bool | None) -> None:
    assert Figure("f", value, "x", bound, 8.0).reached is reached


def test_a_figure_without_a_limit_has_no_verdict() -> None:
    assert Figure("f", 1.0, "x").reached is None


def test_a_missing_ratio_tells_why() -> None:
    report = Report()
    report.ratio("r", collect([Measure("a", failing)], 1), "a", "b", at_least=8, remark="fine")
    (figure,) = report.figures
    assert figure.value is None
    assert figure.remark == "a: no such tool; b: not measured"


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (1234.5, "", "1,234"),
        (12.34, "x", "12.3x"),
        (1.234, "ms", "1.23 ms"),
        (0.0123, "ms", "0.012 ms"),
        (-4.2, "ms", "-4.20 ms"),
    ],
)
def test_numbers(value: float, unit: str, shown: str) -> None:
    assert number(value, unit) == shown


def test_bars_in_cells_are_escaped() -> None:
    assert table(("a", "b"), [("x|y", "z")]) == "| a | b |\n|---|---|\n| x\\|y | z |"


def test_the_report_as_markdown() -> None:
    report = Report({"kernel": "6.18", "rounds": "3"}, notes=["odd"])
    report.figures += [
        Figure("fast", 9.0, "x", Bound.AT_LEAST, 8, "warm"),
        Figure("slow", 2.5, "ms", Bound.UNDER, 1),
        Figure("beside", None, "x", remark="no tool"),
    ]
    report.waits.append(Wait("cat", 1000, 1e-6, 2e-6, 3e-6, 4e-3, 3e-3, 5e-3))
    report.add_times("a", collect([Measure("m", lambda: 0.5), Measure("n", failing)], 3))
    report.profiles["slow"] = "read() 90 %"
    shown = markdown(report)
    for line in (
        "kernel 6.18; rounds 3.",
        "Note: odd.",
        "| fast | 9.00x | at least 8x | yes | warm |",
        "| slow | 2.50 ms | under 1 ms | **no** |  |",
        "| beside | not measured | no tool |",
        "| cat | 1,000 | 0.001 | 0.002 | 0.003 | 4.00 | 5.00 |",
        "| a | m | 500 | 500 | 500 | 3 |",
        "| a | n | no such tool |  |  | 0 |",
        "### Not reached: slow",
    ):
        assert line in shown.splitlines()
    assert json.loads(json.dumps(report.as_dict()))["figures"][1]["reached"] is False


def test_the_table_in_the_readme_is_replaced() -> None:
    text = f"head\n{readme.BEGIN}\nold\n{readme.END}\ntail\n"
    once = readme.replaced(text, "new\n")
    assert once == f"head\n{readme.BEGIN}\n\nnew\n\n{readme.END}\ntail\n"
    assert readme.replaced(once, "new") == once
    readme.replaced(readme.PATH.read_text(), "it has the markers")
    with pytest.raises(BenchError, match="has no"):
        readme.replaced("no markers", "new")


def test_options(tmp_path: Path) -> None:
    assert options(parser().parse_args([])).parts == frozenset(PARTS)
    thpmaps = tmp_path / "thpmaps"
    thpmaps.write_text("")
    line = ["--rounds", "3", "--scale", "0.5", "--only", "a,stall", "--thpmaps", str(thpmaps)]
    given = options(parser().parse_args(line))
    assert (given.rounds, given.scale, given.thpmaps) == (3, 0.5, thpmaps)
    assert given.parts == {"a", "stall"}


@pytest.mark.parametrize(
    "line",
    [["--rounds", "0"], ["--scale", "-1"], ["--scale", "x"], ["--only", "d"], ["--thpmaps", "/no"]],
)
def test_wrong_options(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(line)
    assert "error" in capsys.readouterr().err


def test_sizes_scale() -> None:
    full, tenth = sizes.big(1), sizes.big(0.1)
    assert (full.huge, full.small, full.vmas) == (4 << 30, 4 << 30, 40_000)
    assert tenth.vmas == 4000
    assert tenth.huge % (2 << 20) == 0
    assert sizes.big(0.0001).huge == 2 << 20
    assert sizes.forest(0.5) == 500


@dataclass(frozen=True)
class Run:
    """One of the parts a and ui: what it printed, and wrote to a file."""

    printed: str
    report: dict[str, Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    found = tmp_path_factory.mktemp("bench") / "found.json"
    command = [sys.executable, "-m", "bench", "--scale", "0.1", "--rounds", "1", "--only", "a,ui"]
    done = subprocess.run(
        [*command, "--json", str(found)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    return Run(done.stdout, json.loads(found.read_text()))


@pytest.mark.root
@pytest.mark.bpf
def test_a_short_run(run: Run) -> None:
    assert "| (a) bpf, read and decoded" in run.printed
    values = {f["what"]: f["value"] for f in run.report["figures"]}
    assert values["(a) bpf, the same, against reading smaps"] > 0


def test_a_terminal_tells_what_was_painted_and_when() -> None:
    code = (
        "import sys; print('\\x1b[1mone\\x1b[0m', end='', flush=True);"
        "key = sys.stdin.readline(); print('two', key, '\\x1b[', end='', flush=True)"
    )
    with Terminal([sys.executable, "-c", code], 20, 4) as terminal:
        first = terminal.until_shown("one")
        assert terminal.began < first
        assert terminal.text == "one"
        pressed = terminal.press("x\n")
        second = terminal.until_shown("two x")
        assert first <= pressed < second <= terminal.until_ended()
        terminal.forget(2)
        assert len(terminal.text) <= 2


def test_a_terminal_does_not_wait_for_ever_for_a_program_that_has_ended() -> None:
    with (
        Terminal([sys.executable, "-c", "print('bye'); raise SystemExit(3)"]) as terminal,
        pytest.raises(BenchError, match="ended with 3: 'bye"),
    ):
        terminal.until_ended()


def test_the_map_that_is_timed_is_full_of_short_runs() -> None:
    space = ui_map.patchwork(5000)
    assert len(space.vmas) == 10
    assert len(space.runs) > 500
    assert not space.partial


def test_processes_are_made_up_from_those_that_are_there() -> None:
    recorded = Snapshot((process(1, "init"), process(2, "sh")), Source.BPF, 0.1, 1)
    made = apps.many(recorded, 100)
    assert [p.pid for p in made.processes] == [*range(1, 101)]
    assert len({p.resident for p in made.processes}) > 90
    assert apps.many(recorded, 100) == made


@pytest.mark.root
@pytest.mark.bpf
def test_the_app_is_timed_in_a_terminal(run: Run) -> None:
    assert not run.report["notes"]
    figures = [figure for figure in run.report["figures"] if figure["what"].startswith("ui: ")]
    limited = [figure for figure in figures if figure["limit"] is not None]
    assert len(limited) == 7
    assert all(figure["value"] > 0 for figure in limited)


@pytest.mark.root
def test_a_stopped_run_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--scale", "0.01", "--only", "stall"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(tmp_path)}
    ) as process:
        target = None
        while process.poll() is None and target is None:
            target = target_of(process.pid)
        assert target is not None
        ended = os.pidfd_open(target)
        process.terminate()
    assert process.returncode == 130
    try:
        assert select.select([ended], [], [], 10)[0]
    finally:
        os.close(ended)
    assert not list(tmp_path.iterdir())


def target_of(pid: int) -> int | None:
    """The child that has become bench/programs/target.c."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            if Path(f"/proc/{child}/comm").read_text() == "target\n":
                return int(child)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return None
