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

#include "page_walk.h"
#include "calibrate.h"
#include "task.h"

/* include/linux/mm.h */
#define VM_PFNMAP		0x00000400

/* include/linux/sched.h */
#define PF_KTHREAD		0x00200000

/* fs/proc/array.c prints start_time in USER_HZ, which is 100 everywhere */
#define NSEC_PER_TICK		10000000

/*
 * kernel/bpf/bpf_iter.c: a buffer of PAGE_SIZE << 3, and seq_write() wants one
 * byte to spare. A record more would never fit, and read(2) fail with E2BIG.
 */
#define SEQ_RECORDS		511

/*
 * What the program returns: the kernel goes on to the next VMA, or read(2)
 * ends here (bpf_iter_run_prog() makes it -EAGAIN) and begins with this VMA.
 */
enum { SHOWN = 0, COME_BACK = 1 };

/* Maps each mm to a number of its own that says nothing about its address. */
static __always_inline __u64 mix(__u64 x)
{
	x ^= hpv.params.mm_key[0];
	x *= hpv.params.mm_key[1] | 1;
	x ^= x >> 32;
	x *= hpv.params.mm_key[1] | 1;
	return x ^ x >> 29;
}

/* Returns the index of the first record to write: 0, with a TASK in out[0], or
 * 1 while the last TASK holds.
 */
static __always_inline __u32 put_task(struct task_struct *task, __u64 mm)
{
	struct hpv_progress *p = &hpv.progress;
	struct hpv_task *rec = &hpv.out[0].task;

	if (p->tasks && p->mm == mm && hpv.shown_task == (__u64)task &&
	    hpv.shown_since == task->start_boottime)
		return 1;

	rec->tgid = pid_number((__u64)BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]));
	rec->tid = pid_number((__u64)BPF_CORE_READ(task, thread_pid));
	rec->mm = mm;
	rec->kind = HPV_KIND_TASK;
	rec->version = HPV_WIRE_VERSION;
	rec->source = HPV_SOURCE_BPF;
	rec->pad = 0;
	rec->start_time = task->group_leader->start_boottime / NSEC_PER_TICK;
	__builtin_memset(rec->comm, 0, sizeof(rec->comm));
	BPF_CORE_READ_STR_INTO(&rec->comm, task, comm);
	rec->reserved[0] = 0;
	rec->reserved[1] = 0;
	return 0;
}

/* Fills out[1] from the VMA and the walk. */
static __always_inline void put_vma(struct vm_area_struct *vma, __u32 flags)
{
	struct hpv_vma *rec = &hpv.out[1].vma;
	struct hpv_walk *w = &hpv.walk;
	struct file *file = vma->vm_file;
	struct inode *inode;

	rec->kind = HPV_KIND_VMA;
	rec->version = HPV_WIRE_VERSION;
	rec->flags = flags;
	rec->start = vma->vm_start;
	rec->end = vma->vm_end;
	rec->vm_flags = vma->vm_flags;
	rec->dev = 0;
	rec->ino = 0;
	rec->pgoff = 0;
	if (file) {
		inode = file->f_inode;
		rec->dev = inode->i_sb->s_dev;
		rec->ino = inode->i_ino;
		rec->pgoff = vma->vm_pgoff;
	}
	rec->slots_2m = w->slots_2m;
	rec->slots_1g = w->slots_1g;
	rec->pages_4k = w->pages_4k;
	rec->pages_swap = w->pages_swap;
}

/* The records in out[] from `first` on are on their way: remember what they said. */
static __always_inline void commit(struct task_struct *task, __u32 first)
{
	struct hpv_progress *p = &hpv.progress;

	if (!first) {
		p->tasks++;
		p->mm = hpv.out[0].task.mm;
		p->boottime = task->group_leader->start_boottime;
		hpv.shown_task = (__u64)task;
		hpv.shown_since = task->start_boottime;
	}
	p->vmas++;
	p->runs += hpv.walk.runs;
	p->read_errors += hpv.walk.read_errors;
}

