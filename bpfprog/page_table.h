/* SPDX-License-Identifier: GPL-2.0-only */
/* Entries of x86-64 page tables: what their bits say, and where they lead. */
#ifndef HPVIEW_PAGE_TABLE_H
#define HPVIEW_PAGE_TABLE_H

/* arch/x86/include/asm/pgtable_types.h */
#define _PAGE_PRESENT		0x001ULL
#define _PAGE_ACCESSED		0x020ULL
#define _PAGE_DIRTY		0x040ULL
#define _PAGE_PSE		0x080ULL
#define _PAGE_PROTNONE		0x100ULL
#define _PAGE_SPECIAL		0x200ULL
#define _PAGE_KNL_ERRATUM_MASK	(_PAGE_DIRTY | _PAGE_ACCESSED)
#define PTE_PFN_MASK		0x000ffffffffff000ULL

/* arch/x86/include/asm/pgtable_64_types.h */
#define PMD_SHIFT		21
#define PUD_SHIFT		30
#define P4D_SHIFT		39
#define PGDIR_SHIFT_5LEVEL	48
#define PTRS_PER_TABLE		512
#define PMD_SIZE		(1ULL << PMD_SHIFT)
#define PUD_SIZE		(1ULL << PUD_SHIFT)

/* arch/x86/include/asm/page_types.h */
#define PAGE_SHIFT		12
#define PAGE_SIZE		(1ULL << PAGE_SHIFT)

/* arch/x86/include/asm/pgtable_64.h, __swp_type() and __swp_offset() */
#define SWP_TYPE_SHIFT		59
#define SWP_OFFSET_FIRST_BIT	9
/* include/linux/swap.h: the last of 32 types; include/linux/swapops.h */
#define SWP_PTE_MARKER		31
#define PTE_MARKER_GUARD	4ULL

/*
 * The direct map of 5-level paging begins at 0xff11000000000000 and cannot
 * reach this address, where that of 4-level paging begins.
 */
#define LOWEST_4LEVEL_MAP	0xffff800000000000ULL

static __always_inline __u64 levels_shift(__u64 pgd)
{
	return pgd < LOWEST_4LEVEL_MAP ? PGDIR_SHIFT_5LEVEL : P4D_SHIFT;
}

static __always_inline __u64 min_u64(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

/* pmd_none() and its kin: an erratum may set A and D in a cleared entry. */
static __always_inline bool entry_none(__u64 entry)
{
	return !(entry & ~_PAGE_KNL_ERRATUM_MASK);
}

static __always_inline __u64 entry_address(__u64 table, __u64 addr, __u32 shift)
{
	return table + (addr >> shift & (PTRS_PER_TABLE - 1)) * 8;
}

/* PFN bits of a leaf; inverted while P is clear (L1TF), __pte_needs_invert() */
static __always_inline __u64 leaf_pfn_bits(__u64 entry)
{
	if (!(entry & _PAGE_PRESENT))
		entry = ~entry;
	return entry & PTE_PFN_MASK;
}

/*
 * The table that an entry points to, as a kernel address. Returns 0 for an
 * address that cannot be one: what lies above the direct map is not for reading.
 */
static __always_inline __u64 table_of(__u64 entry)
{
	__u64 phys = entry & hpv.params.phys_mask;

	if (phys >= hpv.params.ram_top)
		return 0;
	return hpv.params.direct_map + phys;
}

#endif /* HPVIEW_PAGE_TABLE_H */
