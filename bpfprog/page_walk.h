/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bounded, resumable walk of x86-64 page tables.
 *
 * The caller runs under mmap_read_lock: VMAs and upper tables stay. Faults,
 * zaps, splits and collapses go on meanwhile, and a PTE table may be freed (by
 * RCU, and the program runs inside rcu_read_lock). All reads go through
 * bpf_probe_read_kernel(), which never faults: the worst is a stale entry.
 *
 * Nothing is kept on the stack between callbacks: the state is hpv.walk, which
 * spares the verifier from telling paths apart.
 */
#ifndef HPVIEW_PAGE_WALK_H
#define HPVIEW_PAGE_WALK_H

#include "slots.h"

#define PMDS_PER_GROUP		8
#define MAX_STEPS		(1 << 20)
#define NO_REGION		(~0ULL)

/* include/linux/mm.h */
#define VM_PFNMAP		0x00000400
#define VM_HUGETLB		0x00400000

/*
 * Goes down to the PMD table of the 1 GiB around `next`. Returns true when
 * there is one; else all that the upper entry maps has been dealt with.
 */
static __always_inline bool enter_region(struct hpv_walk *w)
{
	__u64 addr = w->next, table = w->pgd, entry;
	__u32 shift = levels_shift(table);
	__u64 end;
	long err;
	int i;

	/* pgd, perhaps p4d, pud */
	for (i = 0; i < 3; i++) {
		end = min_u64(((addr >> shift) + 1) << shift, w->end);
		w->work++;
		err = table ? bpf_probe_read_kernel(&entry, sizeof(entry),
					(void *)entry_address(table, addr, shift))
			    : -ERANGE;
		if (err) {
			add_unknown(w, addr, end, err);
			return false;
		}
		if (shift == PUD_SHIFT)
			break;
		if (!(entry & _PAGE_PRESENT)) {
			w->next = end;
			return false;
		}
		table = table_of(entry);
		shift -= 9;
	}

	if (entry_none(entry)) {
		w->next = end;
		return false;
	}
	/* As for PMDs below; a migration entry here is a hugetlb page of 1 GiB. */
	if (entry & _PAGE_PSE || !(entry & _PAGE_PRESENT)) {
		clear_counts(w);
		w->present = PTRS_PER_TABLE;
		w->sums.slots_1g += (end - addr + PMD_SIZE - 1) >> PMD_SHIFT;
		add_slots(addr, end, HPV_BACKING_1G,
			  entry & _PAGE_PSE ? 0 : HPV_RUN_MIGRATING, 0);
		w->next = end;
		return false;
	}
	table = table_of(entry);
	if (!table) {
		add_unknown(w, addr, end, -ERANGE);
		return false;
	}
	w->pmd_table = table;
	w->region = addr >> PUD_SHIFT;
	w->pmd_group = NO_REGION;
	return true;
}

/* A PMD leaf. PSE is what makes it one: P is clear for PROT_NONE, NUMA hints
 * and while a split is under way.
 */
static __always_inline void walk_leaf(struct hpv_walk *w, __u64 pmd, __u64 start,
				      __u64 end)
{
	__u64 zero_pmd = hpv.params.zero_pmd;

	clear_counts(w);
	w->next = end;
	/* bit 12 is PAT here, and no part of the PFN */
	if (zero_pmd && pmd & _PAGE_PSE &&
	    (leaf_pfn_bits(pmd) & ~(PMD_SIZE - 1)) == zero_pmd) {
		w->zero = PTRS_PER_TABLE;
		add_slots(start, end, HPV_BACKING_ZERO, HPV_RUN_PMD_ZERO, 0);
		return;
	}
	w->present = PTRS_PER_TABLE;
	w->sums.slots_2m++;
	add_slots(start, end, HPV_BACKING_2M,
		  pmd & _PAGE_PSE ? 0 : HPV_RUN_MIGRATING, 0);
}

__noinline int walk_pmd(__u64 pmd, __u64 start, __u64 end)
{
	struct hpv_walk *w = &hpv.walk;

	if (entry_none(pmd))
		w->next = end;
	else if (pmd & _PAGE_PSE || !(pmd & _PAGE_PRESENT))
		walk_leaf(w, pmd, start, end);
	else
		walk_ptes(w, pmd, start, end);
	return 0;
}

