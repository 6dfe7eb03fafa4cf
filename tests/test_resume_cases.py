"""Every case of resuming, by the name kernel/bpf/task_iter.c gives it, on both streams.

What must be shown is worked out by hand from task_vma_seq_get_next() and
task_vma_seq_stop(), not taken from either stream. Pages are letters, see ``paper``.

A read of 64 bytes shows one VMA and leaves the next one *pending*: stop() keeps its end,
and ~0 for its start, so that find_vma(end - 1) is never taken for what was shown. That it
*is* shown already (cases 2 and 4.1) is only so when a writer waits in mid-read.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING

import pytest

from hpview import wire
from hpview.demo import Demo
from hpview.errors import NoSuchProcess
from hpview.kernelfs.maps import read_maps
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend
from hpview.stream.procfs_mm import ProcMm
from hpview.wire import PAGE_SIZE, RECORD_SIZE, Kind, Status
from tests.children import child
from tests.compare import drain
from tests.kernel_targets import AREA, PRELUDE
from tests.paper import Paper, paper
from tests.test_emulated import EVERY
from tests.test_kernel_processes import ZOMBIE_LEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hpview.stream.base import Backend
    from hpview.stream.features import Features


@pytest.fixture(scope="module", params=[pytest.param("bpf", marks=pytest.mark.bpf), "procfs"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    chosen: Backend = KernelBackend() if request.param == "bpf" else ProcfsBackend()
    yield chosen
    chosen.close()


@pytest.fixture(scope="module")
def pages() -> Iterator[Paper]:
    """One process for all cases that leave it alive."""
    with paper("." * 12) as target:
        yield target


def interrupted(
    backend: Backend, pages: Paper, before: str, after: str, *steps: str, shown: str = "A0-2"
) -> list[str]:
    """What the reads behind the change show; ``shown`` was last, the VMA behind it is pending."""
    pages.renew("." * 12)
    pages.renew(before.ljust(12, "."))
    with backend.open(pages.pid) as stream:
        assert pages.first(stream, shown)[-1] == shown
        for step in (after, *steps):
            pages.become(step.ljust(12, "."))
        return pages.rest(stream)


def test_a_vma_pending_at_stop_is_shown_by_the_next_read_once(
    backend: Backend, pages: Paper
) -> None:
    assert interrupted(backend, pages, "AABBCC", "AABBCC") == ["B2-4", "C4-6", "END"]


def test_case_1_the_pending_vma_is_freed_but_the_next_one_exists(
    backend: Backend, pages: Paper
) -> None:
    assert interrupted(backend, pages, "AABBCC", "AA..CC") == ["C4-6", "END"]


def test_case_1_what_was_shown_is_freed_as_well(backend: Backend, pages: Paper) -> None:
    assert interrupted(backend, pages, "AABBCC", "....CC") == ["C4-6", "END"]


def test_case_2_the_shown_vma_still_exists_and_is_not_shown_again(
    backend: Backend, pages: Paper
) -> None:
    after = interrupted(backend, pages, "AABBCCDD", "AABBCCDD", shown="B2-4")
    assert after == ["C4-6", "D6-8", "END"]


def test_case_3_no_more_vma_in_this_mm(backend: Backend, pages: Paper) -> None:
    assert interrupted(backend, pages, "AABB", "AA..") == ["END"]
    assert interrupted(backend, pages, "AABBCC", "AA....") == ["END"]
    assert interrupted(backend, pages, "AABBCC", "......") == ["END"]


def test_case_4_1_another_vma_covers_the_range_of_the_pending_one_and_is_shown(
    backend: Backend, pages: Paper
) -> None:
    assert interrupted(backend, pages, "AABBCC", "AAXXCC") == ["X2-4", "C4-6", "END"]
    mapped_anew = interrupted(backend, pages, "AABBCC", "AA..CC", "AABBCC")
    assert mapped_anew == ["B2-4", "C4-6", "END"]


def test_case_4_2_another_vma_covers_more(backend: Backend, pages: Paper) -> None:
    assert interrupted(backend, pages, "AABB..", "AABBBB") == ["B2-6", "END"]
    assert interrupted(backend, pages, "AA..BBCC", "AABBBBCC") == ["B2-6", "C6-8", "END"]


def test_case_4_2_another_vma_covers_less(backend: Backend, pages: Paper) -> None:
    assert interrupted(backend, pages, "AABBBBC", "AA..BBC") == ["B4-6", "C6-7", "END"]


def test_split_the_head_of_the_pending_vma_is_lost(backend: Backend, pages: Paper) -> None:
    assert interrupted(backend, pages, "AABBBBCC", "AAXXBBCC") == ["B4-6", "C6-8", "END"]
    assert interrupted(backend, pages, "AABBBBCC", "AABBXXCC") == ["X4-6", "C6-8", "END"]
    assert interrupted(backend, pages, "AABBBBCC", "AABXXBCC") == ["B5-6", "C6-8", "END"]


def test_merge_with_what_was_shown_shows_it_again(backend: Backend, pages: Paper) -> None:
    assert interrupted(backend, pages, "AABBCC", "AAAACC") == ["A0-4", "C4-6", "END"]
    assert interrupted(backend, pages, "AABBAA", "AAAAAA") == ["A0-6", "END"]


def test_merge_with_what_follows_shows_it_once(backend: Backend, pages: Paper) -> None:
    assert interrupted(backend, pages, "AABBCC", "AABBBB") == ["B2-6", "END"]


def test_what_is_mapped_below_the_last_page_of_the_freed_pending_vma_is_lost(
    backend: Backend, pages: Paper
) -> None:
    assert interrupted(backend, pages, "AABBBBCC", "AA....CC", "AAXXX.CC") == ["C6-8", "END"]
    assert interrupted(backend, pages, "AA..BBCC", "AAXXBBCC") == ["B4-6", "C6-8", "END"]


def test_what_is_mapped_at_its_last_page_or_above_is_shown(backend: Backend, pages: Paper) -> None:
    at = interrupted(backend, pages, "AABBBBCC", "AA....CC", "AA...XCC")
    assert at == ["X5-6", "C6-8", "END"]
    above = interrupted(backend, pages, "AABB..CC", "AA....CC", "AA..XXCC")
    assert above == ["X4-6", "C6-8", "END"]


def test_exec_goes_on_at_the_same_address_in_the_new_image(backend: Backend) -> None:
    """Between the program and the libraries of most images: so both are there to tell."""
    with paper("AABBCC", base=0x6000_0000_0000) as pages, backend.open(pages.pid) as stream:
        pages.first(stream, "A0-2")
        pages.target.do("exec")
        chunk = wire.decode(drain(stream))
        maps = read_maps(pages.pid)
    last_page = pages.base + 4 * PAGE_SIZE - 1
    assert ranges(chunk) == [(m.start, m.end) for m in maps if m.end > last_page]
    assert chunk.of(Kind.TASK)["tgid"].tolist() == [pages.pid]
    assert chunk.kinds[0] == Kind.TASK
    assert status(chunk) is Status.COMPLETE


@pytest.mark.parametrize("reaped", [False, True])
def test_exit_ends_the_stream_and_the_trailer_says_so(backend: Backend, reaped: bool) -> None:
    with paper("AABBCC") as pages, backend.open(pages.pid) as stream:
        pages.first(stream, "A0-2")
        pages.target.do("exit")
        if reaped:
            pages.target.process.wait()
        assert pages.rest(stream) == ["END:VANISHED"]
        assert stream.read() == b""


def test_pid_gone_at_open(backend: Backend) -> None:
    with child("") as target:
        pass
    with pytest.raises(NoSuchProcess):
        backend.open(target.pid)


def test_pid_gone_between_open_and_the_first_read(backend: Backend) -> None:
    with ExitStack() as stack:
        with child("") as target:
            stream = stack.enter_context(backend.open(target.pid))
        chunk = wire.decode(drain(stream))
    assert chunk.kinds.tolist() == [Kind.END]
    assert status(chunk) is Status.VANISHED


@pytest.mark.parametrize("size", [RECORD_SIZE, 32768])
def test_zombie_leader_is_shown_once_by_its_first_live_thread(backend: Backend, size: int) -> None:
    """The iterator visits each thread, since a dead leader shares its files with none."""
    with child(PRELUDE + ZOMBIE_LEADER) as target:
        threads = sorted(int(name) for name in os.listdir(f"/proc/{target.pid}/task"))
        with backend.open(target.pid) as stream:
            chunk = wire.decode(drain(stream, size))
        assert chunk.of(Kind.TASK)["tgid"].tolist() == [target.pid]
        (tid,) = chunk.of(Kind.TASK)["tid"].tolist()
        assert tid in threads[1:]
        assert ranges(chunk) == whole(tid)
    assert status(chunk) is Status.COMPLETE


UNSHARED = """
def live():
    check(libc.unshare(0x400))
    print('ready', flush=True)
    threading.Event().wait()
