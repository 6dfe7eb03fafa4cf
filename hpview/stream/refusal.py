"""Why the kernel will not have the BPF program, by its errors and what this user may do."""

from __future__ import annotations

import errno
import os
from typing import Final

from hpview.errors import BackendUnavailable
from hpview.in_force import release
from hpview.kernelfs.files import PROC
from hpview.kernelfs.namespaces import in_first_user_namespace

_FIRST_KERNEL: Final = (5, 17)
"""bpf_loop(), and task_vma as the program knows it; distributions bring both to older ones."""

# include/uapi/linux/capability.h; CAP_SYS_ADMIN stands in for either
_CAPABILITIES: Final = {"CAP_BPF": 39, "CAP_PERFMON": 38}
_CAP_SYS_ADMIN: Final = 21
_EXHAUSTED: Final = frozenset({errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN})
"""What any kernel may lack for a while."""


def unavailable(err: OSError) -> BackendUnavailable:
    """What to raise for an error of a system call that loads or starts the program."""
    if err.errno == errno.ENOSYS:
        return BackendUnavailable("bpf", "the kernel has no bpf()", remedy="CONFIG_BPF_SYSCALL")
    missing = missing_capabilities()
    if missing:
        wanted = " and ".join(missing)
        return BackendUnavailable("bpf", f"it needs {wanted}", remedy="run as root")
    # Before 5.11 maps count against RLIMIT_MEMLOCK: EPERM tells nothing of rights.
    too_old = release(os.uname().release) < _FIRST_KERNEL
    if err.errno in (errno.EPERM, errno.EACCES) and not too_old:
        return _denied(err)
    if err.errno in _EXHAUSTED and not too_old:
        return BackendUnavailable("bpf", f"it could not be set up: {err.strerror}")
    return BackendUnavailable(
        "bpf", f"the kernel refused the program: {err.strerror}", remedy="Linux 5.17 or later"
    )


def _denied(err: OSError) -> BackendUnavailable:
    """The capabilities are there and do not help."""
    if not in_first_user_namespace():
        wanted = " and ".join(_CAPABILITIES)
        return BackendUnavailable(
            "bpf",
            f"it needs {wanted} in the first user namespace",
            remedy="run as root outside of the container",
        )
    return BackendUnavailable(
        "bpf",
        f"it was refused ({err.strerror})",
        remedy="a seccomp filter or a security module may be why",
    )


def missing_capabilities() -> list[str]:
    """Which this user lacks; with only one of the two, errors range from EPERM to EINVAL."""
    try:
        lines = (PROC / "self/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return []
    for line in lines:
        key, _, value = line.partition(":")
        if key == "CapEff":
            have = int(value, 16)
            if have >> _CAP_SYS_ADMIN & 1:
                return []
            return [name for name, bit in _CAPABILITIES.items() if not have >> bit & 1]
    return []
