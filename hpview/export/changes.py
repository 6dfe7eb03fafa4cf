"""``hpview.changes/1``: what changed while a process was watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hpview import text
from hpview.space.changes import SIZES, ChangeKind
from hpview.space.runs import slots_of

if TYPE_CHECKING:
    import numpy as np

    from hpview.wire import Records

_AMOUNTS: Final = tuple(f"{when}_{size}" for when in ("was", "is") for size in SIZES)

CHANGE_KEYS: Final = ("time", "reading", "kind", "start", "end", "slots", *_AMOUNTS, "name")


def changes_object(pid: int, rows: Records, epoch: float) -> dict[str, Any]:
    """Changes, the oldest first.

    Args:
        pid: Of the process.
        rows: dtype LOGGED.
        epoch: The time, in seconds since 1970, when the clock of ``rows`` stood at 0.
    """
    changes = [_change(row, epoch) for row in rows]
    return {"schema": "hpview.changes/1", "pid": pid, "changes": changes}


def _change(row: np.void, epoch: float) -> dict[str, Any]:
    return {
        "time": round(epoch + float(row["when"]), 3),
        "reading": int(row["scan"]),
        "kind": ChangeKind(int(row["kind"])).name.lower(),
        "start": hex(int(row["start"])),
        "end": hex(int(row["end"])),
        "slots": int(slots_of(row["start"], row["end"])),
        **{key: int(row[key]) for key in _AMOUNTS},
        "name": text.well_formed(str(row["name"])),
    }
