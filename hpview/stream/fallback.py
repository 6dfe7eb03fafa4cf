"""What is used until it fails, and what instead of it from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.errors import BackendUnavailable
from hpview.stream.backing import EntryRegions, KpageflagsLevels, ScanRegions

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.stream.features import Feature, Features, InUse
    from hpview.stream.mappings import U64, Mappings
    from hpview.stream.procfs_mm import Regions
    from hpview.stream.task_vma import Vma
    from hpview.wire import Records


class BestRegions:
    """``Regions`` by the best way that has not failed yet.

    Args:
        in_use: Told of what fails.
        make: The regions by some features.
    """

    def __init__(self, in_use: InUse, make: Callable[[Features], Regions]) -> None:
        self._in_use = in_use
        self._make = make
        self._now = make(in_use.features)

    @property
    def widest_gap(self) -> int:
        """See ``Regions``."""
        return self._now.widest_gap

    def scan(self, start: int, end: int) -> tuple[Records, int]:
        """See ``Regions``."""
        while True:
            try:
                return self._now.scan(start, end)
            except BackendUnavailable as err:
                feature = _feature(self._now)
                if feature is None:
                    raise
                self._in_use.give_up(feature, err)
                self._now = self._make(self._in_use.features)


def _feature(regions: Regions) -> Feature | None:
    """What regions need that others do without."""
    if isinstance(regions, ScanRegions):
        return "scan"
    by_folio = isinstance(regions, EntryRegions) and isinstance(regions.levels, KpageflagsLevels)
    return "kpageflags" if by_folio else None


class BestMappings:
    """``Mappings`` by query, until one is refused.

    Args:
        query: The better way.
        instead: The other way, for the same address space, refreshed.
    """

    def __init__(self, query: Mappings, instead: Callable[[BackendUnavailable], Mappings]) -> None:
        self._now = query
        self._instead: Callable[[BackendUnavailable], Mappings] | None = instead

    def refresh(self) -> None:
        """See ``Mappings``."""
        self._now.refresh()

    def find_vma(self, address: int) -> Vma | None:
        """See ``Mappings``."""
        try:
            return self._now.find_vma(address)
        except BackendUnavailable as err:
            return self._after(err).find_vma(address)

    def behind(self, vma: Vma, count: int) -> U64:
        """See ``Mappings``."""
        try:
            return self._now.behind(vma, count)
        except BackendUnavailable as err:
            return self._after(err).behind(vma, count)

    def _after(self, err: BackendUnavailable) -> Mappings:
        instead, self._instead = self._instead, None
        if instead is None:
            raise err
        self._now = instead(err)
        return self._now
