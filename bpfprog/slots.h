/* SPDX-License-Identifier: GPL-2.0-only */
/* From slots to RUN records, and from a PTE table to the counts of its slot. */
#ifndef HPVIEW_SLOTS_H
#define HPVIEW_SLOTS_H

#include "page_table.h"

/*
 * The budget counts units of about the same cost: 32 PTEs of a full table, or
 * one step (eight empty slots, one other slot, or one upper entry). Entries
 * that must be told apart one by one cost SLOW_UNITS more for each 32.
 */
#define PTES_PER_GROUP_SHIFT	5
#define PTES_PER_GROUP		(1 << PTES_PER_GROUP_SHIFT)
#define NO_GROUP		(~0ULL)
#define SLOW_UNITS		4

/* So many PTEs are counted faster one by one than all at once. */
#define FEW_PTES		8

#define EFAULT			14
#define ERANGE			34

/* Keeps the compiler from turning arithmetic into branches: the verifier
 * follows both sides of each, and 32 in a row are too many paths.
 */
#define opaque(x)		asm volatile("" : "+r"(x))

/*
 * Joins [start, end) to the last run if that says the same of each slot, else
 * begins a new one. The counts are those in hpv.walk. All calls keep ascending
 * order, and the caller has seen to it that there is room.
 */
__noinline int add_slots(__u64 start, __u64 end, __u32 backing,
				__u32 flags, __u32 err)
{
	struct hpv_walk *w = &hpv.walk;
	struct hpv_run *run;
	__u64 last = (__u64)w->runs - 1;

	if (!w->want_runs)
		return 0;
	if (last < HPV_OUT_RUNS) {
		/* 6.1 wants the index from the register that was compared */
		opaque(last);
		run = &hpv.out[last + 2].run;
		if (run->end == start && run->backing == backing &&
		    run->flags == flags && run->err == err &&
		    run->present == w->present && run->swapped == w->swapped &&
		    run->zero == w->zero && run->guard == w->guard) {
			run->end = end;
			return 0;
		}
	}
	last++;
	if (last >= HPV_OUT_RUNS)
		return 0;
	opaque(last);
	run = &hpv.out[last + 2].run;
	__builtin_memset(run, 0, sizeof(*run));
	run->kind = HPV_KIND_RUN;
	run->version = HPV_WIRE_VERSION;
	run->flags = flags;
	run->backing = backing;
	run->start = start;
	run->end = end;
	run->present = w->present;
	run->swapped = w->swapped;
	run->zero = w->zero;
	run->guard = w->guard;
	run->err = err;
	w->runs = last + 1;
	return 0;
}

/* Which 32 pages: a group of PTEs that is read at once. */
static __always_inline __u64 pte_group(__u64 addr)
{
	return addr >> PAGE_SHIFT >> PTES_PER_GROUP_SHIFT;
}

static __always_inline void clear_counts(struct hpv_walk *w)
{
	w->present = 0;
	w->swapped = 0;
	w->zero = 0;
	w->guard = 0;
}

/* A table could not be read: all it maps up to `end` is unknown. */
static __always_inline void add_unknown(struct hpv_walk *w, __u64 start,
					__u64 end, long err)
{
	clear_counts(w);
	w->read_errors++;
	add_slots(start, end, HPV_BACKING_UNKNOWN, 0, -err);
	w->next = end;
}

/* One PTE that is not plainly present or none. */
static long count_one(__u32 i, void *unused)
{
	struct hpv_walk *w = &hpv.walk;
	__u64 pte;

	if (w->pte_at >= w->pte_end)
		return 1;
	pte = w->ptes[w->pte_at & (PTES_PER_GROUP - 1)];
	w->pte_at++;

	if (entry_none(pte))
		return 0;
	if (pte & (_PAGE_PRESENT | _PAGE_PROTNONE)) {
		if (leaf_pfn_bits(pte) == hpv.params.zero_pte)
			w->zero++;
		else
			w->present++;
		return 0;
	}
	if (pte >> SWP_TYPE_SHIFT != SWP_PTE_MARKER)
		w->swapped++;
	else if (~pte >> SWP_OFFSET_FIRST_BIT & PTE_MARKER_GUARD)
		w->guard++;
	/* else userfaultfd or poison marked a page that is not there */
	return 0;
}

/* Counts all of ptes[] if they are all present, or all none: the usual cases. */
__noinline int count_alike(void)
{
	struct hpv_walk *w = &hpv.walk;
	volatile __u64 *ptes = w->ptes;
	__u64 all = ~0ULL, any = 0, pte;
	int i;

	opaque(ptes);
#pragma clang loop unroll(disable)
	for (i = 0; i < PTES_PER_GROUP; i++) {
		pte = ptes[i];
		all &= pte;
		any |= pte;
	}
	if (!any)
		return true;
	/* the zero page is special wherever it is mapped (do_anonymous_page()) */
	if (!(all & _PAGE_PRESENT) || any & _PAGE_SPECIAL)
		return false;
	w->present += PTES_PER_GROUP;
	return true;
}

/*
 * Counts those of ptes[] whose bit is set in `which`, without a branch. Returns
 * false, and counts nothing, if one is neither none nor present.
 */
