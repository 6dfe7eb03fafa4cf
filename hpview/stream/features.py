"""Which of the kernel's interfaces the streams over /proc use, and how they do without one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Final, Literal, Self

from hpview.errors import BackendUnavailable, HpviewError
from hpview.kernelfs import kpageflags, pagemap, procmap_query
from hpview.kernelfs.files import PROC, own_pid
from hpview.wire import Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Feature = Literal["query", "scan", "kpageflags"]

_ATTEMPTS: Final[dict[Feature, Callable[[Path], object]]] = {
    "query": procmap_query.attempt,
    "scan": pagemap.attempt,
    "kpageflags": kpageflags.attempt,
}

_TELLING: Final[tuple[Feature, ...]] = ("scan", "kpageflags")
"""Those without which numbers are less exact."""

_INSTEAD: Final = {
    Source.PAGEMAP_KPAGEFLAGS: "what is huge is concluded from folios, an estimate",
    Source.SMAPS: "what is huge is concluded from the totals of smaps, an estimate",
}


@dataclass(frozen=True, slots=True)
class Features:
    """Which of the kernel's interfaces to use.

    Attributes:
        query: PROCMAP_QUERY (6.11), else the text of maps.
        scan: PAGEMAP_SCAN (6.7), else raw pagemap entries.
        kpageflags: Without ``scan``: conclude from /proc/kpageflags, else from smaps.
    """

    query: bool
    scan: bool
    kpageflags: bool

    @classmethod
    def probe(cls, root: Path = PROC) -> Self:
        """Try each of them."""
        missing = probed(root)
        return cls(**{feature: feature not in missing for feature in _ATTEMPTS})

    @property
    def source(self) -> Source:
        """What the records will name as their source."""
        if self.scan:
            return Source.PAGEMAP_SCAN
        return Source.PAGEMAP_KPAGEFLAGS if self.kpageflags else Source.SMAPS


def probed(root: Path = PROC) -> dict[Feature, Exception]:
    """Try each on this very process: what does not work, and why.

    Where /proc does not show this process, nothing can be tried: what fails at use is given
    up then.
    """
    missing: dict[Feature, Exception] = {}
    try:
        own_pid(root)
    except BackendUnavailable:
        return missing
    for feature, attempt in _ATTEMPTS.items():
        try:
            attempt(root)
        except (HpviewError, OSError) as err:
            missing[feature] = err
    return missing


class InUse:
    """The features of a backend: what works on this process may still fail on another.

    What fails is given up for all streams and for good, and said once.

    Args:
        features: Where to begin; tried when not given.
        root: Where procfs is mounted.
        tell: Takes a sentence for whoever reads the numbers.

    Attributes:
        features: Those that have not failed yet.
    """

    def __init__(
        self,
        features: Features | None = None,
        root: Path = PROC,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._lock = Lock()
        self._tell = tell
        if features is None:
            missing = probed(root)
            features = Features(**{feature: feature not in missing for feature in _ATTEMPTS})
            # Without a query the numbers are the same, and beside a scan nobody asks kpageflags.
            if not features.scan:
                why = [str(missing[name]) for name in _TELLING if name in missing]
                tell(f"{_INSTEAD[features.source]}: {'; '.join(why)}")
        self.features = features

    @property
    def source(self) -> Source:
        """What records that are made now name as their source."""
        return self.features.source

    def give_up(self, feature: Feature, err: Exception) -> None:
        """Do without a feature from now on; may be called in any thread."""
        with self._lock:
            if not getattr(self.features, feature):
                return
            self.features = replace(self.features, **{feature: False})
            instead = procmap_query.INSTEAD if feature == "query" else _INSTEAD[self.source]
        self._tell(f"{instead}: {err}")
