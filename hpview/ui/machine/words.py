"""What the kernel's settings and counters of huge pages are, in a sentence each.

After Documentation/admin-guide/mm/transhuge.rst and mm/vmstat.c of Linux 6.18.
"""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = "hpview has no words for it: look into the kernel's documentation."

KNOBS: Final = {
    "enabled": "Who gets huge pages of anonymous memory: all, who asks by madvise(), nobody.",
    "defrag": "Whether a page fault makes room for a huge page itself, or leaves it for later.",
    "shmem_enabled": "Huge pages for memfd, SysV and shared anonymous memory; tmpfs has huge=.",
    "use_zero_page": "Whether reading untouched memory maps one huge page of zeros.",
    "shrink_underused": "Whether a huge page of mostly zeros is split when memory is short.",
    "khugepaged/defrag": "Whether khugepaged may make room for a huge page by itself.",
    "khugepaged/alloc_sleep_millisecs": "Its pause after it could not get a huge page.",
    "khugepaged/max_ptes_none": "So many of the 512 pages may be missing in what it collapses.",
    "khugepaged/max_ptes_swap": "So many of them it brings back from swap to collapse the rest.",
    "khugepaged/max_ptes_shared": "So many of them may be shared with other processes.",
    "khugepaged/pages_to_scan": "Pages of 4 kB that it looks at before it pauses.",
    "khugepaged/scan_sleep_millisecs": "Its pause after that.",
}
"""By file, relative to transparent_hugepage."""

COUNTERS: Final = {
    "thp_fault_alloc": "A page fault of anonymous memory got a huge page.",
    "thp_fault_fallback": "A page fault could not get a huge page and took small ones.",
    "thp_fault_fallback_charge": "There was a huge page, but the cgroup's limit forbade it.",
    "thp_file_alloc": "A huge page was allocated for shared memory or tmpfs.",
    "thp_file_fallback": "One was tried for shared memory or tmpfs, without success.",
    "thp_file_fallback_charge": "There was a huge page, but the cgroup's limit forbade it.",
    "thp_file_mapped": "A huge page of a file or of shared memory was mapped by one entry.",
    "thp_collapse_alloc": "There was something to collapse, and a huge page for it.",
    "thp_collapse_alloc_failed": "There was something to collapse, but no huge page for it.",
    "khugepaged/pages_collapsed": "khugepaged made a huge page out of small ones.",
    "khugepaged/full_scans": "khugepaged has looked at all memory that it may collapse.",
    "thp_scan_exceed_none_pte": "khugepaged left a range: more is missing than max_ptes_none.",
    "thp_scan_exceed_swap_pte": "khugepaged left a range: more is swapped than max_ptes_swap.",
    "thp_scan_exceed_share_pte": "khugepaged left a range: more is shared than max_ptes_shared.",
    "thp_split_page": "A huge page was split into pages of 4 kB.",
    "thp_split_page_failed": "A huge page could not be split: somebody held it.",
    "thp_split_pmd": "Its one entry became a table of 512; the huge page may stay whole.",
    "thp_split_pud": "The entry of a page of 1 GB became a table; the page may stay whole.",
    "thp_deferred_split_page": "Partly unmapped: to be split when memory is short.",
    "thp_underused_split_page": "It was split because it held mostly zeros (shrink_underused).",
    "thp_swpout": "A huge page was swapped out in one piece.",
    "thp_swpout_fallback": "A huge page had to be split to be swapped out.",
    "compact_stall": "A task waited while it moved pages to make a large free block.",
    "compact_success": "That made a large enough block.",
    "compact_fail": "That did not: the wait was for nothing.",
    "compact_daemon_wake": "kcompactd was woken to make large blocks beforehand.",
    "compact_migrate_scanned": "Pages looked at for moving away.",
    "compact_free_scanned": "Pages looked at as places to move to.",
    "compact_isolated": "Pages taken out of their lists to be moved.",
    "compact_daemon_migrate_scanned": "The same as compact_migrate_scanned, by kcompactd.",
    "compact_daemon_free_scanned": "The same as compact_free_scanned, by kcompactd.",
    "thp_zero_page_alloc": "The one huge page of zeros was allocated; not how often it is mapped.",
    "thp_zero_page_alloc_failed": "There was no block for it: reads mapped small zero pages.",
    "htlb_buddy_alloc_success": "A pool of hugetlb took a page from free memory.",
    "htlb_buddy_alloc_fail": "A pool of hugetlb wanted a page, but no block was free.",
    "thp_migration_success": "A huge page was moved in one piece.",
    "thp_migration_fail": "A huge page could not be moved, nor split for it.",
    "thp_migration_split": "A huge page was split to be moved.",
    "nr_anon_transparent_hugepages": "Anonymous memory mapped by entries of 2 MB.",
    "nr_shmem_hugepages": "Huge pages of shared memory and tmpfs, mapped or not.",
    "nr_shmem_pmdmapped": "Shared memory and tmpfs mapped by entries of 2 MB.",
    "nr_file_hugepages": "Huge pages of the page cache of other file systems.",
    "nr_file_pmdmapped": "Files of other file systems mapped by entries of 2 MB.",
}
"""By name in vmstat, or by file relative to transparent_hugepage."""

SIZES: Final = {
    "anon_fault_alloc": "A page fault of anonymous memory got a folio of this size.",
    "anon_fault_fallback": "A page fault could not get one and took smaller ones.",
    "anon_fault_fallback_charge": "There was one, but the cgroup's limit forbade it.",
    "nr_anon": "Folios of anonymous memory of this size there are now.",
    "nr_anon_partially_mapped": "Of these, maybe partly unmapped: they wait to be split.",
    "shmem_alloc": "A folio of this size was allocated for shared memory or tmpfs.",
    "shmem_fallback": "One was tried for shared memory or tmpfs, without success.",
    "shmem_fallback_charge": "There was one, but the cgroup's limit forbade it.",
    "split": "A folio of this size was split into smaller ones.",
    "split_failed": "A folio of this size could not be split: somebody held it.",
    "split_deferred": "Partly unmapped: to be split when memory is short.",
    "swpin": "A folio of this size came from swap in one piece.",
    "swpin_fallback": "It came from swap in smaller pieces.",
    "swpin_fallback_charge": "There was a folio to swap in to, but the cgroup's limit forbade it.",
    "swpout": "A folio of this size was swapped out in one piece.",
    "swpout_fallback": "It had to be split to be swapped out.",
    "zswpout": "A folio of this size was swapped out to zswap in one piece.",
}
"""By file in hugepages-*kB/stats."""
