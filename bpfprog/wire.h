/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The records of hpview: what every stream hands over, whatever its source.
 *
 * Each record is 64 bytes, little-endian, without implicit padding, and begins
 * with its kind and the version of this layout. Order within a stream:
 *
 *	TASK (VMA RUN*)* ... END	of one process
 *	(TASK ROLLUP)* END		of all processes
 *
 * A TASK precedes the first VMA of each address space, and appears again when
 * the process got another mm (exec), or when the source changed. END is the
 * trailer: a stream without it was cut short.
 *
 * hpview/wire.py holds the same layout as numpy dtypes; tests/test_wire.py
 * holds the two against each other.
 */
#ifndef HPVIEW_WIRE_H
#define HPVIEW_WIRE_H

#define HPV_WIRE_VERSION	1
#define HPV_RECORD_SIZE		64

enum hpv_kind {
	HPV_KIND_TASK	= 1,
	HPV_KIND_VMA	= 2,
	HPV_KIND_RUN	= 3,
	HPV_KIND_END	= 4,
	HPV_KIND_ROLLUP	= 5,
};

/* Where the backing was read from; carried by TASK so that recordings know. */
enum hpv_source {
	HPV_SOURCE_NONE			= 0,
	HPV_SOURCE_BPF			= 1,
	HPV_SOURCE_PAGEMAP_SCAN		= 2,
	HPV_SOURCE_PAGEMAP_KPAGEFLAGS	= 3,
	HPV_SOURCE_SMAPS		= 4,
};

/* How a slot is mapped: the level of the leaf, not the size of the folio. */
enum hpv_backing {
	HPV_BACKING_NONE	= 0,
	HPV_BACKING_4K		= 1,	/* PTE table with present pages */
	HPV_BACKING_2M		= 2,	/* PMD leaf */
	HPV_BACKING_1G		= 3,	/* PUD leaf */
	HPV_BACKING_SWAP	= 4,	/* PTE table, swapped pages only */
	HPV_BACKING_ZERO	= 5,	/* only the shared zero page: no memory */
	HPV_BACKING_UNKNOWN	= 6,	/* could not be read: see err */
};

/*
 * What prctl(PR_SET_THP_DISABLE) left in the mm. Without KNOWN a clear bit says
 * nothing: the source could not tell.
 */
#define HPV_MM_KNOWN			0x0001
#define HPV_MM_THP_DISABLED		0x0002	/* completely */
#define HPV_MM_THP_EXCEPT_ADVISED	0x0004	/* but for MADV_HUGEPAGE, 6.18 */

struct hpv_task {
	__u8	kind;
	__u8	version;
	__u16	source;		/* enum hpv_source */
	__u32	tgid;		/* as seen from the reader's pid namespace */
	__u32	tid;		/* the thread that lends its mm */
	__u32	pad;
	__u64	mm;		/* opaque: another one after an exec */
	__u64	start_time;	/* of the group leader, USER_HZ ticks since boot */
	char	comm[16];	/* untrusted bytes, NUL padded */
	__u64	mm_flags;	/* HPV_MM_*, when the record was written */
	__u64	reserved;
};

/*
 * A VMA whose walk was cut into pieces is repeated at the head of every piece:
 * all but the last carry MORE, all but the first CONT. The sums are those of
 * the piece. Pieces of one VMA always follow each other; anything else in
 * between means that the VMA changed while it was read.
 */
#define HPV_VMA_CONT		0x0001	/* continues the VMA record before */
#define HPV_VMA_MORE		0x0002	/* another piece follows */
#define HPV_VMA_SKIPPED		0x0004	/* not walked: VM_PFNMAP */
#define HPV_VMA_READ_ERROR	0x0008	/* some of it could not be read */
#define HPV_VMA_ESTIMATE	0x0010	/* sums from totals, places not known */
/*
 * The VMA lies in one slot, a PTE table maps it, and there is nothing but
 * present and swapped pages in it: its RUN would repeat what the sums say, and
 * is not written. Most VMAs are like that.
 */
