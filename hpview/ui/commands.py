"""What can be done on a screen: read from the bindings, for the help and the palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.binding import Binding, BindingType

from hpview.ui.screens.base import HpviewScreen
from hpview.ui.widgets.key_line import key_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import App


def sections(screen: HpviewScreen) -> list[tuple[str, list[Binding]]]:
    """Every binding that works on a screen, by where it works.

    Bindings belong to the class that declares them: those of the screen itself, of its parts
    that take keys, and of all screens.
    """
    own = ("This screen", _declared(type(screen)))
    parts = [(title, _declared(part)) for title, part in screen.HELP_SECTIONS]
    everywhere = ("Everywhere", [*_declared(HpviewScreen), *_declared(type(screen.app))])
    out: list[tuple[str, list[Binding]]] = []
    for title, found in (own, *parts, everywhere):
        offered = [b for b in found if screen.offers(b.action.partition("(")[0])]
        if title and offered:
            out.append((title, offered))
        elif offered:
            out[-1][1].extend(offered)  # a part without a title goes on with the one before
    return out


def commands(app: App[None], screen: HpviewScreen) -> Iterator[SystemCommand]:
    """What the palette offers: the actions of the screen, where they may be done now."""
    for title, found in sections(screen):
        if title not in ("This screen", "Everywhere"):
            continue  # moving about by typing the name of a move helps nobody
        for binding in found:
            if binding.action != "command_palette" and _may(screen, binding):
                yield _command(app, screen, binding)


def _declared(owner: type) -> list[Binding]:
    declared: list[BindingType] = vars(owner).get("BINDINGS", [])
    return [binding for binding in declared if isinstance(binding, Binding)]


def _may(screen: HpviewScreen, binding: Binding) -> bool:
    name, _, rest = binding.action.partition("(")
    parameters = (rest.removesuffix(")"),) if rest else ()
    return name.startswith("app.") or screen.check_action(name, parameters) is True


def _command(app: App[None], screen: HpviewScreen, binding: Binding) -> SystemCommand:
    async def do() -> None:
        await app.run_action(binding.action, screen if hasattr(screen, _method(binding)) else app)

    title = binding.tooltip or binding.description
    return SystemCommand(title, f"Key {'  '.join(key_names(binding))}", do)


def _method(binding: Binding) -> str:
    return f"action_{binding.action.partition('(')[0]}"