/* Writes out[first .. first + count); returns nonzero if it did not fit. */
static __always_inline long write_out(struct seq_file *seq, __u32 first, __u64 count)
{
	__u64 size;
	long err;

	opaque(count);
	if (count > SEQ_RECORDS)
		return -EFAULT;
	size = count * HPV_RECORD_SIZE;
	if (first)
		err = bpf_seq_write(seq, &hpv.out[1], size);
	else
		err = bpf_seq_write(seq, &hpv.out[0], size);
	if (!err)
		hpv.progress.bytes += size;
	return err;
}

static __always_inline int write_end(struct seq_file *seq)
{
	struct hpv_progress *p = &hpv.progress;
	struct hpv_end *rec = &hpv.out[0].end;

	__builtin_memset(rec, 0, sizeof(*rec));
	rec->kind = HPV_KIND_END;
	rec->version = HPV_WIRE_VERSION;
	rec->status = HPV_STATUS_COMPLETE;
	rec->tasks = p->tasks;
	rec->vmas = p->vmas;
	rec->runs = p->runs;
	rec->read_errors = p->read_errors;
	write_out(seq, 0, 1);
	return SHOWN;
}

/* One VMA, or the next piece of it. */
static __always_inline int show(struct seq_file *seq, struct task_struct *task,
				struct vm_area_struct *vma)
{
	struct hpv_cursor *cursor = &hpv.cursor;
	struct hpv_walk *w = &hpv.walk;
	__u64 mm = mix((__u64)BPF_CORE_READ(vma, vm_mm));
	__u64 start = vma->vm_start, end = vma->vm_end;
	__u64 vm_flags = vma->vm_flags, next = start;
	__u32 flags = 0, first, count;

	if (cursor->active) {
		if (cursor->mm == mm && cursor->start == start &&
		    cursor->end == end && cursor->vm_flags == vm_flags) {
			if (cursor->done) {
				cursor->active = 0;
				return SHOWN;
			}
			next = cursor->next;
			flags = HPV_VMA_CONT;
		} else {
			cursor->active = 0;
		}
	}

	first = put_task(task, mm);
	if (vm_flags & VM_PFNMAP) {
		flags |= HPV_VMA_SKIPPED;
		walk_range(0, end, end);
	} else {
		walk_range((__u64)BPF_CORE_READ(vma, vm_mm, pgd), next, end);
	}
	if (w->read_errors)
		flags |= HPV_VMA_READ_ERROR;
	if (w->next < end)
		flags |= HPV_VMA_MORE;
	put_vma(vma, flags);

	count = 2 - first + w->runs;
	if (!(flags & HPV_VMA_MORE) && count <= SEQ_RECORDS) {
		/* on overflow the kernel rolls back and calls for this VMA again */
		if (!write_out(seq, first, count)) {
			commit(task, first);
			cursor->active = 0;
		}
		return SHOWN;
	}

	commit(task, first);
	cursor->mm = mm;
	cursor->start = start;
	cursor->end = end;
	cursor->vm_flags = vm_flags;
	cursor->next = w->next;
	cursor->done = !(flags & HPV_VMA_MORE);
	cursor->active = 1;
	hpv.spill_first = first;
	hpv.spill_count = count;
	return COME_BACK;
}

SEC("iter/task_vma")
int hpv_task_vma(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct hpv_progress *p = &hpv.progress;

	if (hpv.params.mode == HPV_MODE_CALIBRATE) {
		if (task && vma)
			calibrate(task, vma);
		return SHOWN;
	}
	if (!task || !vma)
		return write_end(seq);
	if (hpv.spill_count)
		return COME_BACK;
	if (hpv.params.filter_tgid &&
	    hpv.params.filter_tgid !=
	    pid_number((__u64)BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID])))
		return SHOWN;
	/* The filter is a number: another process may have got it since. */
	if (hpv.params.mode == HPV_MODE_ONE && p->tasks &&
	    p->boottime != task->group_leader->start_boottime)
		return SHOWN;
	/* Before 6.2 the kernel shows a kernel thread that borrows an mm. */
	if (task->flags & PF_KTHREAD || !lends_its_mm(task))
		return SHOWN;
	return show(seq, task, vma);
}

char LICENSE[] SEC("license") = "GPL";
