/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the program and user space share: one struct, alone in .bss, which user
 * space maps. Either side touches it only while the other does not run: all
 * reads of one loaded program are serialised by user space.
 *
 * hpview/stream/state.py mirrors the part before out[].
 */
#ifndef HPVIEW_STATE_H
#define HPVIEW_STATE_H

#include "wire.h"

enum hpv_mode {
	HPV_MODE_CALIBRATE	= 0,	/* fill struct hpv_calibration */
	HPV_MODE_ONE		= 1,	/* one process: TASK, VMA, RUN records */
	HPV_MODE_ALL		= 2,	/* every process: TASK, ROLLUP records */
	HPV_MODE_SLOT		= 3,	/* one slot of one process: fill pages[] */
};

/* Written by user space before the first read of a stream. */
struct hpv_params {
	__u32	mode;
	__u32	filter_tgid;	/* before 6.1 only, else 0 */
	__u32	ns_level;	/* pid namespace level of the reader */
	__u32	budget;		/* units of work per call, see slots.h */
	__u64	direct_map;	/* virtual address of physical address 0 */
	__u64	phys_mask;	/* physical address bits of a table entry */
	__u64	ram_top;	/* no table lies at or above it */
	__u64	zero_pte;	/* PFN bits of the zero page, as entries hold them */
	__u64	zero_pmd;	/* of the huge zero page; 0: not known */
	__u64	mm_key[2];	/* random, so that no kernel address leaves */
	__u64	slot;		/* any address in it, for HPV_MODE_SLOT */
	__u64	reads;		/* read(2) calls so far, the one to come included */
};

struct hpv_calibration {
	/* in */
	__u64	magic_addr;	/* a page of the caller that holds magic */
	__u64	magic[4];
	__u64	zero_addr;	/* mapped to the zero page */
	__u64	huge_addr;	/* mapped to the huge zero page, perhaps */
	/* out */
	__u64	pgd;		/* nonzero: calibration ran */
	__u64	lowest_base;	/* the first candidate */
	__u64	direct_map;	/* 0: not found */
	__u64	magic_entry;	/* leaf entries of the three addresses, or 0 */
	__u64	zero_entry;
	__u64	huge_entry;
	__u32	huge_shift;	/* 21 if huge_entry is a PMD */
	__u32	ns_level;
	__u32	tried;		/* candidates for the base */
	__u32	pad;
};

/* Where the walk of an unfinished VMA goes on at the next call. */
struct hpv_cursor {
	__u64	mm;
	__u64	start;
	__u64	end;
	__u64	next;
	__u32	active;
	__u32	done;		/* all handed over, the kernel has to move on */
	__u32	restarts;	/* how often it changed and was begun again */
	__u32	pad;
};

/* Changes only when records were written, so that a retry repeats nothing. */
struct hpv_progress {
	__u64	bytes;		/* written to the seq_file */
	__u64	tasks;
	__u64	vmas;
	__u64	runs;
	__u64	read_errors;
	__u64	mm;		/* of the last TASK record */
	__u64	boottime;	/* of its group leader, ns */
	__u64	seen;		/* HPV_MODE_ALL: all of the mm below was counted */
};

/*
 * A piece: TASK, VMA and RUNs, and one RUN more for what was given up. The
 * rollups of all processes gather there too, by two records.
 */
#define HPV_PIECE_RUNS	1022
#define HPV_OUT_RUNS	(HPV_PIECE_RUNS + 1)
#define HPV_OUT_RECORDS	(HPV_OUT_RUNS + 2)

/* One 4 KiB page of a slot, as its page table entry has it. */
#define HPV_PAGE_PRESENT	0x0001
#define HPV_PAGE_SWAPPED	0x0002
#define HPV_PAGE_DIRTY		0x0004
#define HPV_PAGE_ACCESSED	0x0008
#define HPV_PAGE_ZERO		0x0010
#define HPV_PAGE_SOFT_DIRTY	0x0020
#define HPV_PAGE_GUARD		0x0040
#define HPV_PAGE_HUGE		0x0080	/* a PMD or PUD leaf maps it */

#define HPV_SLOT_PAGES	512

/* Whether pages[] holds them. */
enum hpv_pages_found {
	HPV_PAGES_NOT_MET	= 0,
	HPV_PAGES_READ		= 1,
	HPV_PAGES_FAILED	= 2,	/* a table could not be read */
};

union hpv_record {
	struct hpv_task	task;
	struct hpv_vma	vma;
	struct hpv_run	run;
	struct hpv_rollup rollup;
};

struct hpv_sums {
	__u64	slots_2m;
	__u64	slots_1g;
	__u64	pages_4k;
	__u64	pages_swap;
};

/* The walk in progress: one piece of one VMA. */
struct hpv_walk {
	__u64	end;
	__u64	next;		/* all below has been seen */
	__u64	mm;		/* with lock_seq and read: what makes pgd, */
	__u64	pgd;		/* pmd_table and region good for another VMA */
	__u64	read;
	__u64	pmd_table;	/* of the 1 GiB around next */
	__u64	region;		/* which 1 GiB that is */
	__u64	pmd_group;	/* which eight entries pmds[] holds */
	__u64	pmds[8];
	__u64	pte_table;
	__u64	pte_group;	/* which 32 pages ptes[] maps, */
	__u64	ptes[32];	/* if a VMA lay in them */
	struct hpv_sums	sums;
	__u64	read_errors;
	__u32	lock_seq;
	__u32	work;		/* units spent */
	__u32	budget;
	__u32	runs;		/* out[2 .. runs + 2) */
	__u32	want_runs;
	__u32	one_slot;	/* the VMA lies in one */
	__u32	single;		/* HPV_VMA_SINGLE */
	__u32	pte_at;		/* entries [pte_at, pte_end) still to count */
	__u32	pte_end;
	__u32	present;	/* counts of the slot in hand */
	__u32	swapped;
	__u32	zero;
	__u32	guard;
	__s32	err;
};

/* The process in hand, while all of them are added up. */
struct hpv_tally {
	struct hpv_task	task;
	struct hpv_rollup rollup;
	__u32	open;
	__u32	due;		/* a VMA was cut at progress.seen */
	__u32	back;		/* the VMA at hand is to come again */
	__u32	work;		/* since records were handed over */
};

struct hpv_state {
	struct hpv_params	params;
	struct hpv_calibration	calibration;
	struct hpv_cursor	cursor;
	struct hpv_progress	progress;
	/*
	 * A piece that could not go through the seq_file waits in out[] from
	 * spill_first on. User space sets spill_count to 0 once it has it.
	 */
	__u32			spill_first;
	__u32			spill_count;
	__u16			pages[HPV_SLOT_PAGES];	/* HPV_PAGE_* */
	__u32			pages_found;	/* HPV_PAGES_* */
	__u32			pad;
	/* TASK, unless the last one holds; VMA; RUNs */
	union hpv_record	out[HPV_OUT_RECORDS];

	/* private */
	struct hpv_walk		walk;
	struct hpv_tally	tally;
	struct hpv_end		end;		/* out[] may hold what was not taken yet */
	__u64			mm;
	__u64			shown_task;	/* task_struct of the last TASK, */
	__u64			shown_since;	/* and when that thread began */
	__u64			passed_over;	/* calls without a result */
	__u64			scan_node;	/* search for a thread with an mm */
	__u64			scan_head;
	__u64			scan_found;
};

#endif /* HPVIEW_STATE_H */
