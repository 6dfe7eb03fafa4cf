/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel types that the program reads, and of these only the fields it
 * reads. Every access is relocated by the kernel when the program is loaded
 * (CO-RE), so order and offsets mean nothing here; names and types do.
 */
#ifndef HPVIEW_VMLINUX_H
#define HPVIEW_VMLINUX_H

typedef unsigned char		__u8;
typedef signed short		__s16;
typedef unsigned short		__u16;
typedef int			__s32;
typedef unsigned int		__u32;
typedef long long		__s64;
typedef unsigned long long	__u64;
typedef __u16			__be16;
typedef __u32			__be32;
typedef __u64			__be64;
typedef __u32			__wsum;

typedef _Bool			bool;

enum {
	false	= 0,
	true	= 1,
};

#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
};

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
};

struct inode {
	unsigned short i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
};

struct file {
	struct inode *f_inode;
};

struct mm_struct {
	void *pgd;
};

/* What counts the write locks of mmap_lock: an int from 6.4 on, ... */
struct mm_struct___6_4 {
	int mm_lock_seq;
};

/* ... and a seqcount_t since 6.13; CO-RE passes over what follows the ___. */
struct seqcount {
	unsigned int sequence;
};

struct mm_struct___6_13 {
	struct seqcount mm_lock_seq;
};

/* MMF_*: a word until 6.17, ... */
struct mm_struct___6_17 {
	unsigned long flags;
};

/* ... and a bitmap since 6.18. */
struct mm_flags {
	unsigned long __mm_flags[1];
};

struct mm_struct___6_18 {
	struct mm_flags flags;
};

struct vm_operations_struct;

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	struct mm_struct *vm_mm;
	unsigned long vm_flags;
	const struct vm_operations_struct *vm_ops;
	unsigned long vm_pgoff;
	struct file *vm_file;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct signal_struct {
	struct list_head thread_head;
	struct pid *pids[4];
};

struct task_struct {
	unsigned int flags;
	struct mm_struct *mm;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct list_head thread_node;
	__u64 start_boottime;
	char comm[16];
	struct signal_struct *signal;
};

struct seq_file;

struct bpf_iter_meta {
	union {
		struct seq_file *seq;
		__u64 : 64;
	} __attribute__((aligned(8)));
};

struct bpf_iter__task_vma {
	union {
		struct bpf_iter_meta *meta;
		__u64 : 64;
	} __attribute__((aligned(8)));
	union {
		struct task_struct *task;
		__u64 : 64;
	} __attribute__((aligned(8)));
	union {
		struct vm_area_struct *vma;
		__u64 : 64;
	} __attribute__((aligned(8)));
};

#pragma clang attribute pop

#endif /* HPVIEW_VMLINUX_H */
