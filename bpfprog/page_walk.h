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
		w->slots_1g += (end - addr + PMD_SIZE - 1) >> PMD_SHIFT;
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
	w->slots_2m++;
	add_slots(start, end, HPV_BACKING_2M,
		  pmd & _PAGE_PSE ? 0 : HPV_RUN_MIGRATING, 0);
}

static long walk_step(__u32 i, void *unused)
{
	struct hpv_walk *w = &hpv.walk;
	__u64 start = w->next, end, group, pmd;
	long err;

	if (start >= w->end || w->work >= w->budget || w->runs >= HPV_OUT_RUNS)
		return 1;
	if (start >> PUD_SHIFT != w->region && !enter_region(w))
		return 0;

	w->work++;
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
	if (entry_none(pmd))
		w->next = end;
	else if (pmd & _PAGE_PSE || !(pmd & _PAGE_PRESENT))
		walk_leaf(w, pmd, start, end);
	else
		walk_ptes(w, pmd, start, end);
	return 0;
}

/* Walks [start, end) until it ends, the budget is used up or out[] is full;
 * hpv.walk.next tells how far it came.
 */
static __always_inline void walk_range(__u64 pgd, __u64 start, __u64 end)
{
	struct hpv_walk *w = &hpv.walk;

	w->next = start;
	w->end = end;
	w->pgd = pgd;
	w->region = NO_REGION;
	w->slots_2m = 0;
	w->slots_1g = 0;
	w->pages_4k = 0;
	w->pages_swap = 0;
	w->read_errors = 0;
	w->work = 0;
	w->runs = 0;
	w->budget = hpv.params.budget;
	w->want_runs = hpv.params.mode == HPV_MODE_ONE;
	bpf_loop(MAX_STEPS, walk_step, NULL, 0);
}

#endif /* HPVIEW_PAGE_WALK_H */
