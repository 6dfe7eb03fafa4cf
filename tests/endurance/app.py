"""``python -m tests.endurance.app BACKEND PID SECONDS``: the app, used without a terminal.

It watches a process and visits every screen, and writes a line of JSON with what it used. Then
it reads a line, by which time the process holds still, and writes another with what differs
between the screens and what is read anew.
"""

from __future__ import annotations

import asyncio
import gc
import io
import json
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from hpview import assembly
from hpview.connector import Connector
from hpview.host.taskstats import read_delays
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.quick_pilot import QuickPilot
from hpview.ui.screens.failure import FailureScreen
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.processes import ProcessesScreen
from tests.endurance.differences import differences
from tests.endurance.measures import Sample, Stopwatch, sampled
from tests.piloting import press

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.services import Services

SIZE: Final = (140, 45)
SAMPLE_EVERY: Final = 5.0
PATIENCE: Final = 30.0
"""Seconds after which a screen that did not come is a failure."""

WATCH: Final = 0.5
REFRESH: Final = 2.0

VISITS: Final = (
    "a down n N h l down n a",
    "enter right down tab tab n N right_square_bracket left_square_bracket R escape",
    "i space full_stop full_stop greater_than_sign full_stop space less_than_sign escape",
    "W down f F up escape",
    "u 4 escape",
    "m 1 2 3 4 5 6 down up space space R escape",
    "tab down down up end home f f f r r greater_than_sign less_than_sign tab",
    "n n N plus plus right minus minus minus plus right_square_bracket left_square_bracket z z",
    "question_mark down escape R",
)
"""Keys on a process, each sequence leads back to it."""

ON_THE_LIST: Final = "t t u u c c greater_than_sign less_than_sign r r down down up R m 2 4 escape"


class Lost(Exception):
    """A screen that was expected did not come."""


class User:
    """Presses keys and takes the time.

    Args:
        pilot: Of the app, which runs.
        app: The same.
        pid: The process to watch.
    """

    def __init__(self, pilot: QuickPilot, app: HpviewApp, pid: int) -> None:
        self.keys: list[tuple[float, float, str, str]] = []
        self.samples: list[Sample] = []
        self.reads = 0
        self.pilot = pilot
        self.app = app
        self._pid = pid
        self.began = time.monotonic()
        self._next_sample = 0.0

    async def use(self, seconds: float) -> None:
        """Do so for some time."""
        turn = 0
        while time.monotonic() - self.began < seconds:
            await self.to_process()
            for keys in VISITS:
                await self.press(keys)
                await self.to_process()
                await self._look(3 * WATCH)
                if time.monotonic() - self.began >= seconds:
                    return
            turn += 1
            await self.to_list()
            await self.press(ON_THE_LIST)
            await self.to_list()
            await self._look(REFRESH)

    async def press(self, keys: str) -> None:
        """Press keys one after the other, and wait for each."""
        for key in keys.split():
            screen = type(self.app.screen).__name__
            await self._key(key, screen)

    async def to_list(self) -> None:
        """Go back to the list of processes."""
        for _ in range(10):
            if isinstance(self.app.screen, ProcessesScreen):
                return
            await self.press("escape")
        raise Lost(f"no way back from {self.app.screen}")

    async def to_process(self) -> None:
        """Have the process on the screen, watched."""
        for _ in range(10):
            if isinstance(self.app.screen, ProcessScreen | ProcessesScreen):
                break
            await self.press("escape")
        if isinstance(self.app.screen, ProcessesScreen):
            await self.press("escape slash")
            await self._type(f"pid:{self._pid}")
            await self.press("enter")
            await self.until(lambda: self._chosen() == str(self._pid))
            await self.press("enter")
            await self.until(lambda: isinstance(self.app.screen, ProcessScreen | FailureScreen))
        screen = self.app.screen
        if isinstance(screen, ProcessScreen):
            await self.until(lambda: bool(len(screen.space.vmas)) or screen is not self.app.screen)
            if not screen.watching.on:
                await self.press("w")

    def _chosen(self) -> str:
        """The pid under the cursor of the list."""
        screen = self.app.screen
        return screen.copy_text() if isinstance(screen, ProcessesScreen) else ""

    async def _type(self, words: str) -> None:
        for letter in words:
            await self._key(letter, "filter")

    async def _key(self, key: str, where: str) -> None:
        watch = Stopwatch()
        try:
            await asyncio.wait_for(press(self.pilot, key), PATIENCE)
        except TimeoutError:
            raise Lost(f"{key} on {where} was not answered: {stuck(self.app)}") from None
        self._require_running()
        self.keys.append((*watch.read(), key, where))

    def _require_running(self) -> None:
        """What the app has raised is raised when its context ends."""
        if not self.app.is_running:
            raise Lost("the app has failed")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what a thread brings."""
        patience = time.monotonic() + PATIENCE
        while not condition():
            self._require_running()
            if time.monotonic() > patience:
                raise Lost(f"on {self.app.screen}")
            await asyncio.sleep(0.01)
        await self.pilot.pause()

    async def _look(self, seconds: float) -> None:
        """Press nothing for a while."""
        await asyncio.sleep(seconds)
        if time.monotonic() >= self._next_sample:
            self.samples.append(sampled(self.app, self.began))
            self._next_sample = time.monotonic() + SAMPLE_EVERY


def stuck(app: HpviewApp) -> str:
    """What has messages waiting, and where every task stands."""
    parts = (app, *(part for screen in app.screen_stack for part in screen.walk_children()))
    waiting = [f"{part} has {part.message_queue_size}" for part in parts if part.message_queue_size]
    stacks = io.StringIO()
    for task in asyncio.all_tasks():
        task.print_stack(file=stacks)
    return "\n".join((*waiting, stacks.getvalue()))


def services(backend: str) -> Services:
    """As the command line opens them, but for acting on processes."""
    return assembly.services(backend, Connector, read_delays)


async def used(backend: str, pid: int, seconds: float) -> None:
    """Run the app and tell."""
    gc.enable()
    settings = Settings(watch=WATCH, refresh=REFRESH)
    opened: list[Services] = []

    def open_services() -> Services:
        opened.append(services(backend))
        return opened[0]

    app = HpviewApp(open_services, settings=settings)
    app.animation_level = "none"
    async with app.run_test(size=SIZE, notifications=True):
        pilot = QuickPilot(app)
        user = User(pilot, app, pid)
        await user.until(lambda: isinstance(app.screen, ProcessesScreen))
        await user.use(seconds)
        await user.to_list()
        await asyncio.sleep(1)
        user.samples.append(sampled(app, user.began))
        told: dict[str, Any] = {
            "keys": user.keys,
            "samples": [sample._asdict() for sample in user.samples],
        }
        print(json.dumps(told), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        await user.to_process()
        found = await differences(user, app, pid, opened[0], lambda: services(backend))
        print(json.dumps({"differences": found}), flush=True)
    opened[0].close()


if __name__ == "__main__":
    asyncio.run(used(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
