"""Settings between two runs: whatever the file holds, hpview starts, and what is theirs stays."""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpview.settings import NAMES, Settings, from_table
from hpview.settings.reading import config_path, load
from hpview.settings.writing import NotKept, save

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ODD = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(), SCALARS, max_size=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "hpview" / "config.toml"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_is_where_the_specification_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config_path({"XDG_CONFIG_HOME": "/x"}) == Path("/x/hpview/config.toml")
    monkeypatch.setenv("HOME", "/home/me")
    default = Path("/home/me/.config/hpview/config.toml")
    assert config_path({}) == config_path({"XDG_CONFIG_HOME": "relative"}) == default

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert config_path({}) is None
    assert load(None).settings == Settings()


def test_without_a_file_there_are_defaults_and_no_notice(path: Path) -> None:
    found = load(path)
    assert (found.settings, found.notice, found.path) == (Settings(), "", path)


def test_what_is_saved_is_read(path: Path) -> None:
    settings = Settings("hpview-light", 5.0, ["pid", "2m"], "vmas", True, 1 << 30, 0.5, "use", True)
    assert all(getattr(settings, name) != getattr(Settings(), name) for name in NAMES)
    save(path, settings, Settings())
    found = load(path)
    assert (found.settings, found.notice) == (settings, "")


def test_only_what_differs_from_the_defaults_is_written(path: Path) -> None:
    save(path, Settings(theme="a", refresh=3.0), Settings())
    assert tomllib.loads(path.read_text()) == {"theme": "a", "refresh": 3.0}
    save(path, Settings(refresh=3.0), Settings(theme="a", refresh=3.0))
    assert tomllib.loads(path.read_text()) == {"refresh": 3.0}


def test_nothing_is_written_when_nothing_changed(path: Path) -> None:
    save(path, Settings(theme="a"), Settings(theme="a"))
    assert not path.parent.exists()


def test_comments_unknown_keys_and_values_that_make_no_sense_stay(path: Path) -> None:
    text = '# mine\nrefresh = "often" # really\nlater = 1\n\n[other]\nx = [ 1 ]\n'
    found = load(written(path, text))
    assert found.settings == Settings()
    assert found.notice == f"{path}: no sense in refresh; not known: later, other"
    save(path, replace(found.settings, theme="a"), found.settings)
    now = path.read_text()
    assert tomllib.loads(now) == {"theme": "a", "refresh": "often", "later": 1, "other": {"x": [1]}}
    assert "# mine" in now
    assert "# really" in now


def test_two_at_a_time_keep_what_the_other_saved(path: Path) -> None:
    save(path, Settings(theme="theirs"), Settings())
    save(path, Settings(zoom=4096), Settings())
    assert load(path).settings == Settings(theme="theirs", zoom=4096)


@given(st.dictionaries(st.sampled_from(NAMES), ODD))
def test_values_of_any_kind_give_settings_that_make_sense(table: dict[str, object]) -> None:
    settings, wrong = from_table(table)
    for name in NAMES:
        value, default = getattr(settings, name), getattr(Settings(), name)
        assert type(value) is type(default)
        assert value == (table[name] if name in table and name not in wrong else default)
    assert 0.1 <= settings.refresh <= 3600
    assert 0.1 <= settings.watch <= 3600
    assert settings.zoom in {1 << bits for bits in range(12, 37)}
    assert all(isinstance(column, str) for column in settings.columns)


@pytest.mark.parametrize(
    ("line", "good"),
    [
        ("refresh = 1", True),
        ("refresh = 0", False),
        ("refresh = nan", False),
        ("refresh = true", False),
        ("refresh = 1e9", False),
        ("zoom = 4096", True),
        ("zoom = 4097", False),
        ("zoom = 0", False),
        ("zoom = -4096", False),
        ("zoom = 4096.0", False),
        ("reverse = 1", False),
        ('columns = ["pid"]', True),
        ("columns = [1]", False),
        ("theme = 1979-05-27", False),
    ],
)
def test_values(line: str, good: bool, path: Path) -> None:
    found = load(written(path, line))
    assert (found.notice == "") is good
    assert (found.settings == Settings()) is not good


@pytest.mark.parametrize(
    "data",
    [b"theme = ", b"\xff\xfe", b"a = 1\na = 2", b"x = " + b"[" * 5000, b"\x00", b"[a\n"],
)
def test_a_file_that_is_not_toml_is_one_notice_and_stays(data: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    found = load(path)
    assert found.settings == Settings()
    assert found.notice.startswith(f"settings not read, nor saved: {path}: ")
    assert "\n" not in found.notice
    assert found.path is None
    with pytest.raises(NotKept, match="is not TOML, and left as it is"):
        save(path, Settings(theme="a"), Settings())
    assert path.read_bytes() == data
    assert os.listdir(path.parent) == ["config.toml"]


def test_what_cannot_be_read_is_one_notice(path: Path) -> None:
    path.mkdir(parents=True)
    found = load(path)
    assert (found.settings, found.path) == (Settings(), None)
    assert found.notice == f"settings not read: {path}: Is a directory"


def test_what_cannot_be_written_is_an_error_and_leaves_nothing(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(NotKept, match="Is a directory"):
        save(path, Settings(theme="a"), Settings())
    with pytest.raises(NotKept, match=r"settings not saved: /proc/none/hpview/config\.toml: "):
        save(Path("/proc/none/hpview/config.toml"), Settings(theme="a"), Settings())


def test_a_full_device_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, "theme = 'old'\n")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotKept, match="No space left on device"):
        save(path, Settings(theme="new"), Settings(theme="old"))
    assert path.read_text() == "theme = 'old'\n"
    assert os.listdir(path.parent) == ["config.toml"]


@pytest.mark.root
def test_what_root_makes_in_a_home_belongs_to_its_user(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    path = home / ".config" / "hpview" / "config.toml"
    save(path, Settings(theme="a"), Settings())
    for made in (path, path.parent, path.parent.parent):
        assert (made.stat().st_uid, made.stat().st_gid) == (65534, 65534)


def test_links_and_modes_are_kept(path: Path, tmp_path: Path) -> None:
    real = written(tmp_path / "dotfiles" / "hpview.toml", "# here\n")
    real.chmod(0o600)
    path.parent.mkdir(parents=True)
    path.symlink_to(real)
    save(path, Settings(theme="a"), Settings())
    assert path.is_symlink()
    assert tomllib.loads(real.read_text()) == {"theme": "a"}
    assert real.stat().st_mode & 0o777 == 0o600