#define HPV_VMA_SINGLE		0x0020

struct hpv_vma {
	__u8	kind;
	__u8	version;
	__u16	flags;		/* HPV_VMA_* */
	__u32	dev;		/* major << 20 | minor, as in the kernel */
	__u64	start;
	__u64	end;
	__u64	vm_flags;	/* VM_*; the emulation knows only some bits */
	__u64	pgoff;		/* pages; 0 without a file, as maps prints it */
	__u64	ino;
	__u32	slots_2m;	/* 2 MiB each */
	__u32	slots_1g;	/* 2 MiB each too: a whole leaf is 512 */
	__u32	pages_4k;	/* 4 KiB each */
	__u32	pages_swap;	/* 4 KiB each */
};

/* Consecutive slots of one VMA with equal backing, fill and flags. Slots with
 * nothing in them (backing none) are not written.
 */
#define HPV_RUN_PMD_ZERO	0x0001	/* the huge zero page, by a PMD leaf */
#define HPV_RUN_MIGRATING	0x0002	/* PMD migration entry */
#define HPV_RUN_ESTIMATE	0x0004	/* totals laid out from the VMA's start */

struct hpv_run {
	__u8	kind;
	__u8	version;
	__u16	flags;		/* HPV_RUN_* */
	__u8	backing;	/* enum hpv_backing */
	__u8	pad1[3];
	__u64	start;		/* cut to the VMA, as is end */
	__u64	end;
	__u16	present;	/* 4 KiB pages per slot, without zero pages */
	__u16	swapped;	/* per slot */
	__u16	zero;		/* per slot: PTEs of the shared zero page */
	__u16	guard;		/* per slot: MADV_GUARD_INSTALL markers */
	__u32	err;		/* errno of a failed read, backing UNKNOWN */
	__u32	pad2;
	__u64	reserved[3];
};

/* The sums of one address space, in bytes, behind its TASK. */
#define HPV_ROLLUP_PARTIAL	0x0001	/* a VMA changed before all of it was read */
#define HPV_ROLLUP_READ_ERROR	0x0002	/* some of it could not be read */
#define HPV_ROLLUP_ESTIMATE	0x0004	/* levels from totals, see HPV_VMA_ESTIMATE */
#define HPV_ROLLUP_GAP		0x0008	/* bytes_gap and bytes_hugetlb were counted */

struct hpv_rollup {
	__u8	kind;
	__u8	version;
	__u16	flags;		/* HPV_ROLLUP_* */
	__u32	vmas;		/* shown, each once */
	__u64	size;		/* of these VMAs */
	__u64	bytes_4k;
	__u64	bytes_2m;
	__u64	bytes_1g;
	__u64	bytes_swap;
	/*
	 * Of bytes_4k: what lies in VMAs of 2 MiB and more that may be huge by what
	 * they map, whatever settings and advice say: anonymous memory, files of
	 * tmpfs, hugetlb; not VM_PFNMAP, VM_IO, VM_MIXEDMAP.
	 */
	__u64	bytes_gap;
	__u64	bytes_hugetlb;	/* of bytes_2m and bytes_1g: in VM_HUGETLB VMAs */
};

enum hpv_status {
	HPV_STATUS_COMPLETE	= 0,
	HPV_STATUS_VANISHED	= 1,	/* the process exited while being read */
	HPV_STATUS_PERMISSION	= 2,	/* it may no longer be read (setuid exec) */
	HPV_STATUS_IO		= 3,	/* the source failed: see err */
};

struct hpv_end {
	__u8	kind;
	__u8	version;
	__u16	status;		/* enum hpv_status */
	__u32	err;		/* errno behind the status */
	__u64	tasks;		/* TASK records written */
	__u64	vmas;		/* VMA records written, pieces counted singly */
	__u64	runs;		/* RUN records written */
	__u64	read_errors;	/* table pages that could not be read */
	__u64	reserved[3];
};

#endif /* HPVIEW_WIRE_H */
