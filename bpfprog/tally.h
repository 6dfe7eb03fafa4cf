/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ROLLUP for each process: sums only, which never go through the seq_file.
 * They wait in hpv.out until user space takes them.
 */
#ifndef HPVIEW_TALLY_H
#define HPVIEW_TALLY_H

#include "hugeable.h"
#include "records.h"

/*
 * A read(2) ends after so much work, so that user space can stop in between;
 * and what a call costs that finds next to nothing, in units of the budget.
 */
#define WORK_PER_READ		(1 << 16)
#define WORK_PER_CALL		8

static __always_inline void add_sums(struct hpv_rollup *to, const struct hpv_sums *more,
				     struct vm_area_struct *vma)
{
	to->bytes_2m += more->slots_2m * PMD_SIZE;
	to->bytes_1g += more->slots_1g * PMD_SIZE;
	to->bytes_4k += more->pages_4k * PAGE_SIZE;
	to->bytes_swap += more->pages_swap * PAGE_SIZE;
	if (more->pages_4k && is_hugeable(vma))
		to->bytes_gap += more->pages_4k * PAGE_SIZE;
	if (vma->vm_flags & VM_HUGETLB)
		to->bytes_hugetlb += (more->slots_2m + more->slots_1g) * PMD_SIZE;
}

static __always_inline void open_tally(struct task_struct *task,
				       struct vm_area_struct *vma, __u64 mm)
{
	struct hpv_tally *t = &hpv.tally;

	put_task(&t->task, task, vma, mm);
	remember_task(task, mm);
	__builtin_memset(&t->rollup, 0, sizeof(t->rollup));
	t->rollup.kind = HPV_KIND_ROLLUP;
	t->rollup.version = HPV_WIRE_VERSION;
	t->rollup.flags = HPV_ROLLUP_GAP;
	hpv.progress.seen = 0;
	t->due = 0;
	t->back = 0;
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
	/* it exited before it was read to its end */
	if (t->due || t->back)
		t->rollup.flags |= HPV_ROLLUP_PARTIAL;
	if (at >= HPV_OUT_RECORDS - 1)
		return;
	hpv.out[at].task = t->task;
	hpv.out[at + 1].rollup = t->rollup;
	hpv.spill_first = 0;
	hpv.spill_count = at + 2;
	hpv.progress.tasks++;
}

/* The process in hand is that of `task`; another one is finished first. */
static __always_inline void turn_to(struct task_struct *task, struct vm_area_struct *vma)
{
	struct hpv_tally *t = &hpv.tally;
	__u64 mm = mm_key(vma);
	bool exec;

	if (!hpv.progress.mm)
		t->open = 0;	/* of an earlier stream that was not read to its end */
	if (t->open && same_task(task, mm))
		return;
	/* then the kernel goes on in the new mm where it was in the old one */
	exec = t->open && same_thread(task);
	close_tally();
	open_tally(task, vma, mm);
	if (exec)
		t->rollup.flags |= HPV_ROLLUP_PARTIAL;
}

/*
 * One VMA, or the next piece of it: what lies above all that was counted. The
 * kernel may show a VMA again that has grown, been merged or split since;
 * show_smaps_rollup() in fs/proc/task_mmu.c counts on from last_vma_end, too.
 */
static __always_inline int tally(struct task_struct *task, struct vm_area_struct *vma)
{
	__u64 start = vma->vm_start, end = vma->vm_end;
	struct hpv_progress *p = &hpv.progress;
	struct hpv_tally *t = &hpv.tally;

	turn_to(task, vma);
	t->back = 0;
	if (t->due && start > p->seen)
		t->rollup.flags |= HPV_ROLLUP_PARTIAL;
	t->due = 0;
	if (start >= p->seen)
		t->rollup.vmas++;
	else
		start = p->seen;
	if (start >= end)
		return SHOWN;

	walk_vma(vma, start, end);
	t->work += hpv.walk.work + WORK_PER_CALL;
	add_sums(&t->rollup, &hpv.walk.sums, vma);
	if (hpv.walk.read_errors)
		t->rollup.flags |= HPV_ROLLUP_READ_ERROR;
	hpv.progress.read_errors += hpv.walk.read_errors;
	p->seen = hpv.walk.next;
	t->rollup.size += p->seen - start;
	t->due = p->seen < end;
	/* the next call may add two records, and the last one two more */
	if (!t->due && t->work <= WORK_PER_READ && hpv.spill_count <= HPV_OUT_RECORDS - 5)
		return SHOWN;
	t->back = 1;
	t->work = 0;
	return COME_BACK;
}

#endif /* HPVIEW_TALLY_H */
