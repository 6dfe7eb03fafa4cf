"""What screens tell the app, which alone opens and leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hpview.errors import HpviewError
    from hpview.ui.asking import Asking
    from hpview.ui.reading import Reading
    from hpview.ui.screens.base import HpviewScreen


class ScreenMessages:
    """The messages of ``HpviewScreen``."""

    class Settled(Message):
        """Everything that was to be loaded first is on the screen."""

    class Failed(Message):
        """Work for this screen failed.

        Attributes:
            screen: Where.
            error: Why.
            shows_data: The screen has something to show all the same.
        """

        def __init__(self, screen: HpviewScreen, error: HpviewError, shows_data: bool) -> None:
            super().__init__()
            self.screen = screen
            self.error = error
            self.shows_data = shows_data

    class ProcessChosen(Message):
        """A process is to be shown."""

        def __init__(self, pid: int) -> None:
            super().__init__()
            self.pid = pid

    class SlotChosen(Message):
        """The pages of a slot are to be shown.

        Attributes:
            reading: Of the process; the VMAs are taken from it.
            asking: Why its memory is not huge.
            address: In the slot.
        """

        def __init__(self, reading: Reading, asking: Asking, address: int) -> None:
            super().__init__()
            self.reading = reading
            self.asking = asking
            self.address = address

    class ProtocolWanted(Message):
        """The reads of a process are to be shown, one by one.

        Attributes:
            reading: Of the process.
        """

        def __init__(self, reading: Reading) -> None:
            super().__init__()
            self.reading = reading

    class SlotLeft(Message):
        """The user goes back from a slot.

        Attributes:
            pid: The process.
            address: Of the page that was under the cursor last.
        """

        def __init__(self, pid: int, address: int) -> None:
            super().__init__()
            self.pid = pid
            self.address = address

    class NodesWanted(Message):
        """The NUMA nodes of a process are to be shown.

        Attributes:
            reading: Of the process.
        """

        def __init__(self, reading: Reading) -> None:
            super().__init__()
            self.reading = reading

    class MachineWanted(Message):
        """The machine is to be shown."""

    class HelpWanted(Message):
        """The keys of this screen are to be shown."""

        def __init__(self, screen: HpviewScreen) -> None:
            super().__init__()
            self.screen = screen

    class SettingsChanged(Message):
        """The user changed the settings."""

    class SaveWanted(Message):
        """A file is to be written.

        Attributes:
            name: Its path.
            made: Makes what it holds, in a thread; may raise HpviewError.
        """

        def __init__(self, name: str, made: Callable[[], Iterable[bytes]]) -> None:
            super().__init__()
            self.name = name
            self.made = made