threading.Thread(target=live, daemon=True).start()
threading.Event().wait()
"""


@pytest.mark.parametrize("size", [RECORD_SIZE, 32768])
def test_a_thread_after_unshare_of_files_is_no_second_copy(backend: Backend, size: int) -> None:
    """The iterator visits it as well; also where a read ends within that visit."""
    with child(PRELUDE + UNSHARED) as target:
        with backend.open(target.pid) as stream:
            chunk = wire.decode(drain(stream, size))
        assert chunk.of(Kind.TASK)["tid"].tolist() == [target.pid]
        assert ranges(chunk) == whole(target.pid)


# Contention in mid-read: forced in the emulation.


def contended(
    monkeypatch: pytest.MonkeyPatch, pages: Paper, before: str, after: str, *steps: str
) -> list[str]:
    """All that one read shows when a writer comes in behind the second VMA, B."""
    pages.renew("." * 12)
    pages.renew(before.ljust(12, "."))
    calls = count(1)
    behind_b = pages.shown_before() + 2

    def give_way(_mm: ProcMm) -> bool:
        if next(calls) != behind_b:
            return False
        for step in (after, *steps):
            pages.become(step.ljust(12, "."))
        return True

    with monkeypatch.context() as patch, ProcfsBackend().open(pages.pid) as stream:
        patch.setattr(ProcMm, "contended", give_way)
        return pages.rest(stream, 32768)


def test_contention_case_1(monkeypatch: pytest.MonkeyPatch, pages: Paper) -> None:
    assert contended(monkeypatch, pages, "AABBCC", "AA..CC") == ["A0-2", "B2-4", "C4-6", "END"]


def test_contention_case_2(monkeypatch: pytest.MonkeyPatch, pages: Paper) -> None:
    assert contended(monkeypatch, pages, "AABBCC", "AABBCC") == ["A0-2", "B2-4", "C4-6", "END"]
    more = contended(monkeypatch, pages, "AABB..CC", "AABBXXCC")
    assert more == ["A0-2", "B2-4", "X4-6", "C6-8", "END"]


def test_contention_case_3(monkeypatch: pytest.MonkeyPatch, pages: Paper) -> None:
    assert contended(monkeypatch, pages, "AABBCC", "AA....") == ["A0-2", "B2-4", "END"]


def test_contention_case_4_1(monkeypatch: pytest.MonkeyPatch, pages: Paper) -> None:
    assert contended(monkeypatch, pages, "AABBCC", "AA..CC", "AAXXCC") == [
        "A0-2",
        "B2-4",
        "C4-6",
        "END",
    ]
    assert contended(monkeypatch, pages, "AABB", "AA..", "AAXX") == ["A0-2", "B2-4", "END"]


def test_contention_case_4_2(monkeypatch: pytest.MonkeyPatch, pages: Paper) -> None:
    more = contended(monkeypatch, pages, "AABBCC", "AABBBB")
    assert more == ["A0-2", "B2-4", "B2-6", "END"]
    less = contended(monkeypatch, pages, "AABBBC", "AAXXBC")
    assert less == ["A0-2", "B2-5", "B4-5", "C5-6", "END"]
    merged = contended(monkeypatch, pages, "AABBCC", "AAAACC")
    assert merged == ["A0-2", "B2-4", "A0-4", "C4-6", "END"]


@pytest.mark.parametrize("features", EVERY, ids=str)
def test_contention_alone_changes_no_byte(
    monkeypatch: pytest.MonkeyPatch, features: Features
) -> None:
    """Case 2 behind each VMA."""
    with Demo.spawn() if features == EVERY[0] else child("") as target:
        for size in (1000, 32768):
            quiet = drained(features, target.pid, size)
            for answer in (lambda _mm: True, every_other()):
                with monkeypatch.context() as patch:
                    patch.setattr(ProcMm, "contended", answer)
                    assert drained(features, target.pid, size) == quiet


def drained(features: Features, pid: int, size: int) -> bytes:
    with ProcfsBackend(features).open(pid) as stream:
        return drain(stream, size)


def every_other() -> Callable[[ProcMm], bool]:
    calls = count()
    return lambda _mm: next(calls) % 2 == 1


VMAS, BUSY = 1600, 800

WRITER = f"""
area({VMAS} * K)
for i in range(0, {VMAS}, 2):
    check(libc.mprotect(A + i * K, K, 1))