static long walk_step(__u32 i, void *unused)
{
	struct hpv_walk *w = &hpv.walk;
	__u64 start = w->next, end, group, pmd;
	long err;

	if (start >= w->end || w->work >= w->budget || w->runs >= HPV_PIECE_RUNS)
		return 1;
	if (start >> PUD_SHIFT != w->region && !enter_region(w))
		return 0;

	w->work++;
	end = min_u64(((start >> PMD_SHIFT) + 1) << PMD_SHIFT, w->end);
	if (w->one_slot) {
		err = bpf_probe_read_kernel(&pmd, sizeof(pmd),
			(void *)entry_address(w->pmd_table, start, PMD_SHIFT));
		if (err)
			add_unknown(w, start, end, err);
		else
			walk_pmd(pmd, start, end);
		return 0;
	}
	group = start >> PMD_SHIFT & ~(PMDS_PER_GROUP - 1ULL);
	if (group != w->pmd_group) {
		err = bpf_probe_read_kernel(w->pmds, sizeof(w->pmds),
			(void *)entry_address(w->pmd_table, group << PMD_SHIFT, PMD_SHIFT));
		if (err) {
			end = ((start >> PUD_SHIFT) + 1) << PUD_SHIFT;
			add_unknown(w, start, min_u64(end, w->end), err);
			return 0;
		}
		w->pmd_group = group;
		if (entry_none(w->pmds[0] | w->pmds[1] | w->pmds[2] | w->pmds[3] |
			       w->pmds[4] | w->pmds[5] | w->pmds[6] | w->pmds[7])) {
			end = (group + PMDS_PER_GROUP) << PMD_SHIFT;
			w->next = min_u64(end, w->end);
			return 0;
		}
	}

	pmd = w->pmds[start >> PMD_SHIFT & (PMDS_PER_GROUP - 1)];
	end = min_u64(((start >> PMD_SHIFT) + 1) << PMD_SHIFT, w->end);
	walk_pmd(pmd, start, end);
	return 0;
}

/*
 * Whether nobody has had mmap_lock for writing since the last call. Then the
 * table of PMDs found by that call still hangs where it did: munmap() may free
 * one with the lock downgraded, but never one that maps another VMA, too. And
 * the PTEs that were read with a neighbour's are of the same hold of the lock.
 * PTE tables can go at any time (khugepaged, MADV_DONTNEED), though not while
 * one call lasts: where they are is found out by each.
 */
static __always_inline bool tables_stay(struct hpv_walk *w, struct mm_struct *mm)
{
	struct mm_struct___6_13 *mm_6_13 = (void *)mm;
	struct mm_struct___6_4 *mm_6_4 = (void *)mm;
	__u64 read = hpv.params.reads;
	__u32 seq;
	bool stay;

	if (bpf_core_field_exists(mm_6_13->mm_lock_seq.sequence))
		seq = mm_6_13->mm_lock_seq.sequence;
	else if (bpf_core_field_exists(mm_6_4->mm_lock_seq))
		seq = mm_6_4->mm_lock_seq;
	else
		return false;
	/* the mm itself stays for the time of one read(2), not beyond */
	stay = w->lock_seq == seq && w->read == read && w->mm == (__u64)mm;
	w->lock_seq = seq;
	w->read = read;
	return stay;
}

static __always_inline void begin_walk(struct hpv_walk *w, __u64 start, __u64 end)
{
	w->next = start;
	w->end = end;
	w->pmd_group = NO_REGION;
	w->sums.slots_2m = 0;
	w->sums.slots_1g = 0;
	w->sums.pages_4k = 0;
	w->sums.pages_swap = 0;
	w->read_errors = 0;
	w->work = 0;
	w->runs = 0;
	w->budget = hpv.params.budget;
	w->want_runs = hpv.params.mode == HPV_MODE_ONE;
	w->one_slot = 0;
	w->single = 0;
}

/* Walks a VMA from `start` on until it ends, the budget is used up or out[] is
 * full; hpv.walk.next tells how far it came.
 */
static __always_inline void walk_vma(struct vm_area_struct *vma, __u64 start, __u64 end)
{
	struct mm_struct *mm = vma->vm_mm;
	struct hpv_walk *w = &hpv.walk;
	__u64 vm_flags = vma->vm_flags;

	/* page tables without pages of their own, and huge ones since 6.12 */
	if (vm_flags & VM_PFNMAP) {
		begin_walk(w, end, end);
		return;
	}
	begin_walk(w, start, end);
	w->one_slot = vma->vm_start >> PMD_SHIFT == (end - 1) >> PMD_SHIFT;
	/* Tables of hugetlb pages may be shared, and taken away without mmap_lock. */
	if (!tables_stay(w, mm) || vm_flags & VM_HUGETLB) {
		w->region = NO_REGION;
		w->pte_group = NO_GROUP;
		w->pgd = (__u64)mm->pgd;
	}
	w->mm = vm_flags & VM_HUGETLB ? 0 : (__u64)mm;
	/* No arithmetic is allowed with pointers: let it be read as a number. */
	barrier();
	/* most VMAs are small: one step, and no loop around it */
	if (walk_known_ptes(w, start, end))
		return;
	if (!walk_step(0, NULL) && w->next < end)
		bpf_loop(MAX_STEPS, walk_step, NULL, 0);
}

#endif /* HPVIEW_PAGE_WALK_H */
