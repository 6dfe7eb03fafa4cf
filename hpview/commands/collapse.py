"""The command that has memory of a process collapsed into huge pages."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hpview.commands.common import UsageError, opened_readers, print_lines, why_not_act
from hpview.errors import HpviewError
from hpview.text import printable

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from hpview.acting.plan import Plan
    from hpview.acting.target import Acting, Attempt, Target
    from hpview.services import Readers
    from hpview.space.address_space import AddressSpace


def collapse(args: Namespace) -> int:
    """Ask, collapse, and tell what the page tables say before and afterwards.

    Returns:
        0 if every whole slot of the range is huge now, else 1; 130 if it was broken off.
    """
    if reason := why_not_act(args):
        raise HpviewError(f"nothing may be collapsed: {reason}")
    if not args.yes and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("there is no terminal to ask on: --yes does it without asking")
    from hpview.acting.target import Target

    with Target(args.pid) as target, opened_readers(args) as readers:
        if refusal := target.refusal():
            raise HpviewError(f"process {args.pid}: {refusal}")
        return _collapsed(target, readers, args)


def _collapsed(target: Target, readers: Readers, args: Namespace) -> int:
    from hpview import scan
    from hpview.acting.outcome import all_huge
    from hpview.acting.plan import Rules, plans
    from hpview.acting.target import AnotherProgram
    from hpview.acting.words import TIME_COSTS
    from hpview.in_force import read_in_force
    from hpview.space.changes import same_memory

    start, end = args.span
    before = scan.scan(readers, args.pid).space
    if before.start_time != target.start_time:
        raise AnotherProgram(args.pid, "is another one now")
    made, refused = plans(before, start, end, Rules.of(before, read_in_force(args.pid)))
    print_lines(map(printable, refused))
    for plan in made:
        print_lines(_plan_lines(plan, before))
    if made:
        print_lines(f"costs: {line}" for line in TIME_COSTS)
    if not made or not (args.yes or _agreed()):
        return 0 if all_huge(before, start, end) else 1
    attempts, broken = _tried(target, made)
    after = scan.scan(readers, args.pid).space
    if not same_memory(before, after):
        raise AnotherProgram(args.pid, "runs another program now")
    for plan in made:
        mine = [one for one in attempts if plan.start <= one.address < plan.end]
        print_lines(_result_lines(plan, mine, before, after))
    if broken:
        return 130
    return 0 if all_huge(after, start, end) else 1


def _agreed() -> bool:
    try:
        answer = input("collapse it? [y/N] ")
    except EOFError:
        print()
        return False
    return answer.strip().casefold() in ("y", "yes")


def _tried(target: Acting, made: list[Plan]) -> tuple[list[Attempt], bool]:
    """What was tried, and whether it was broken off from the keyboard."""
    from hpview.acting.target import batches

    attempts: list[Attempt] = []
    try:
        for plan in made:
            for batch in batches(target, plan.slots.tolist()):
                attempts += batch
    except KeyboardInterrupt:
        return attempts, True
    return attempts, False


def _plan_lines(plan: Plan, space: AddressSpace) -> Iterator[str]:
    from hpview.acting import words

    name = printable(f"{space.comm} {plan.name}").rstrip()
    yield f"{plan.pid} {name}: {plan.start:x}-{plan.end:x}"
    yield f"  {words.expected_words(plan)}"
    if plan.doubt:
        yield f"  the kernel may refuse: {plan.doubt}"
    yield f"  {words.call_words(plan)}"
    for line in words.memory_words(plan):
        yield f"  costs: {line}"


def _result_lines(
    plan: Plan, attempts: list[Attempt], before: AddressSpace, after: AddressSpace
) -> Iterator[str]:
    from hpview.acting import words
    from hpview.acting.outcome import outcome

    result = outcome(plan, attempts, before, after)
    yield f"{plan.start:x}-{plan.end:x}: {words.result_words(result)}"
    for what, remedy in words.failed_words(result, plan.doubt):
        yield f"  {what}"
        if remedy:
            yield f"    what would help: {remedy}"
