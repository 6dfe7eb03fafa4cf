"""Builders of wire records: streams for tests, written like a script."""

from __future__ import annotations

from hpview import wire
from hpview.wire import RECORD_SIZE, SLOT_SIZE, Backing, Kind, RollupFlag, Source, Status

MIB = 1 << 20
GIB = 1 << 30
RW = 0x3


def task(
    tgid: int = 100,
    *,
    tid: int | None = None,
    mm: int = 1,
    source: Source | int = Source.BPF,
    start_time: int = 0,
    comm: bytes = b"target",
    mm_flags: int = 0,
) -> bytes:
    record = wire.blank(Kind.TASK, 1)
    record["mm_flags"] = mm_flags
    record["source"], record["tgid"], record["mm"] = source, tgid, mm
    record["tid"] = tgid if tid is None else tid
    record["start_time"], record["comm"] = start_time, comm
    return record.tobytes()


def vma(
    start: int,
    end: int,
    *,
    vm_flags: int = RW,
    flags: int = 0,
    pgoff: int = 0,
    dev: int = 0,
    ino: int = 0,
    slots_2m: int = 0,
    slots_1g: int = 0,
    pages_4k: int = 0,
    pages_swap: int = 0,
) -> bytes:
    record = wire.blank(Kind.VMA, 1)
    record["flags"], record["dev"] = flags, dev
    record["start"], record["end"] = start, end
    record["vm_flags"], record["pgoff"], record["ino"] = vm_flags, pgoff, ino
    record["slots_2m"], record["slots_1g"] = slots_2m, slots_1g
    record["pages_4k"], record["pages_swap"] = pages_4k, pages_swap
    return record.tobytes()


def run(
    start: int,
    end: int,
    backing: Backing | int = Backing.PMD_2M,
    *,
    present: int | None = None,
    swapped: int = 0,
    zero: int = 0,
    guard: int = 0,
    flags: int = 0,
    err: int = 0,
) -> bytes:
    """One RUN; ``present`` is 512 for leaves unless told."""
    record = wire.blank(Kind.RUN, 1)
    leaf = backing in (Backing.PMD_2M, Backing.PUD_1G)
    record["flags"], record["backing"] = flags, backing
    record["start"], record["end"] = start, end
    record["present"] = present if present is not None else 512 * leaf
    record["swapped"], record["zero"], record["guard"] = swapped, zero, guard
    record["err"] = err
    return record.tobytes()


def rollup(
    *,
    vmas: int = 0,
    size: int = 0,
    bytes_4k: int = 0,
    bytes_2m: int = 0,
    bytes_1g: int = 0,
    bytes_swap: int = 0,
    bytes_gap: int = 0,
    bytes_hugetlb: int = 0,
    flags: int = RollupFlag.GAP,
) -> bytes:
    record = wire.blank(Kind.ROLLUP, 1)
    record["bytes_gap"], record["bytes_hugetlb"] = bytes_gap, bytes_hugetlb
    record["flags"], record["vmas"], record["size"] = flags, vmas, size
    record["bytes_4k"], record["bytes_2m"] = bytes_4k, bytes_2m
    record["bytes_1g"], record["bytes_swap"] = bytes_1g, bytes_swap
    return record.tobytes()


def end(
    status: Status | int = Status.COMPLETE,
    *,
    err: int = 0,
    tasks: int = 0,
    vmas: int = 0,
    runs: int = 0,
    read_errors: int = 0,
) -> bytes:
    record = wire.blank(Kind.END, 1)
    record["status"], record["err"] = status, err
    record["tasks"], record["vmas"], record["runs"] = tasks, vmas, runs
    record["read_errors"] = read_errors
    return record.tobytes()


def slots(start: int, end: int) -> int:
    """How many 2 MiB slots a range touches."""
    return (end - 1) // SLOT_SIZE - start // SLOT_SIZE + 1


def sealed(*records: bytes) -> bytes:
    """A stream with the END that its records ask for; one at the end gives the status."""
    data = b"".join(records)
    kinds = [data[at] for at in range(0, len(data), RECORD_SIZE)]
    last = end()
    if kinds[-1:] == [Kind.END]:
        data, last = data[:-RECORD_SIZE], data[-RECORD_SIZE:]
    trailer = wire.decode(last).of(Kind.END)
    for name, kind in (("tasks", Kind.TASK), ("vmas", Kind.VMA), ("runs", Kind.RUN)):
        trailer[name] = kinds.count(kind)
    return data + trailer.tobytes()