def work():
    busy = A + {BUSY} * K
    while True:
        assert libc.mmap(busy, K, 5, 0x32, -1, 0) == busy
        check(libc.munmap(busy, K))
threading.Thread(target=work, daemon=True).start()
"""


def test_a_writer_without_pause_neither_hides_nor_doubles_what_is_quiet(backend: Backend) -> None:
    """A thread maps and unmaps one page all the time, amid as many that nobody touches.

    Whether it waits for mmap_lock in mid-read cannot be forced on the kernel. Either way each
    of the others comes once: by cases 1 and 2 if it does, by stop() between reads.
    """
    pages = [(AREA + i * PAGE_SIZE, AREA + (i + 1) * PAGE_SIZE) for i in range(VMAS)]
    busy = pages.pop(BUSY)
    with child(PRELUDE + WRITER) as target:
        for size in (32768, 32768, 32768, 4096, RECORD_SIZE):
            with backend.open(target.pid) as stream:
                chunk = wire.decode(drain(stream, size))
            seen = [r for r in ranges(chunk) if pages[0] <= r <= pages[-1]]
            assert [r for r in seen if r != busy] == pages
            assert seen.count(busy) <= 1
            assert status(chunk) is Status.COMPLETE


def ranges(chunk: wire.Chunk) -> list[tuple[int, int]]:
    vmas = chunk.of(Kind.VMA)
    return list(zip(vmas["start"].tolist(), vmas["end"].tolist(), strict=True))


def whole(tid: int) -> list[tuple[int, int]]:
    """By the text of maps, of a thread: a dead leader has none."""
    return [(m.start, m.end) for m in read_maps(tid)]


def status(chunk: wire.Chunk) -> Status:
    (end,) = chunk.of(Kind.END)
    return Status(int(end["status"]))
