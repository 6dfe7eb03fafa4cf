// SPDX-License-Identifier: GPL-2.0-only
/*
 * The task_vma iterator program of hpview: for each VMA, what backs it.
 *
 * One call of the program is one VMA under mmap_read_lock. Its records go to
 * the seq_file in one write, so that an overflow drops all or nothing. A VMA
 * that is too much for one call, or for the seq_file's buffer, leaves in
 * pieces: the piece stays in hpv.out, the program returns 1, read(2) returns
 * what there was before it (or EAGAIN) and unlocks; user space takes the piece
 * and reads on, and the kernel calls the program for the same VMA again.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "state.h"

struct hpv_state hpv;

#include "calibrate.h"
#include "pages.h"
#include "tally.h"

/* include/linux/sched.h */
#define PF_KTHREAD		0x00200000

#define PASSED_PER_READ		(1 << 14)

/* One VMA, or the next piece of it. */
static __always_inline int show(struct seq_file *seq, struct task_struct *task,
				struct vm_area_struct *vma)
{
	__u64 mm = mm_key(vma), start = vma->vm_start, end = vma->vm_end, next = start;
	struct hpv_walk *w = &hpv.walk;
	__u32 flags = 0, first, count;
	enum place place;

	/* a piece that was not taken yet */
	if (hpv.spill_count)
		return COME_BACK;
	place = find_place(mm, start, end);
	if (place == PLACE_BEHIND) {
		leave_vma();
		return SHOWN;
	}
	if (place == PLACE_INSIDE) {
		next = hpv.cursor.next;
		flags = HPV_VMA_CONT;
	}

	first = hpv.progress.tasks && same_task(task, mm);
	if (!first)
		put_task(&hpv.out[0].task, task, vma, mm);
	walk_vma(vma, next, end);
	if (vma->vm_flags & VM_PFNMAP)
		flags |= HPV_VMA_SKIPPED;
	if (to_be_continued(end))
		flags |= HPV_VMA_MORE;
	if (w->read_errors)
		flags |= HPV_VMA_READ_ERROR;
	if (w->single)
		flags |= HPV_VMA_SINGLE;
	put_vma(vma, flags);

	count = 2 - first + w->runs;
	if (!(flags & HPV_VMA_MORE) && count <= SEQ_RECORDS) {
		/* on overflow the kernel rolls back and calls for this VMA again */
		if (!write_out(seq, first, count)) {
			commit(task, first);
			leave_vma();
		}
		return SHOWN;
	}

	commit(task, first);
	stay_at(mm, start, end, !(flags & HPV_VMA_MORE));
	hpv.spill_first = first;
	hpv.spill_count = count;
	return COME_BACK;
}

static __always_inline int end_of_all(struct seq_file *seq)
{
	if (hpv.params.mode == HPV_MODE_ALL)
		close_tally();
	return write_end(seq);
}

/* The filter is a number: another process may have got it since. */
static __always_inline bool is_target(struct task_struct *task)
{
	if (hpv.params.filter_tgid &&
	    hpv.params.filter_tgid !=
	    pid_number((__u64)BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID])))
		return false;
	return !hpv.progress.tasks ||
	       hpv.progress.boottime == task->group_leader->start_boottime;
}

/* A VMA that is not for us. Many of them would keep read(2) for long. */
static __always_inline int pass_over(void)
{
	if (++hpv.passed_over < PASSED_PER_READ)
		return SHOWN;
	hpv.passed_over = 0;
	return COME_BACK;
}

SEC("iter/task_vma")
int hpv_task_vma(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	__u32 mode = hpv.params.mode;

	if (mode == HPV_MODE_CALIBRATE) {
		if (task && vma)
			calibrate(task, vma);
		return SHOWN;
	}
	if (!task || !vma)
		return mode == HPV_MODE_SLOT ? SHOWN : end_of_all(seq);
	/* Before 6.2 the kernel shows a kernel thread that borrows an mm. */
	if ((mode != HPV_MODE_ALL && !is_target(task)) || task->flags & PF_KTHREAD ||
	    !lends_its_mm(task))
		return pass_over();
	if (mode == HPV_MODE_SLOT)
		return show_pages(vma);
	if (mode == HPV_MODE_ALL)
		return tally(task, vma);
	return show(seq, task, vma);
}

char LICENSE[] SEC("license") = "GPL";
