"""Pictures of any screen, without a terminal."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from hpview.errors import HpviewError, NoSuchProcess
from hpview.ui import shot as shot_
from hpview.ui.shot import UnknownName, Wish, keys_of, shot
from tests.fakes import PID, Fakes, sample_fakes

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.machine import Snapshot
    from hpview.services import Services
    from hpview.ui.pictures.screen import Picture


def drawn(services: Services | None = None, **wish: object) -> str:
    return "\n".join(picture(services, **wish).lines())


def picture(services: Services | None = None, **wish: object) -> Picture:
    services = services or sample_fakes().services()
    return shot(services, Wish(**{"screen": "process", "pid": PID, **wish}))  # type: ignore[arg-type]


def test_each_screen_is_drawn_when_all_of_it_was_read() -> None:
    assert "complete" in drawn()
    assert "java" in drawn(screen="list", pid=None)
    assert picture().title == f"hpview-{PID}"


def test_a_map_is_drawn_at_an_address() -> None:
    assert "7f0a40000000-7f0a40200000" in drawn(address=0x7F0A40000000)


def test_two_shots_of_the_same_are_the_same() -> None:
    services = sample_fakes().services()
    assert picture(services, screen="list") == picture(services, screen="list")


def test_keys_are_pressed_one_after_the_other() -> None:
    words = drawn(screen="list", pid=None, keys=["j", "enter", "right_square_bracket"])
    assert f"{PID} postgres" in words
    assert "complete" in words
    assert " 560c84a00000-560c84c00000" in words
    assert "Save this screen as" in drawn(keys=["S"])
    assert "complete" in drawn(keys=["S", "escape", "R", "tab", "j"])


def test_each_key_waits_until_the_screen_rests() -> None:
    """The list takes its time: Enter comes when it is there, the next key when the process is."""
    fakes = sample_fakes()
    begun, go_on = threading.Event(), threading.Event()
    snapshot = fakes.services().snapshot

    def slow(stop: Callable[[], bool]) -> Snapshot:
        begun.set()
        assert go_on.wait(10)
        return snapshot(stop)

    def release() -> None:
        assert begun.wait(10)
        go_on.set()

    opener = threading.Thread(target=release)
    opener.start()
    object.__setattr__(services := fakes.services(), "snapshot", slow)
    assert "560c84b10000" in drawn(services, screen="list", pid=None, keys=["j", "enter", "tab"])
    opener.join()


def test_themes_and_characters() -> None:
    assert picture(theme="light").ground == picture(theme="hpview-light").ground == "#fbfbf9"
    assert picture(theme="safe-dark").ground == "#0f1419"
    assert picture(theme="nord").ground != "#0f1419"
    assert drawn(ascii=True).isascii()
    assert picture(size=(80, 24)).columns == 80


def test_a_shot_of_nothing_fails_with_the_reason() -> None:
    with pytest.raises(NoSuchProcess):
        drawn(Fakes([]).services())
    with pytest.raises(ValueError, match="needs a process"):
        Wish(screen="protocol")
    with pytest.raises(ValueError, match="needs an address"):
        Wish(screen="slot", pid=PID)
    with pytest.raises(HpviewError, match="has left the app"):
        drawn(keys=["q"])


def test_a_screen_that_never_rests_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shot_, "_PATIENCE", 0.0)
    monkeypatch.setattr(shot_, "_at_rest", lambda _app: False)
    with pytest.raises(HpviewError, match="did not come to rest within"):
        drawn()


def test_names_of_keys() -> None:
    assert keys_of("j  enter Esc [ PgDn ctrl+p f1 question_mark é") == [
        *("j", "enter", "escape", "[", "pagedown", "ctrl+p", "f1", "question_mark", "é"),
    ]
    with pytest.raises(UnknownName, match=r"no key .entre.: choose from .*enter"):
        keys_of("j entre")


def test_unknown_themes_name_the_others() -> None:
    with pytest.raises(UnknownName, match=r"no theme 'x\\x1b': choose from dark, light, safe-dark"):
        picture(theme="x\x1b")
