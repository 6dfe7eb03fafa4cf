"""Whether the screens of an app that ran for long say what is read anew."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from hpview import assembly
from hpview.kernelfs.smaps import read_smaps
from hpview.scan import scan
from hpview.space.vma import BYTES
from hpview.ui.app import HpviewApp
from hpview.ui.quick_pilot import QuickPilot
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.processes import ProcessesScreen
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.ui.widgets.vma_list import VmaList
from hpview.wire import PAGE_SIZE, VmFlag
from tests.golden import screen_lines
from tests.piloting import press

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.services import Services
    from hpview.space.address_space import AddressSpace
    from tests.endurance.app import User

_STATUS = 2
"""Lines at the end of a process screen: how it was read, and the keys."""


async def differences(
    user: User, app: HpviewApp, pid: int, given: Services, opened: Callable[[], Services]
) -> list[str]:
    """What is not as it should be, in words; the process must hold still.

    Args:
        user: Has the process on the screen.
        app: Ran for long.
        pid: The process.
        given: The services that the app has.
        opened: Opens others.
    """
    found: list[str] = []
    screen = app.screen
    assert isinstance(screen, ProcessScreen)
    if screen.watching.on:
        await user.press("w")
    await _reread(user, screen)
    space = screen.space
    for other in (given, assembly.services("procfs"), opened()):
        fresh = scan(other, pid).space
        found += [f"{fresh.source.label}: {words}" for words in _spaces(space, fresh)]
        if other is not given:
            other.close()
    found += [f"told: {notice}" for notice in given.notices()]
    found += _against_smaps(space, pid)
    lines = await _process_lines(user, app)
    found += await _screens(user, lines, pid, opened)
    await user.to_list()
    await press(user.pilot, "R")
    on_list = app.screen
    assert isinstance(on_list, ProcessesScreen)
    await user.until(lambda: on_list.at_rest)
    rows = [process for process in on_list.census.processes if process.pid == pid]
    totals = space.totals
    sums = totals.bytes_4k, totals.bytes_2m, totals.bytes_1g, totals.bytes_swap, totals.vmas
    for row in rows:
        listed = row.bytes_4k, row.bytes_2m, row.bytes_1g, row.bytes_swap, row.vmas
        if listed != sums:
            found.append(f"the list says {listed}, the process {sums}")
    if len(rows) != 1:
        found.append(f"the list has it {len(rows)} times")
    return found


async def _reread(user: User, screen: ProcessScreen) -> None:
    before = screen.reading.number
    await user.press("R")
    await user.until(lambda: screen.reading.number > before and not screen.reading.busy)
    await user.until(lambda: screen.at_rest and screen.asking.at_rest)


def _spaces(space: AddressSpace, fresh: AddressSpace) -> list[str]:
    """What differs between two readings of a process that holds still."""
    found = []
    if not (space.complete and fresh.complete):
        found.append(f"not complete: {space.end_status}, {fresh.end_status}")
    if space.vmas["start"].tolist() != fresh.vmas["start"].tolist():
        return [*found, f"{len(space.vmas)} VMAs, {len(fresh.vmas)} anew"]
    for name in ("end", *BYTES):
        ours, theirs = space.vmas[name], fresh.vmas[name]
        found += [
            f"{name} of {space.vmas['start'][i]:x}: {ours[i]}, {theirs[i]} anew"
            for i in np.flatnonzero(ours != theirs).tolist()
        ]
    if space.runs.tobytes() != fresh.runs.tobytes():
        found.append("other runs")
    if space.totals != fresh.totals:
        found.append(f"{space.totals}, {fresh.totals} anew")
    return found


def _against_smaps(space: AddressSpace, pid: int) -> list[str]:
    """The kernel's own sums."""
    smaps = read_smaps(pid)
    table, vmas = smaps.table, space.vmas
    if table["start"].tolist() != vmas["start"].tolist():
        return ["smaps has other VMAs"]
    huge = smaps.pmd_mapped + table["hugetlb"]
    small = table["rss"] - smaps.pmd_mapped
    # smaps does not count the pages of special mappings such as [vdso]
    counted = (vmas["vm_flags"] & np.uint64(VmFlag.PFNMAP)) == 0
    counted &= (table["rss"] > 0) | (vmas["bytes_4k"] > 4 * PAGE_SIZE)
    found = []
    for name, ours, theirs in (
        ("huge", vmas["bytes_2m"] + vmas["bytes_1g"], huge),
        ("4k", vmas["bytes_4k"], small),
        ("swap", vmas["bytes_swap"], table["swap"]),
    ):
        differ = (ours != theirs) & (counted | (name != "4k"))
        found += [
            f"{name} of {vmas['start'][i]:x}: {ours[i]}, smaps {theirs[i]}"
            for i in np.flatnonzero(differ).tolist()
        ]
    return found


async def _process_lines(user: User, app: HpviewApp) -> list[str]:
    """The screen of a process as one opens it: the first VMA, the first address."""
    screen = app.screen
    assert isinstance(screen, ProcessScreen)
    list_, map_ = screen.query_one(VmaList), screen.query_one(MemoryMap)
    for pane in (map_, list_):
        pane.focus()
        await press(user.pilot, "home")
    return screen_lines(app)[:-_STATUS]


async def _screens(
    user: User, lines: list[str], pid: int, opened: Callable[[], Services]
) -> list[str]:
    """What differs from the screen of an app that was just begun."""
    services = opened()
    app = HpviewApp(services, pid, settings=copy.copy(user.app.settings))
    app.animation_level = "none"
    try:
        async with app.run_test(size=user.app.size, notifications=True):
            pilot = QuickPilot(app)
            other = type(user)(pilot, app, pid)
            await other.until(lambda: isinstance(app.screen, ProcessScreen))
            screen = app.screen
            assert isinstance(screen, ProcessScreen)
            await other.until(lambda: bool(len(screen.space.vmas)) and not screen.reading.busy)
            await _reread(other, screen)
            fresh = await _process_lines(other, app)
    finally:
        services.close()
    return [
        f"line {i}: {ours!r}, anew {theirs!r}"
        for i, (ours, theirs) in enumerate(zip(lines, fresh, strict=True))
        if ours != theirs
    ]
