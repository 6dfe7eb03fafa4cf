// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least a task_vma program can do and be of use: write the range of each
 * VMA. floor64 in records as long as hpview's, floor16 in nothing but the range.
 * floor0 writes nothing: what walking the VMAs costs, whatever is made of them.
 */
typedef unsigned char		__u8;
typedef unsigned short		__u16;
typedef int			__s32;
typedef unsigned int		__u32;
typedef long long		__s64;
typedef unsigned long long	__u64;
typedef __u16			__be16;
typedef __u32			__be32;
typedef __u64			__be64;
typedef __u32			__wsum;

#include <bpf/bpf_helpers.h>

/* Of the kernel's types only what is read: the kernel relocates it when it loads the program. */
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;
struct task_struct;

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
};

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

struct record16 {
	__u64 start, end;
};

struct record64 {
	__u64 start, end, zero[6];
};

SEC("iter/task_vma")
int floor16(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;
	struct record16 record;

	if (!ctx->task || !vma)
		return 0;
	record.start = vma->vm_start;
	record.end = vma->vm_end;
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

SEC("iter/task_vma")
int floor64(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;
	struct record64 record = {};

	if (!ctx->task || !vma)
		return 0;
	record.start = vma->vm_start;
	record.end = vma->vm_end;
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

SEC("iter/task_vma")
int floor0(struct bpf_iter__task_vma *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
