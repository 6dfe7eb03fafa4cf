"""One archive to boot: this Python and its packages, this checkout, and a few tools.

Everything lies at the place it has here, so that what is installed into ``.venv`` finds itself; but
every folder may be entered by everybody, root's home too, since an ordinary user runs in there.
"""

from __future__ import annotations

import compileall
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import TYPE_CHECKING, Final

from tests.kernels.packages import NoKernels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CHECKOUT: Final = Path(__file__).parent.parent.parent
TOOLS: Final = ("sh", "mount", "umount", "unshare", "setpriv", "mkdir", "sleep", "true", "cat")

_NOT_NEEDED: Final = shutil.ignore_patterns(
    *("mypy", "mypyc", "*__mypyc*", "ruff*", "pip", "pip-*", "setuptools", "setuptools-*", "bin"),
    *("test", "idlelib", "lib2to3", "ensurepip", "tkinter", "turtledemo", "config-3*", "*.a"),
    *("site-packages", "dist-packages", "include", "f2py", "*.pyi"),
)
_INIT: Final = """\
#!/bin/sh
# Run by the kernel.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm /dev/pts /root
mount -t tmpfs tmpfs /dev/shm
mount -t devpts devpts /dev/pts
mount -t cgroup2 cgroup2 /sys/fs/cgroup
export HOME=/root LANG=C.UTF-8 PATH=/usr/bin:/bin PYTHONPATH={checkout}
cd {checkout}
{python} -m tests.kernels.guest
echo o > /proc/sysrq-trigger
exec sleep 60
"""


def build(folder: Path) -> Path:
    """Make the archive that every kernel boots; its own files are added by ``extended``.

    Raises:
        NoKernels: A tool is missing here.
    """
    for tool in (*TOOLS, "cpio", "ldd"):
        if shutil.which(tool) is None:
            raise NoKernels(f"needs {tool}")
    root = folder / "root"
    for place in ("proc", "sys", "dev", "tmp", "run", "mnt", "etc", "usr"):
        (root / place).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for place in ("bin", "lib", "lib64"):
        (root / "usr" / place).mkdir(exist_ok=True)
        (root / place).symlink_to(f"usr/{place}")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    init = root / "init"
    init.write_text(_INIT.format(checkout=CHECKOUT, python=sys.executable))
    init.chmod(0o755)
    _add_python(root)
    _add_checkout(root)
    _add_tools(root)
    return _archive(root, folder / "initramfs.cpio")


def extended(base: Path, own: Path, files: Sequence[Path], to: Path) -> Path:
    """The archive, and behind it one of a kernel's own files, which lie below ``own``.

    The kernel unpacks one archive after the other (Documentation/driver-api/early-userspace,
    "initramfs buffer format").
    """
    root = to.with_suffix(".root")
    for file in files:
        _copy(file, root / file.relative_to(own))
    tail = _archive(root, to.with_suffix(".tail"))
    with to.open("wb") as out:
        for part in (base, tail):
            with part.open("rb") as data:
                shutil.copyfileobj(data, out, 1 << 24)
    return to


def _add_python(root: Path) -> None:
    """The interpreter, its library, and the virtual environment it runs in."""
    library = Path(sysconfig.get_path("stdlib"))
    _tree(library, root)
    _tree(Path(sysconfig.get_path("purelib")), root)
    real = Path(sys.executable).resolve()
    _copy(real, _there(real, root))
    for path in (Path(sys.prefix) / "bin").iterdir():
        if path.resolve() == real and path != real:
            _there(path, root).symlink_to(real)
    for name in ("bin/hpview", "pyvenv.cfg"):
        _copy(Path(sys.prefix) / name, _there(Path(sys.prefix) / name, root))
    # numpy, and what the standard library is linked with
    loaded = [real, *library.glob("lib-dynload/*.so"), *_extensions()]
    _add_libraries(loaded, root)


def _extensions() -> Iterable[Path]:
    return Path(sysconfig.get_path("purelib")).glob("numpy/**/*.so")


def _add_checkout(root: Path) -> None:
    """What of this checkout the tests in there need."""
    for name in ("hpview", "tests"):
        _tree(CHECKOUT / name, root)
        # An emulated processor takes ten times as long for it.
        compileall.compile_dir(
            _there(CHECKOUT / name, root),
            stripdir=str(root),
            prependdir="/",
            quiet=1,
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )
    _copy(CHECKOUT / "pyproject.toml", _there(CHECKOUT / "pyproject.toml", root))


def _add_tools(root: Path) -> None:
    tools = [Path(str(shutil.which(tool))).resolve() for tool in TOOLS]
    for tool, path in zip(TOOLS, tools, strict=True):
        _copy(path, root / "usr/bin" / tool)
    _add_libraries(tools, root)


def _add_libraries(binaries: Sequence[Path], root: Path) -> None:
    """The shared libraries that binaries are linked with, and the loader."""
    shown = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False).stdout
    for name in sorted(set(re.findall(r"(/\S+\.so[.\d]*)", shown))):
        path = Path(name)
        if not (root / name.lstrip("/")).exists() and path not in binaries:
            _copy(path, _there(path, root))


def _there(path: Path, root: Path) -> Path:
    """Where something of this machine lies in there."""
    to = root / str(path).lstrip("/")
    to.parent.mkdir(parents=True, exist_ok=True)
    return to


def _tree(folder: Path, root: Path) -> None:
    shutil.copytree(folder, _there(folder, root), ignore=_NOT_NEEDED, dirs_exist_ok=True)


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, to)


def _archive(root: Path, to: Path) -> Path:
    """Pack a folder; everything is root's, and every folder open."""
    paths = sorted(path for path in root.rglob("*"))
    for path in paths:
        if path.is_dir() and not path.is_symlink() and path.name != "tmp":
            path.chmod(0o755)
    names = b"".join(os.fsencode(path.relative_to(root)) + b"\0" for path in paths)
    with to.open("wb") as out:
        subprocess.run(
            ["cpio", "--null", "--create", "--format=newc", "--owner=root:root", "--quiet"],
            input=names,
            stdout=out,
            cwd=root,
            check=True,
        )
    shutil.rmtree(root)
    return to
