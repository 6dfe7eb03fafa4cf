"""Turn the header that ``bpftool gen skeleton -L`` writes into a .lskel file.

Usage: pack.py task_vma.lskel.h task_vma.lskel
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from hpview.stream.lskel import LightSkeleton  # noqa: E402


def literal(source: str, name: str) -> bytes:
    """The bytes of the C string assigned to ``opts.<name>``; all are octal 0 or hex escapes."""
    match = re.search(rf'opts\.{name} = \(void \*\)"([^"]*)";', source)
    if match is None:
        raise SystemExit(f"no opts.{name} in the skeleton")
    text = match[1].replace("\\\n", "").replace("\\0", "\\x00")
    data = bytes.fromhex(text.replace("\\x", ""))
    size = re.search(rf"opts\.{name}_sz = (\d+);", source)
    if size is None or int(size[1]) != len(data):
        raise SystemExit(f"opts.{name} has {len(data)} bytes, not what opts.{name}_sz says")
    return data


def convert(source: str) -> LightSkeleton:
    """Pick the parts that loading needs out of the generated C."""
    maps = re.findall(r"struct bpf_map_desc (\w+);", source)
    progs = re.findall(r"struct bpf_prog_desc (\w+);", source)
    state = re.search(r"sizeof\(s->bss->hpv\) == (\d+)", source)
    if maps != ["bss"] or len(progs) != 1 or state is None:
        raise SystemExit(f"expected .bss and one program, found {maps} and {progs}")
    return LightSkeleton(literal(source, "data"), literal(source, "insns"), int(state[1]))


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(convert(Path(sys.argv[1]).read_text("ascii")).pack())
