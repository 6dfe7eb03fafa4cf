"""Debian's own kernels, fetched by apt into a cache, with nothing changed on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CACHE: Final = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hpview" / "kernels"
)
"""Package lists, packages, unpacked kernels and the logs of boots; may be deleted at any time."""

FOUND: Final = CACHE / "found.json"
KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
META: Final = "linux-image-cloud-amd64"
"""Depends on the newest image of its suite; what hpview needs is built in, drivers are left out."""

FRESH: Final = 86_400
"""Seconds for which fetched package lists are taken as they are."""


class NoKernels(Exception):
    """Debian's kernels cannot be had here; the text says what is missing."""


@dataclass(frozen=True)
class Image:
    """An unpacked kernel."""

    version: str
    """Of the package: "6.1.176-1"."""

    release: str
    """As uname tells it: "6.1.0-50-cloud-amd64"."""

    root: Path
    """The folder that stands for the file system's root."""

    vmlinuz: Path
    config: Path


def fetch(suites: dict[str, str]) -> dict[str, Image]:
    """The newest kernel of each of Debian's suites; a day old at most, where the archive answers.

    Args:
        suites: Names as a boot goes by ("6.1") to suites ("bookworm", "bullseye-security").

    Raises:
        NoKernels: A tool is missing, or neither the archive nor the cache has one.
    """
    check_tools()
    fresh, known = _known(suites)
    if not fresh:
        try:
            known = ask(suites)
        except NoKernels:
            if not known:
                raise
    return {name: _image(Path(known[suite])) for name, suite in suites.items()}


def check_tools() -> None:
    """Raise NoKernels where packages cannot be fetched at all."""
    for tool, package in (("apt-get", "apt"), ("dpkg-deb", "dpkg")):
        if shutil.which(tool) is None:
            raise NoKernels(f"needs {tool} ({package})")
    if not Path(KEYRING).exists():
        raise NoKernels(f"needs {KEYRING} (debian-archive-keyring)")


def _known(suites: dict[str, str]) -> tuple[bool, dict[str, str]]:
    """Whether what was found last is fresh, and it: unpacked images by suite."""
    try:
        found: dict[str, str] = json.loads(FOUND.read_text())
        age = time.time() - FOUND.stat().st_mtime
    except (OSError, ValueError):
        return False, {}
    if not all(suite in found and Path(found[suite]).is_dir() for suite in suites.values()):
        return False, {}
    return age < FRESH, found


def ask(suites: dict[str, str]) -> dict[str, str]:
    """Have apt look for newer images, and fetch them."""
    _update(list(suites.values()))
    found = {suite: str(_fetched(suite)) for suite in suites.values()}
    FOUND.write_text(json.dumps(found))
    return found


def _apt(program: str, *arguments: str, cwd: Path | None = None) -> str:
    """Run apt on folders of its own: the lists and packages of this machine are not touched."""
    options = {
        "Dir::Etc::sourcelist": CACHE / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": CACHE / "state",
        "Dir::State::status": CACHE / "status",
        "Dir::Cache": CACHE / "cache",
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    done = subprocess.run(
        [program, "-qq", *words, *arguments],
        cwd=cwd,
        env=os.environ | {"LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NoKernels(f"{program} {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _update(suites: list[str]) -> None:
    """Fetch the package lists."""
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (CACHE / folder).mkdir(parents=True, exist_ok=True)
    (CACHE / "status").touch()
    lines = []
    for suite in suites:
        mirror = _mirror(security=suite.endswith("-security"))
        lines.append(f"deb [signed-by={KEYRING}] {mirror} {suite} main\n")
    (CACHE / "sources.list").write_text("".join(lines))
    _apt("apt-get", "update", "-o", "APT::Update::Error-Mode=any")


def _mirror(*, security: bool) -> str:
    """Where this machine's apt gets Debian from, or what DEBIAN_MIRROR says."""
    if named := os.environ.get("DEBIAN_SECURITY_MIRROR" if security else "DEBIAN_MIRROR"):
        return named
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(LABEL)\t$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    wanted = "Debian-Security" if security else "Debian"
    for line in targets.splitlines():
        label, _, address = line.partition("\t")
        if label == wanted:
            return address
    raise NoKernels(f"apt knows no archive of {wanted} here: set DEBIAN_MIRROR and the like")


def _fetched(suite: str) -> Path:
    """Download and unpack the image that the meta package of a suite depends on."""
    wanted = _depends(_show(META, suite))
    image = next((name for name in wanted if name.startswith("linux-image-")), None)
    if image is None:
        raise NoKernels(f"{META} of {suite} names no image")
    record = _show(image, suite)
    release = image.removeprefix("linux-image-")
    place = CACHE / "images" / f"{release}_{record['Version']}"
    if not place.exists():
        # Since 7.0 the kernel and its configuration are in packages of their own.
        parts = {f"linux-binary-{release}", f"linux-base-{release}"}
        own = [name for name in _depends(record) if name in parts]
        _unpack([f"{name}={record['Version']}" for name in (image, *own)], place)
    return place


def _show(package: str, suite: str) -> dict[str, str]:
    """The record of a package's newest version in a suite."""
    shown = _apt("apt-cache", "show", "--no-all-versions", "-t", suite, package)
    return dict(line.split(": ", 1) for line in shown.splitlines() if ": " in line[1:])


def _depends(record: dict[str, str]) -> list[str]:
    """Names of the packages that a record depends on."""
    return [relation.split()[0] for relation in record.get("Depends", "").split(",")]


def _unpack(packages: list[str], place: Path) -> None:
    """What of packages boots; modules are left out."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        _apt("apt-get", "download", *packages, cwd=Path(folder))
        whole = Path(folder) / "whole"
        for archive in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", archive, whole], check=True)
        for modules in whole.rglob("modules/*/kernel"):
            shutil.rmtree(modules)
        whole.rename(place)


def _image(place: Path) -> Image:
    """What was unpacked into a folder."""
    release, _, version = place.name.partition("_")
    return Image(version, release, place, _only(place, "vmlinuz*"), _only(place, "config*"))


def _only(place: Path, pattern: str) -> Path:
    """The one file of a kernel that a pattern finds."""
    found = [path for path in place.rglob(pattern) if path.is_file()]
    if len(found) != 1:
        raise NoKernels(f"{place} has {len(found)} files {pattern}; delete it to fetch it again")
    return found[0]
