"""Boots machines side by side, hands their tests' outcomes on, prints the table."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest

from tests.kernels import initramfs, packages, table
from tests.kernels.boot import Outcome, boot
from tests.kernels.machines import MACHINES, SUITES, Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE: Final = float(os.environ.get("HPVIEW_KERNELS_PATIENCE", "900"))
"""Seconds that a machine may take, before it is killed and its console shown."""

LINES: Final = pytest.StashKey[list[table.Line]]()


@pytest.fixture(scope="session")
def booted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Machine, Future[Outcome]]]:
    """Every machine that is to be tested, as many at a time as there are processors."""
    wanted = {
        item.callspec.params["machine"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and "booted" in item.fixturenames
    }
    try:
        images = packages.fetch(SUITES)
        folder = tmp_path_factory.mktemp("initramfs")
        base = initramfs.build(folder)
    except packages.NoKernels as err:
        pytest.fail(str(err), pytrace=False)
    whole = {
        name: initramfs.extended(base, image.root, [image.config], folder / f"{name}.cpio")
        for name, image in images.items()
    }
    logs = packages.CACHE / "logs"
    logs.mkdir(exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {
            machine: pool.submit(
                boot,
                images[machine.kernel].vmlinuz,
                whole[machine.kernel],
                logs / f"{machine}.log".replace(" ", "-"),
                append=f"quiet {machine.variant.append}",
                options=machine.variant.options,
                checks=machine.variant.checks,
                patience=PATIENCE,
            )
            for machine in MACHINES
            if machine in wanted
        }


@pytest.fixture
def lines(pytestconfig: pytest.Config) -> list[table.Line]:
    """The table's lines so far."""
    return pytestconfig.stash.setdefault(LINES, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if lines := config.stash.get(LINES, []):
        terminalreporter.section("kernels")
        for line in table.render(lines):
            terminalreporter.write_line(line)