def in_turn(*scripts: Script) -> list[bytes]:
    """A chunk of each, together one stream with its END."""
    parts = [script.data for script in scripts]
    whole = sealed(*parts)
    return [*parts[:-1], whole[len(b"".join(parts[:-1])) :]]


def summed(records: list[bytes]) -> list[bytes]:
    """The same records, each VMA with the sums of the runs behind it."""
    out: list[bytes] = []
    for record in records:
        if record[0] == Kind.RUN:
            at = max(i for i, before in enumerate(out) if before[0] == Kind.VMA)
            owner = wire.decode(out[at]).of(Kind.VMA)
            for name, value in sums(record).items():
                owner[name] += value
            out[at] = owner.tobytes()
        elif record[0] == Kind.VMA:
            blank = wire.decode(record).of(Kind.VMA)
            for name in SUMS:
                blank[name] = 0
            record = blank.tobytes()
        out.append(record)
    return out


SUMS = ("slots_2m", "slots_1g", "pages_4k", "pages_swap")


def sums(run: bytes) -> dict[str, int]:
    """What a RUN adds to its VMA."""
    record = wire.decode(run).of(Kind.RUN)[0]
    count = slots(int(record["start"]), int(record["end"]))
    table = record["backing"] in (Backing.PTE_4K, Backing.SWAP, Backing.ZERO)
    return {
        "slots_2m": count * int(record["backing"] == Backing.PMD_2M),
        "slots_1g": count * int(record["backing"] == Backing.PUD_1G),
        "pages_4k": count * int(record["present"]) * table,
        "pages_swap": count * int(record["swapped"]) * table,
    }


class Script:
    """A stream as a list of records; sums of VMAs and counts of END come by themselves.

    ``Script().vma(a, b, run(a, b)).end().data`` is a whole stream of one VMA. A TASK of
    ``tgid`` comes first unless ``tgid`` is 0.
    """

    def __init__(
        self, tgid: int = 100, *, mm: int = 1, comm: bytes = b"target", start_time: int = 0
    ) -> None:
        self.records: list[bytes] = []
        self._tgid = tgid
        if tgid:
            self.task(mm=mm, comm=comm, start_time=start_time)

    def task(self, *, mm: int = 1, comm: bytes = b"target", start_time: int = 0) -> Script:
        self.records.append(task(self._tgid, mm=mm, comm=comm, start_time=start_time))
        return self

    def vma(
        self,
        start: int,
        end: int,
        *runs: bytes,
        vm_flags: int = RW,
        flags: int = 0,
        pgoff: int = 0,
        dev: int = 0,
        ino: int = 0,
    ) -> Script:
        """One VMA record with the sums of the runs given, then those runs."""
        total = dict.fromkeys(SUMS, 0)
        for data in runs:
            for name, value in sums(data).items():
                total[name] += value
        self.records.append(
            vma(
                start,
                end,
                vm_flags=vm_flags,
                flags=flags,
                pgoff=pgoff,
                dev=dev,
                ino=ino,
                **total,
            )
        )
        self.records.extend(runs)
        return self

    def raw(self, *records: bytes) -> Script:
        self.records.extend(records)
        return self

    def end(self, status: Status = Status.COMPLETE, *, read_errors: int = 0) -> Script:
        kinds = [record[0] for record in self.records]
        self.records.append(
            end(
                status,
                tasks=kinds.count(Kind.TASK),
                vmas=kinds.count(Kind.VMA),
                runs=kinds.count(Kind.RUN),
                read_errors=read_errors,
            )
        )
        return self

    @property
    def data(self) -> bytes:
        return b"".join(self.records)

    def chunks(self, records: int = 511) -> list[bytes]:
        """The stream in chunks of so many records, as a read() of a whole buffer gives."""
        step = records * RECORD_SIZE
        return [self.data[at : at + step] for at in range(0, len(self.data), step)]
