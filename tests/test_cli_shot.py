"""Pictures from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hpview.cli import main
from hpview.ui import shot
from tests.children import child
from tests.test_cli import heap, run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def target() -> Iterator[subprocess.Popen[bytes]]:
    with child("pass") as process:
        yield process


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--screen", "process"], "a shot of a process needs its PID"),
        (["1", "--screen", "list"], "takes no PID"),
        (["1", "--screen", "machine"], "a shot of the machine takes no PID"),
        (["--screen", "nodes"], "a shot of the nodes needs its PID"),
        (["1", "--screen", "slot"], "a shot of a slot needs its --address"),
        (["1", "--screen", "protocol", "--address", "1000"], "--address goes with"),
        (["1", "--keys", "entre"], "no key 'entre': choose from single characters"),
        (["--theme", "pink"], "no theme 'pink': choose from dark, light, safe-dark"),
        (["1", "-o", "x.pdf"], "ends in one of .svg, .png, .html, .txt"),
    ],
)
def test_shot_names_the_choices(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--backend", "procfs", "shot", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(("ending", "first"), [("txt", b" hpview"), ("HTML", b"<!DOCTYPE html>")])
def test_the_ending_is_the_format(
    ending: str, first: bytes, target: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    file = tmp_path / f"x.{ending}"
    arguments = ["--backend", "procfs", "shot", str(target.pid), "-o", str(file)]
    assert main([*arguments, "--keys", "[ Tab"]) == 0
    assert file.read_bytes().startswith(first)


def test_a_shot_of_the_machine_has_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shot, "_BETWEEN", 0.05)
    file = tmp_path / "machine.txt"
    arguments = ["--backend", "procfs", "shot", "--screen", "machine", "-o", str(file)]
    assert main([*arguments, "--keys", "2"]) == 0
    words = file.read_text("utf-8")
    assert "▸2 khugepaged" in words
    assert "/s now" in words


def test_a_shot_of_a_slot(target: subprocess.Popen[bytes], tmp_path: Path) -> None:
    file = tmp_path / "slot.txt"
    arguments = ["--backend", "procfs", "shot", str(target.pid), "--address", heap(target.pid)]
    assert main([*arguments, "-o", str(file)]) == 0
    assert heap(target.pid)[:6] in file.read_text("utf-8")


def test_shot_into_nowhere(
    target: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--backend", "procfs", "shot", str(target.pid), "-o", "/nowhere/x.svg"]
    assert main(arguments) == 1
    assert capsys.readouterr().err == (
        "hpview: cannot write /nowhere/x.svg: No such file or directory\n"
    )


def test_shot_is_a_picture_that_needs_nothing_else(
    target: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    file = tmp_path / "x.svg"
    done = run("--backend", "procfs", "shot", str(target.pid), "-o", str(file), "--size", "100x30")
    assert (done.returncode, done.stderr) == (0, b"")
    svg = file.read_text("utf-8")
    assert svg.startswith("<svg")
    assert "url(" not in svg.replace("url(#", "")
    assert "\x1b" not in svg