__noinline int count_plain(__u64 which)
{
	struct hpv_walk *w = &hpv.walk;
	const __u64 mask = PTE_PFN_MASK | _PAGE_PRESENT;
	const __u64 zero_page = hpv.params.zero_pte | _PAGE_PRESENT;
	__u64 present = 0, zero = 0, other = 0;
	volatile __u64 *ptes = w->ptes;
	__u64 pte, p;
	int i;

	opaque(ptes);
#pragma clang loop unroll(disable)
	for (i = 0; i < PTES_PER_GROUP; i++) {
		pte = ptes[i];
		p = which & 1;
		which >>= 1;
		opaque(which);
		p = -p;
		opaque(p);
		pte &= p;
		p = pte & _PAGE_PRESENT;
		present += p;
		p--;
		opaque(p);		/* ~0 unless present */
		other |= p & pte;
		pte ^= zero_page;
		pte &= mask;
		opaque(pte);		/* 0 for the zero page alone */
		pte--;
		opaque(pte);
		zero += pte >> 63;
		/* one entry at a time: 32 at once would not fit the stack */
		opaque(present);
		opaque(other);
		opaque(zero);
	}
	if (!entry_none(other))
		return false;
	w->zero += zero;
	w->present += present - zero;
	return true;
}

/* Counts ptes[pte_at .. pte_end), which lie in one group. */
static __always_inline void count_ptes(struct hpv_walk *w)
{
	__u32 at = w->pte_at, end = w->pte_end;
	__u32 first = at & ~(PTES_PER_GROUP - 1);

	w->work++;
	if (at == first && end - at == PTES_PER_GROUP && count_alike()) {
		w->pte_at = end;
	} else if (end - at > FEW_PTES &&
		   count_plain((1ULL << (end - first)) - (1ULL << (at - first)))) {
		w->pte_at = end;
	} else {
		if (end - at > FEW_PTES)
			w->work += SLOW_UNITS;
		bpf_loop(PTES_PER_GROUP, count_one, NULL, 0);
	}
}

/* Up to 32 PTEs: one aligned group, cut to [pte_at, pte_end). */
static long count_group(__u32 i, void *unused)
{
	struct hpv_walk *w = &hpv.walk;
	__u32 at = w->pte_at, end = w->pte_end;
	__u32 first = at & ~(PTES_PER_GROUP - 1);
	long err;

	if (at >= end)
		return 1;
	err = bpf_probe_read_kernel(w->ptes, sizeof(w->ptes),
				    (void *)(w->pte_table + first * 8));
	if (err) {
		w->err = err;
		return 1;
	}
	if (end > first + PTES_PER_GROUP)
		w->pte_end = first + PTES_PER_GROUP;
	count_ptes(w);
	w->pte_end = end;
	return 0;
}

/* What was counted of [start, end), which a PTE table maps. */
static __always_inline void end_of_ptes(struct hpv_walk *w, __u64 start, __u64 end)
{
	__u32 backing;

	w->next = end;
	w->sums.pages_swap += w->swapped;
	if (w->present) {
		backing = HPV_BACKING_4K;
		w->sums.pages_4k += w->present;
	} else if (w->swapped) {
		backing = HPV_BACKING_SWAP;
	} else if (w->zero) {
		backing = HPV_BACKING_ZERO;
	} else if (w->guard) {
		backing = HPV_BACKING_NONE;
	} else {
		return;
	}
	if (w->one_slot && (w->present || w->swapped) && !(w->zero | w->guard))
		w->single = 1;
	else
		add_slots(start, end, backing, 0, 0);
}

static __always_inline void begin_ptes(struct hpv_walk *w, __u64 start, __u64 end)
{
	clear_counts(w);
	w->pte_at = start >> PAGE_SHIFT & (PTRS_PER_TABLE - 1);
	w->pte_end = w->pte_at + ((end - start) >> PAGE_SHIFT);
}

/* The part of one PTE table that maps [start, end). */
static __always_inline void walk_ptes(struct hpv_walk *w, __u64 pmd, __u64 start,
				      __u64 end)
{
	begin_ptes(w, start, end);
	w->err = 0;
	w->pte_group = NO_GROUP;
	w->pte_table = table_of(pmd);
	if (!w->pte_table)
		w->err = -ERANGE;
	else if (!count_group(0, NULL) && w->pte_at < w->pte_end)
		bpf_loop(PTRS_PER_TABLE / PTES_PER_GROUP, count_group, NULL, 0);
	if (w->err) {
		add_unknown(w, start, end, w->err);
		return;
	}
	if (pte_group(start) == pte_group(end - 1))
		w->pte_group = pte_group(start);
	end_of_ptes(w, start, end);
}

/*
 * A VMA of a few pages, whose PTEs were read along with those of its
 * neighbour. Returns false if they were not.
 */
static __always_inline bool walk_known_ptes(struct hpv_walk *w, __u64 start, __u64 end)
{
	if (pte_group(start) != w->pte_group || pte_group(end - 1) != w->pte_group)
		return false;
	begin_ptes(w, start, end);
	count_ptes(w);
	end_of_ptes(w, start, end);
	return true;
}

#endif /* HPVIEW_SLOTS_H */
