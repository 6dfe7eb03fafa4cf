/* SPDX-License-Identifier: GPL-2.0-only */
/* Tasks: their numbers in the reader's namespace, and which of them to show. */
#ifndef HPVIEW_TASK_H
#define HPVIEW_TASK_H

/* include/linux/pid_types.h, include/linux/pid_namespace.h */
#define PIDTYPE_TGID		1
#define MAX_PID_NS_LEVEL	32

#define MAX_THREADS_SCANNED	(1 << 16)

/* The number of a pid in the reader's namespace. */
static __always_inline __u32 pid_number(__u64 pid)
{
	__u32 level = hpv.params.ns_level & (MAX_PID_NS_LEVEL - 1);
	__u32 nr = 0;

	pid += bpf_core_field_offset(struct pid, numbers) +
	       level * bpf_core_type_size(struct upid) +
	       bpf_core_field_offset(struct upid, nr);
	bpf_probe_read_kernel(&nr, sizeof(nr), (void *)pid);
	return nr;
}

static long find_thread_with_mm(__u32 i, void *unused)
{
	struct task_struct *thread;
	struct mm_struct *mm;

	if (hpv.scan_node == hpv.scan_head)
		return 1;
	thread = (void *)(hpv.scan_node -
			  bpf_core_field_offset(struct task_struct, thread_node));
	if (bpf_core_read(&mm, sizeof(mm), &thread->mm))
		return 1;
	if (mm) {
		hpv.scan_found = (__u64)thread;
		return 1;
	}
	if (bpf_core_read(&hpv.scan_node, sizeof(hpv.scan_node), &thread->thread_node.next))
		return 1;
	return 0;
}

/*
 * The kernel shows a thread beside its leader when they do not share their
 * files: after unshare(CLONE_FILES), and when the leader has exited, which has
 * no files left. The mm is to be shown once: by the leader, else by the first
 * thread that has one.
 */
static __always_inline bool lends_its_mm(struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;

	if (task == leader)
		return true;
	if (leader->mm)
		return false;
	hpv.scan_head = (__u64)BPF_CORE_READ(task, signal) +
			bpf_core_field_offset(struct signal_struct, thread_head);
	hpv.scan_node = (__u64)BPF_CORE_READ(task, signal, thread_head.next);
	hpv.scan_found = 0;
	bpf_loop(MAX_THREADS_SCANNED, find_thread_with_mm, NULL, 0);
	return hpv.scan_found == (__u64)task;
}

#endif /* HPVIEW_TASK_H */
