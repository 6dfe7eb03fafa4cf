"""A recorded look at the demo process: the bytes of its stream, its names, its pages.

``python -m tests.recording`` records it again, as root, under the system's own Python so
that names tell nothing of whoever did.
"""

from __future__ import annotations

import base64
import json
import subprocess
import zlib
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hpview import assembly, loader
from hpview.kernelfs.maps import Mapping
from hpview.pages.page import PAGE, PageBit, SlotPages
from hpview.space.address_space import AddressSpace
from hpview.space.holes import unsettled
from hpview.wire import RECORD_SIZE, SLOT_SIZE
from tests.fakes import Fakes, machine, process

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from hpview.services import Services

FOLDER: Final = Path(__file__).parent / "data"
_STREAM: Final = FOLDER / "demo.hpv"
_FACTS: Final = FOLDER / "demo.json"
_PYTHON: Final = "/usr/bin/python3"
_CHUNK: Final = 64 * RECORD_SIZE
"""Small chunks, so that the log of reads has some lines."""


@cache
def _facts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_FACTS.read_text("utf-8"))
    return found


def pid() -> int:
    """The process that was recorded."""
    return int(_facts()["pid"])


def slot(name: str) -> int:
    """The first slot of a region of the demo."""
    return int(_facts()["regions"][name]) // SLOT_SIZE * SLOT_SIZE


def recorded() -> bytes:
    """The bytes of its stream."""
    return _STREAM.read_bytes()


def fakes(**changes: object) -> Fakes:
    """Services that replay it."""
    facts = _facts()
    data = recorded()
    chunks = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]
    sizes = {
        "resident": 157 << 20,
        "bytes_2m": 88 << 20,
        "bytes_4k": 69 << 20,
        "bytes_gap": 55 << 20,
    }
    demo = process(pid(), "python3 -m hpview.demo", user="root", **sizes)
    made = Fakes(
        [[*chunks]],
        mappings=[Mapping(**mapping) for mapping in facts["mappings"]],
        processes=(*machine(), demo),
        states={int(at): _unpacked(row, np.uint8) for at, row in facts["states"].items()},
        slots=[_slot(found) for found in facts["slots"]],
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def _slot(found: dict[str, Any]) -> SlotPages:
    pages = _unpacked(found["pages"], PAGE)
    return SlotPages(
        found["start"],
        found["end"],
        pages,
        PageBit(found["known"]),
        found["folio_known"],
        tuple(found["reasons"]),
    )


def _packed(array: NDArray[Any]) -> str:
    return base64.b85encode(zlib.compress(array.tobytes(), 9)).decode()


def _unpacked(text: str, dtype: DTypeLike) -> NDArray[Any]:
    return np.frombuffer(zlib.decompress(base64.b85decode(text)), dtype=dtype)


def record() -> None:
    """Write the files again."""
    demo = subprocess.Popen(
        [_PYTHON, "-m", "hpview.demo"],
        cwd=FOLDER.parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert demo.stdout is not None
    layout = json.loads(demo.stdout.readline())
    services = assembly.services("bpf")
    try:
        _record(services, layout)
    finally:
        services.close()
        demo.kill()
        demo.wait()


def _record(services: Services, layout: dict[str, Any]) -> None:
    target = layout["pid"]
    data = b""
    mappings: list[Mapping] = []
    for batch in loader.load(lambda: services.open(target), lambda: services.facts(target)):
        data += b"".join(batch.data)
        mappings += batch.facts.mappings if batch.facts is not None else []
    space = AddressSpace()
    space.feed(data)
    runs = unsettled(space, 0, 1 << 63)
    slots = np.unique(runs["start"] // np.uint64(SLOT_SIZE)) * np.uint64(SLOT_SIZE)
    states = services.states(target, slots)
    regions = {r["name"]: r["start"] for r in layout["regions"]}
    pages = {at // SLOT_SIZE * SLOT_SIZE: services.pages(target, at) for at in regions.values()}
    facts = {
        "pid": target,
        "regions": regions,
        "mappings": [asdict(mapping) for mapping in mappings],
        "states": {str(at): _packed(row) for at, row in zip(slots.tolist(), states, strict=True)},
        "slots": [
            {
                "start": found.start,
                "end": found.end,
                "pages": _packed(found.pages),
                "known": int(found.known),
                "folio_known": found.folio_known,
                "reasons": list(found.reasons),
            }
            for found in pages.values()
        ],
    }
    FOLDER.mkdir(exist_ok=True)
    _STREAM.write_bytes(data)
    _FACTS.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    record()
