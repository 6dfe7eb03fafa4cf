/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a VMA goes on that was not finished by the call before. */
#ifndef HPVIEW_CURSOR_H
#define HPVIEW_CURSOR_H

#include "slots.h"

/*
 * A VMA whose start moves again and again is begun again so many times; then
 * it is walked for one call more, and the rest of it stays unknown.
 */
#define MAX_RESTARTS		8

#define EAGAIN			11

enum place {
	PLACE_START,	/* of a VMA not seen before, or one that has to be seen again */
	PLACE_INSIDE,	/* at cursor.next */
	PLACE_BEHIND,	/* all of it was handed over */
};

/*
 * A VMA may have grown or changed its permissions between two pieces: what was
 * read of it still holds, and the rest follows. With another start it is
 * another VMA. One that shrank is not met again, since the kernel looks for
 * what covers its old end (find_vma(prev_vm_end - 1), kernel/bpf/task_iter.c).
 */
static __always_inline enum place find_place(__u64 mm, __u64 start, __u64 end)
{
	struct hpv_cursor *c = &hpv.cursor;

	if (!c->active)
		return PLACE_START;
	if (c->mm == mm && c->start == start) {
		if (c->done)
			return PLACE_BEHIND;
		if (c->next < end)
			return PLACE_INSIDE;
	}
	c->active = 0;
	if (c->mm == mm && start < c->end && end > c->start)
		c->restarts++;
	else
		c->restarts = 0;
	return PLACE_START;
}

/* The next call is to be for this VMA again. */
static __always_inline void stay_at(__u64 mm, __u64 start, __u64 end, bool done)
{
	struct hpv_cursor *c = &hpv.cursor;

	c->mm = mm;
	c->start = start;
	c->end = end;
	c->next = hpv.walk.next;
	c->done = done;
	c->active = 1;
}

static __always_inline void leave_vma(void)
{
	hpv.cursor.active = 0;
	hpv.cursor.restarts = 0;
}

/* Whether the walk has to go on in another call. One that was begun again too
 * often is ended instead.
 */
static __always_inline bool to_be_continued(__u64 end)
{
	struct hpv_walk *w = &hpv.walk;

	if (w->next >= end)
		return false;
	if (hpv.cursor.restarts <= MAX_RESTARTS)
		return true;
	add_unknown(w, w->next, end, -EAGAIN);
	return false;
}

#endif /* HPVIEW_CURSOR_H */
