/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ROLLUP for each process: sums only, which never go through the seq_file.
 * They wait in hpv.out until user space takes them.
 */
#ifndef HPVIEW_TALLY_H
#define HPVIEW_TALLY_H

#include "records.h"

/*
 * A read(2) ends after so much work, so that user space can stop in between;
 * and what a call costs that finds next to nothing, in units of the budget.
 */
#define WORK_PER_READ		(1 << 16)
#define WORK_PER_CALL		8

static __always_inline void add_sums(struct hpv_sums *to, const struct hpv_sums *more)
{
	to->slots_2m += more->slots_2m;
	to->slots_1g += more->slots_1g;
	to->pages_4k += more->pages_4k;
	to->pages_swap += more->pages_swap;
}

/* Counts the pieces of a VMA that is whole, or will never be. */
static __always_inline void count_pieces(struct hpv_tally *t)
{
	t->rollup.bytes_2m += t->pieces.slots_2m * PMD_SIZE;
	t->rollup.bytes_1g += t->pieces.slots_1g * PMD_SIZE;
	t->rollup.bytes_4k += t->pieces.pages_4k * PAGE_SIZE;
	t->rollup.bytes_swap += t->pieces.pages_swap * PAGE_SIZE;
	__builtin_memset(&t->pieces, 0, sizeof(t->pieces));
}

static __always_inline void open_tally(struct task_struct *task, __u64 mm)
{
	struct hpv_tally *t = &hpv.tally;

	put_task(&t->task, task, mm);
	remember_task(task, mm);
	__builtin_memset(&t->rollup, 0, sizeof(t->rollup));
	__builtin_memset(&t->pieces, 0, sizeof(t->pieces));
	t->rollup.kind = HPV_KIND_ROLLUP;
	t->rollup.version = HPV_WIRE_VERSION;
	t->open = 1;
}

/* Appends TASK and ROLLUP of the process in hand; tally() saw to it that there is room. */
static __always_inline void close_tally(void)
{
	struct hpv_tally *t = &hpv.tally;
	__u32 at = hpv.spill_count;

	if (!t->open)
		return;
	t->open = 0;
	if (hpv.cursor.active && !hpv.cursor.done) {
		count_pieces(t);
		t->rollup.flags |= HPV_ROLLUP_PARTIAL;
	}
	if (at >= HPV_OUT_RECORDS - 1)
		return;
	hpv.out[at].task = t->task;
	hpv.out[at + 1].rollup = t->rollup;
	hpv.spill_first = 0;
	hpv.spill_count = at + 2;
	hpv.progress.tasks++;
}

/* The VMA of the pieces has changed, and one that begins at `start` came instead. */
static __always_inline void give_up_pieces(struct hpv_tally *t, __u64 start)
{
	const struct hpv_cursor *c = &hpv.cursor;

	if (start > c->start)
		t->rollup.flags |= HPV_ROLLUP_PARTIAL;
	/* what lies below this VMA is not seen again */
	if (start >= c->next)
		count_pieces(t);
	else
		__builtin_memset(&t->pieces, 0, sizeof(t->pieces));
}

/* One VMA, or the next piece of it. */
static __always_inline int tally(struct task_struct *task, struct vm_area_struct *vma)
{
	__u64 mm = mm_key(vma), start = vma->vm_start, end = vma->vm_end, next = start;
	bool unfinished = hpv.cursor.active && !hpv.cursor.done;
	struct hpv_tally *t = &hpv.tally;
	enum place place;
	bool more;

	if (!hpv.progress.mm)
		t->open = 0;	/* of an earlier stream that was not read to its end */
	if (!t->open || !same_task(task, mm)) {
		close_tally();
		open_tally(task, mm);
		leave_vma();
		unfinished = false;
	}
	place = find_place(mm, start, end);
	if (place == PLACE_BEHIND) {
		leave_vma();
		return SHOWN;
	}
	if (place == PLACE_INSIDE)
		next = hpv.cursor.next;
	else if (unfinished)
		give_up_pieces(t, start);

	walk_vma(vma, next, end);
	t->work += hpv.walk.work + WORK_PER_CALL;
	add_sums(&t->pieces, &hpv.walk.sums);
	more = to_be_continued(end);
	if (hpv.walk.read_errors)
		t->rollup.flags |= HPV_ROLLUP_READ_ERROR;
	hpv.progress.read_errors += hpv.walk.read_errors;
	if (more) {
		stay_at(mm, start, end, false);
		t->work = 0;
		return COME_BACK;
	}
	count_pieces(t);
	t->rollup.vmas++;
	t->rollup.size += end - start;
	leave_vma();
	/* the next call may add two records, and the last one two more */
	if (t->work > WORK_PER_READ || hpv.spill_count > HPV_OUT_RECORDS - 5) {
		stay_at(mm, start, end, true);
		t->work = 0;
		return COME_BACK;
	}
	return SHOWN;
}

#endif /* HPVIEW_TALLY_H */
