"""Remedies that are settings, tried: with them in force the reason is gone."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from hpview.reasons.reason import Reason
from tests.reason_cases import BASE, HG, THP, Given
from tests.records import RW
from tests.settings_in_force import SHMEM, TMPFS, in_force, thp

if TYPE_CHECKING:
    from hpview.in_force import InForce

_SETTINGS: Final = (Reason.SHMEM_OFF, Reason.OFF, Reason.NOT_ADVISED)
_SHMEM: Final = ("always", "within_size", "advise", "never", "deny", "force")
_OWN: Final = (None, "always", "inherit", "within_size", "advise", "never")


def _with(rules: InForce, command: str) -> InForce:
    """The settings after a command."""
    if found := re.fullmatch(r"mount -o remount,huge=(\w+) /srv/cache", command):
        mount = replace(rules.mounts[TMPFS], options=("rw", f"huge={found[1]}"))
        return replace(rules, mounts={TMPFS: mount})
    found = re.fullmatch(rf"echo (\w+) > {THP}/(?:(hugepages-2048kB)/)?(\w+)", command)
    assert found, command
    value, size, name = found.groups()
    knobs, change = rules.thp, dict[str, Any]({name: value})
    if size is None:
        return replace(rules, thp=replace(knobs, **change))
    sizes = [replace(s, **change) if s.size == 2 << 20 else s for s in knobs.sizes]
    return replace(rules, thp=replace(knobs, sizes=tuple(sizes)))


def _assert_settings_help(given: Given) -> None:
    """Every remedy that is a command to root takes its reason away, and one is given."""
    found = given.answers().explain(BASE)
    assert found is not None
    for finding in found.findings:
        if finding.reason not in _SETTINGS:
            continue
        texts = [r.text for r in finding.remedies if re.match("echo|mount", r.text)]
        assert texts or "huge=" in finding.evidence[0].what
        for text in texts:
            rules = given.rules
            for command in text.split(" && "):
                rules = _with(rules, command)
            after = replace(given, rules=rules).answers().explain(BASE)
            assert after is not None
            assert finding.reason not in {other.reason for other in after.findings}, text


@pytest.mark.parametrize("name", ["", "/SYSV00000001 (deleted)"])
@pytest.mark.parametrize("own", _OWN)
@pytest.mark.parametrize("top", _SHMEM)
def test_shared_memory(name: str, top: str, own: str | None) -> None:
    rules = in_force(thp(shmem_enabled=top, pmd=("inherit", own)))
    _assert_settings_help(Given(Reason.NONE, ("", ""), "", dev=SHMEM, name=name, rules=rules))


@pytest.mark.parametrize("huge", [None, "always", "within_size", "advise", "never"])
@pytest.mark.parametrize("top", _SHMEM)
def test_tmpfs(top: str, huge: str | None) -> None:
    rules = in_force(thp(shmem_enabled=top), huge)
    _assert_settings_help(Given(Reason.NONE, ("", ""), "", dev=TMPFS, rules=rules))


@pytest.mark.parametrize("own", ["always", "inherit", "madvise", "never"])
@pytest.mark.parametrize("top", ["always", "madvise", "never"])
def test_anonymous_memory(top: str, own: str) -> None:
    for vm_flags in (HG, RW):
        rules = in_force(thp(top, pmd=(own, "inherit")))
        _assert_settings_help(Given(Reason.NONE, ("", ""), "", vm_flags=vm_flags, rules=rules))


@pytest.mark.parametrize("dev", [0, SHMEM])
def test_a_kernel_without_huge_pages_has_no_setting(dev: int) -> None:
    rules = in_force(thp(None, shmem_enabled=None, pmd=None, small=None))
    found = Given(Reason.NONE, ("", ""), "", dev=dev, rules=rules).answers().explain(BASE)
    assert found is not None
    assert [(r.words.startswith("a kernel with"), r.text) for r in found.findings[0].remedies] == [
        (True, "")
    ]
