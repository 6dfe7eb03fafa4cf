/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a VMA may have huge pages by what it maps. Settings, advice and
 * alignment do not matter here: they are why it has none.
 *
 * hpview/stream/hugeable.py decides the same from what /proc tells.
 */
#ifndef HPVIEW_HUGEABLE_H
#define HPVIEW_HUGEABLE_H

#include "page_walk.h"

/* include/linux/mm.h */
#define VM_IO			0x00004000
#define VM_MIXEDMAP		0x10000000

/* include/uapi/linux/magic.h, include/uapi/linux/stat.h */
#define TMPFS_MAGIC		0x01021994
#define S_IFMT			0170000
#define S_IFREG			0100000

/*
 * Memory that others may map, too: memfd, SysV, shared anonymous and all of
 * tmpfs. /dev is such a file system (devtmpfs), and its nodes are not memory.
 */
static __always_inline bool is_shmem(struct file *file)
{
	struct inode *inode = file->f_inode;

	return inode->i_sb->s_magic == TMPFS_MAGIC && (inode->i_mode & S_IFMT) == S_IFREG;
}

static __always_inline bool is_hugeable(struct vm_area_struct *vma)
{
	__u64 vm_flags = vma->vm_flags;
	struct file *file;

	if (vma->vm_end - vma->vm_start < PMD_SIZE ||
	    vm_flags & (VM_PFNMAP | VM_IO | VM_MIXEDMAP))
		return false;
	if (vm_flags & VM_HUGETLB)
		return true;
	file = vma->vm_file;
	/* vma_is_anonymous(); of /dev/zero, mapped private, the file stays (mmap_zero()) */
	return !file || !vma->vm_ops || is_shmem(file);
}

#endif /* HPVIEW_HUGEABLE_H */
