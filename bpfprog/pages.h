/* SPDX-License-Identifier: GPL-2.0-only */
/* The 512 pages of one slot, as the page table has them. */
#ifndef HPVIEW_PAGES_H
#define HPVIEW_PAGES_H

#include "records.h"

/* arch/x86/include/asm/pgtable_types.h; the second one while P is clear */
#define _PAGE_SOFT_DIRTY	(1ULL << 11)
#define _PAGE_SWP_SOFT_DIRTY	(1ULL << 1)
/*
 * With shadow stacks (6.6), D of a page that may not be written is kept here;
 * before, the bit marked device memory.
 */
#define _PAGE_SAVED_DIRTY	(1ULL << 58)
#define _PAGE_RW		(1ULL << 1)

/* A leaf, present or hidden by PROT_NONE: what the processor noted in it. */
static __always_inline __u16 leaf_bits(__u64 entry)
{
	__u16 bits = HPV_PAGE_PRESENT;

	if (entry & _PAGE_ACCESSED)
		bits |= HPV_PAGE_ACCESSED;
	if (entry & _PAGE_DIRTY || (entry & _PAGE_SAVED_DIRTY && !(entry & _PAGE_RW)))
		bits |= HPV_PAGE_DIRTY;
	if (entry & _PAGE_SOFT_DIRTY)
		bits |= HPV_PAGE_SOFT_DIRTY;
	return bits;
}

static __always_inline __u16 pte_bits(__u64 pte)
{
	__u16 bits;

	if (entry_none(pte))
		return 0;
	if (pte & (_PAGE_PRESENT | _PAGE_PROTNONE)) {
		bits = leaf_bits(pte);
		if (leaf_pfn_bits(pte) == hpv.params.zero_pte)
			bits |= HPV_PAGE_ZERO;
		return bits;
	}
	if (pte >> SWP_TYPE_SHIFT == SWP_PTE_MARKER)
		return ~pte >> SWP_OFFSET_FIRST_BIT & PTE_MARKER_GUARD ? HPV_PAGE_GUARD : 0;
	bits = HPV_PAGE_SWAPPED;
	if (pte & _PAGE_SWP_SOFT_DIRTY)
		bits |= HPV_PAGE_SOFT_DIRTY;
	return bits;
}

static long note_pte(__u32 i, void *unused)
{
	struct hpv_walk *w = &hpv.walk;

	hpv.pages[w->pte_at & (HPV_SLOT_PAGES - 1)] =
		pte_bits(w->ptes[i & (PTES_PER_GROUP - 1)]);
	w->pte_at++;
	return 0;
}

static long note_group(__u32 i, void *unused)
{
	struct hpv_walk *w = &hpv.walk;

	if (bpf_probe_read_kernel(w->ptes, sizeof(w->ptes),
				  (void *)(w->pte_table + i * sizeof(w->ptes)))) {
		w->err = -EFAULT;
		return 1;
	}
	bpf_loop(PTES_PER_GROUP, note_pte, NULL, 0);
	return 0;
}

static long note_leaf(__u32 i, void *unused)
{
	hpv.pages[i & (HPV_SLOT_PAGES - 1)] = hpv.walk.present;
	return 0;
}

/* A PMD or PUD leaf: all pages of it have the same bits. */
static __always_inline void put_leaf(__u64 entry, __u32 shift)
{
	__u64 zero_pmd = hpv.params.zero_pmd;
	__u16 bits = HPV_PAGE_HUGE;

	if (entry & _PAGE_PSE)
		bits |= leaf_bits(entry);
	else
		bits |= HPV_PAGE_SWAPPED;	/* a migration entry */
	if (zero_pmd && shift == PMD_SHIFT && entry & _PAGE_PSE &&
	    (leaf_pfn_bits(entry) & ~(PMD_SIZE - 1)) == zero_pmd)
		bits |= HPV_PAGE_ZERO;
	hpv.walk.present = bits;
	bpf_loop(HPV_SLOT_PAGES, note_leaf, NULL, 0);
}

/* Fills pages[], which user space has cleared; false if a table could not be read. */
static __always_inline bool put_pages(__u64 table, __u64 addr)
{
	struct hpv_walk *w = &hpv.walk;
	__u32 shift = levels_shift(table);
	__u64 entry;
	int i;

	for (i = 0; i < 4; i++) {
		if (!table || bpf_probe_read_kernel(&entry, sizeof(entry),
					(void *)entry_address(table, addr, shift)))
			return false;
		if (entry_none(entry))
			return true;
		if (shift <= PUD_SHIFT && (entry & _PAGE_PSE || !(entry & _PAGE_PRESENT))) {
			put_leaf(entry, shift);
			return true;
		}
		table = table_of(entry);
		if (shift == PMD_SHIFT)
			break;
		shift -= 9;
	}
	if (!table)
		return false;
	w->pte_table = table;
	w->pte_at = 0;
	w->err = 0;
	bpf_loop(HPV_SLOT_PAGES / PTES_PER_GROUP, note_group, NULL, 0);
	return !w->err;
}

/* Looks for the VMA at params.slot; read(2) ends once it was met. */
static __always_inline int show_pages(struct vm_area_struct *vma)
{
	__u64 addr = hpv.params.slot;

	if (vma->vm_end <= addr || vma->vm_start > addr || vma->vm_flags & VM_PFNMAP)
		return SHOWN;
	hpv.walk.mm = 0;	/* ptes[] is ours now */
	hpv.walk.pgd = (__u64)vma->vm_mm->pgd;
	barrier();
	hpv.pages_found = put_pages(hpv.walk.pgd, addr) ? HPV_PAGES_READ : HPV_PAGES_FAILED;
	return COME_BACK;
}

#endif /* HPVIEW_PAGES_H */
