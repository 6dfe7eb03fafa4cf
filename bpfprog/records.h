/* SPDX-License-Identifier: GPL-2.0-only */
/* From what the walk found to records, and from records to the seq_file. */
#ifndef HPVIEW_RECORDS_H
#define HPVIEW_RECORDS_H

#include "cursor.h"
#include "page_walk.h"
#include "task.h"

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
static __always_inline __u64 mm_key(struct vm_area_struct *vma)
{
	__u64 x;

	hpv.mm = (__u64)vma->vm_mm;
	barrier();	/* no arithmetic is allowed with pointers: read it as a number */
	x = hpv.mm ^ hpv.params.mm_key[0];
	x *= hpv.params.mm_key[1] | 1;
	x ^= x >> 32;
	x *= hpv.params.mm_key[1] | 1;
	return x ^ x >> 29;
}

static __always_inline bool same_thread(struct task_struct *task)
{
	return hpv.shown_task == (__u64)task && hpv.shown_since == task->start_boottime;
}

/* Whether the last TASK still holds: the same thread, with the same mm. */
static __always_inline bool same_task(struct task_struct *task, __u64 mm)
{
	return hpv.progress.mm == mm && same_thread(task);
}

static __always_inline void remember_task(struct task_struct *task, __u64 mm)
{
	hpv.progress.mm = mm;
	hpv.progress.boottime = task->group_leader->start_boottime;
	hpv.shown_task = (__u64)task;
	hpv.shown_since = task->start_boottime;
	/* another mm may have got the address of one that was freed */
	hpv.walk.mm = 0;
}

/*
 * include/linux/mm_types.h, include/linux/sched/coredump.h: bit 24 has always
 * been "no THP at all"; bit 23 told of the huge zero page until 6.18.
 */
#define MMF_DISABLE_THP_EXCEPT_ADVISED	(1ULL << 23)
#define MMF_DISABLE_THP_COMPLETELY	(1ULL << 24)

/* HPV_MM_*: the kernel's bits by names of our own. */
static __always_inline __u64 mm_flags(struct mm_struct *mm)
{
	struct mm_struct___6_18 *mm_6_18 = (void *)mm;
	struct mm_struct___6_17 *mm_6_17 = (void *)mm;
	__u64 flags = HPV_MM_KNOWN, kernels;

	if (bpf_core_field_exists(mm_6_18->flags.__mm_flags)) {
		kernels = mm_6_18->flags.__mm_flags[0];
		if (kernels & MMF_DISABLE_THP_EXCEPT_ADVISED)
			flags |= HPV_MM_THP_EXCEPT_ADVISED;
	} else if (bpf_core_field_exists(mm_6_17->flags)) {
		kernels = mm_6_17->flags;
	} else {
		return 0;
	}
	if (kernels & MMF_DISABLE_THP_COMPLETELY)
		flags |= HPV_MM_THP_DISABLED;
	return flags;
}

static __always_inline void put_task(struct hpv_task *rec, struct task_struct *task,
				     struct vm_area_struct *vma, __u64 mm)
{
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
	rec->mm_flags = mm_flags(vma->vm_mm);
	rec->reserved = 0;
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
	rec->slots_2m = w->sums.slots_2m;
	rec->slots_1g = w->sums.slots_1g;
	rec->pages_4k = w->sums.pages_4k;
	rec->pages_swap = w->sums.pages_swap;
}

/* The records in out[] from `first` on are on their way: remember what they said. */
static __always_inline void commit(struct task_struct *task, __u32 first)
{
	struct hpv_progress *p = &hpv.progress;

	if (!first) {
		p->tasks++;
		remember_task(task, hpv.out[0].task.mm);
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
	struct hpv_end *rec = &hpv.end;

	__builtin_memset(rec, 0, sizeof(*rec));
	rec->kind = HPV_KIND_END;
	rec->version = HPV_WIRE_VERSION;
	rec->status = HPV_STATUS_COMPLETE;
	rec->tasks = p->tasks;
	rec->vmas = p->vmas;
	rec->runs = p->runs;
	rec->read_errors = p->read_errors;
	if (!bpf_seq_write(seq, rec, sizeof(*rec)))
		p->bytes += sizeof(*rec);
	return SHOWN;
}

#endif /* HPVIEW_RECORDS_H */
