"""A report as markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.report import Figure, Report, Time, Wait

_STATED: Final = ("figure", "measured", "must reach", "reached", "how")
_TOLD: Final = ("figure", "measured", "how")
_WAITS: Final = ("meanwhile reads", "samples", "p50", "p99", "p99.9", "worst", "worst of all")
_TIMES: Final = ("part", "measure", "median", "least", "most", "rounds")
_VERDICT: Final = {True: "yes", False: "**no**", None: ""}


def markdown(report: Report) -> str:
    """Header, figures with limits, figures without, waits, raw times, notes, profiles."""
    parts = ["; ".join(f"{name} {value}" for name, value in report.header.items()) + "."]
    parts += [f"Note: {note}." for note in report.notes]
    stated = [figure for figure in report.figures if figure.limit is not None]
    told = [figure for figure in report.figures if figure.limit is None]
    if stated:
        parts.append(table(_STATED, map(_stated, stated)))
    if told:
        parts.append("Beside them, without a limit:")
        parts.append(table(_TOLD, map(_told, told)))
    if report.waits:
        parts.append(
            "mmap+munmap of one page by a thread of the target, which has a CPU to itself,"
            " in ms; medians over the repeats:"
        )
        parts.append(table(_WAITS, map(_wait, report.waits)))
    if report.times:
        parts.append("Medians over the rounds, ms:")
        parts.append(table(_TIMES, map(_time, report.times)))
    for title, text in report.profiles.items():
        parts.append(f"### Not reached: {title}")
        parts.append(f"```\n{text}\n```")
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table; bars in cells are escaped."""
    lines = [_line(head), "|" + "---|" * len(head)]
    return "\n".join([*lines, *map(_line, rows)])


def number(value: float, unit: str) -> str:
    """Three digits, or all before the point; a ratio with its sign."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3
    return f"{value:,.{digits}f}{'x' if unit == 'x' else f' {unit}' if unit else ''}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(figure: Figure) -> str:
    return "not measured" if figure.value is None else number(figure.value, figure.unit)


def _stated(figure: Figure) -> Sequence[str]:
    limit = "" if figure.limit is None else f"{figure.limit:g}"
    unit = "x" if figure.unit == "x" else f" {figure.unit}"
    bound = f"{figure.bound} {limit}{unit}"
    return figure.what, _value(figure), bound, _VERDICT[figure.reached], figure.remark


def _told(figure: Figure) -> Sequence[str]:
    return figure.what, _value(figure), figure.remark


def _ms(seconds: float) -> str:
    return number(seconds * 1e3, "")


def _wait(wait: Wait) -> Sequence[str]:
    shown = (wait.p50, wait.p99, wait.p999, wait.worst, wait.most_worst)
    return wait.reader, f"{wait.count:,}", *map(_ms, shown)


def _time(time: Time) -> Sequence[str]:
    if time.median is None:
        return time.part, time.what, time.remark or "not measured", "", "", "0"
    return time.part, time.what, *map(_ms, (time.median, time.least, time.most)), str(time.count)
