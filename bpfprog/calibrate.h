/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds the direct map without symbols. mm->pgd is an address in it, and the
 * upper half of that table maps it: with the right base, a walk of the address
 * `pgd` ends at the physical address pgd - base, and a walk of the caller's
 * own page ends at a page that holds what the caller wrote there.
 *
 * kernel_randomize_memory() (arch/x86/mm/kaslr.c) aligns the base to a PUD.
 * Candidates ascend: one that is too low reads other memory or hits the guard
 * hole, one too high could touch vmalloc space or ioremap()ed registers.
 */
#ifndef HPVIEW_CALIBRATE_H
#define HPVIEW_CALIBRATE_H

#include "page_table.h"

/* arch/x86/include/asm/page_64_types.h: KASLR only ever raises these */
#define PAGE_OFFSET_BASE_L5	0xff11000000000000ULL
#define PAGE_OFFSET_BASE_L4	0xffff888000000000ULL

#define MAX_CANDIDATES		(1 << 20)

struct leaf {
	__u64	entry;
	__u64	phys;
	__u32	shift;
};

/* Walks `addr` with tables at base + physical address; present entries only. */
static __always_inline bool translate(__u64 base, __u64 pgd, __u64 addr,
				      struct leaf *leaf)
{
	__u32 shift = levels_shift(pgd);
	__u64 table = pgd, entry, phys;
	int i;

	for (i = 0; i < 5; i++) {
		if (bpf_probe_read_kernel(&entry, sizeof(entry),
					  (void *)entry_address(table, addr, shift)))
			return false;
		if (!(entry & _PAGE_PRESENT))
			return false;
		phys = entry & hpv.params.phys_mask;
		if (shift == PAGE_SHIFT || (shift <= PUD_SHIFT && entry & _PAGE_PSE)) {
			phys = phys >> shift << shift | (addr & ((1ULL << shift) - 1));
			leaf->entry = entry;
			leaf->phys = phys;
			leaf->shift = shift;
			return phys < hpv.params.ram_top;
		}
		if (phys >= hpv.params.ram_top)
			return false;
		table = base + phys;
		shift -= 9;
	}
	return false;
}

static long try_base(__u32 i, void *unused)
{
	struct hpv_calibration *c = &hpv.calibration;
	__u64 base = c->lowest_base + i * PUD_SIZE;
	struct leaf leaf = {};
	__u64 magic[4];

	if (base > c->pgd)
		return 1;
	c->tried++;
	if (!translate(base, c->pgd, c->pgd, &leaf) || leaf.phys != c->pgd - base)
		return 0;
	if (!translate(base, c->pgd, c->magic_addr, &leaf))
		return 0;
	if (bpf_probe_read_kernel(magic, sizeof(magic), (void *)(base + leaf.phys)))
		return 0;
	if (magic[0] != c->magic[0] || magic[1] != c->magic[1] ||
	    magic[2] != c->magic[2] || magic[3] != c->magic[3])
		return 0;
	c->magic_entry = leaf.entry;
	c->direct_map = base;
	return 1;
}

static __always_inline void calibrate(struct task_struct *task,
				      struct vm_area_struct *vma)
{
	struct hpv_calibration *c = &hpv.calibration;
	struct task_struct *reader = (void *)bpf_get_current_task();
	struct leaf leaf = {};
	__u64 pgd, lowest;

	/* before 6.1 every process comes by here */
	if (c->pgd || BPF_CORE_READ(reader, mm) != BPF_CORE_READ(vma, vm_mm))
		return;
	c->ns_level = task->thread_pid->level;
	pgd = (__u64)BPF_CORE_READ(vma, vm_mm, pgd);
	c->pgd = pgd;
	c->lowest_base = levels_shift(pgd) == PGDIR_SHIFT_5LEVEL ?
			 PAGE_OFFSET_BASE_L5 : PAGE_OFFSET_BASE_L4;
	lowest = (pgd - hpv.params.ram_top) >> PUD_SHIFT << PUD_SHIFT;
	if (lowest > c->lowest_base)
		c->lowest_base = lowest;
	bpf_loop(MAX_CANDIDATES, try_base, NULL, 0);
	if (!c->direct_map)
		return;
	if (translate(c->direct_map, pgd, c->zero_addr, &leaf) && leaf.shift == PAGE_SHIFT)
		c->zero_entry = leaf.entry;
	if (translate(c->direct_map, pgd, c->huge_addr, &leaf)) {
		c->huge_entry = leaf.entry;
		c->huge_shift = leaf.shift;
	}
}

#endif /* HPVIEW_CALIBRATE_H */
