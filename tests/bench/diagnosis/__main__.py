"""``python -m tests.bench.diagnosis [--quick] [--half dev|held] [--each N] [--show KIND]``: how often the diagnosis is right.

Trains the corpus with nntui's own engine, tries the cures, and compares what was said with what helped. Runs are kept in
--cache, so that judging them again with other rules takes seconds. On one core the held-out half takes about a quarter of an hour, the
other one an hour and more, --quick three minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

from .case import HEALTHY, KINDS
from .corpus import cases
from .judging import Judged, advice_works, judge, naive
from .runs import Store


def main() -> int:
    """Train what is missing, judge, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.diagnosis")
    parser.add_argument("--quick", action="store_true", help="one run of every class of each set that was seen")
    parser.add_argument("--half", choices=("dev", "held"), help="only this half of the corpus")
    parser.add_argument("--each", type=int, default=10, help="runs of every class in each half")
    parser.add_argument(
        "--only", action="append", default=[], choices=(*HEALTHY, *KINDS), help="only what is planted so"
    )
    parser.add_argument("--show", action="store_true", help="a line for each run that was judged wrongly")
    parser.add_argument("--no-advice", action="store_true", help="do not try what the warnings advise")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "nntui-diagnosis")
    asked = parser.parse_args()
    store = Store(asked.cache)
    each, half = (1, "dev") if asked.quick else (asked.each, asked.half)
    chosen = [
        case
        for case in cases(each)
        if half in (None, case.half)
        and (not asked.only or case.planted in asked.only)
        and (not asked.quick or case.name.endswith("-0"))
    ]
    judged: list[Judged] = []
    for number, case in enumerate(chosen, 1):
        judged.append(judge(case, store))
        if sys.stderr.isatty() or number % 20 == 0:
            print(f"{number} of {len(chosen)} cases, {store.trained} runs trained", file=sys.stderr, flush=True)
    for name in ("dev", "held"):
        part = [one for one in judged if one.case.half == name]
        if part:
            report(name, part, store, not (asked.no_advice or asked.quick))
            if asked.show:
                show(part)
    return 0


def report(half: str, judged: Sequence[Judged], store: Store, advice: bool) -> None:
    """The figures of one half."""
    kept = [one for one in judged if one.label]
    print(f"\n## half {half}: {len(judged)} runs planted, {len(kept)} kept")
    changed = Counter(one.why for one in judged if one.why)
    for why, count in sorted(changed.items(), key=lambda pair: -pair[1]):
        print(f"  {count} x {why}")
    print("\n| kind | runs | found | false | precision | recall | F1 | median delay, epochs | before onset |")
    print("|---|---|---|---|---|---|---|---|---|")
    scores: list[float] = []
    strict: list[float] = []
    all_delays: list[int] = []
    for kind in KINDS:
        have = [one for one in kept if one.label == kind]
        right = [one for one in have if kind in one.said]
        wrong = [one for one in kept if one.label != kind and kind in one.said]
        if not have and not wrong:
            continue
        precision, recall, f1 = _figures(len(right), len(wrong), len(have))
        if have:
            scores.append(f1)
            beside = sum(one.label != kind and kind in one.said_at_all for one in kept)
            strict.append(_figures(len(right), beside, len(have))[2])
        delays = [one.told_at(kind) - one.onset for one in right]
        all_delays += delays
        delay = f"{median(delays):.0f}" if delays else ""
        print(
            f"| {kind} | {len(have)} | {len(right)} | {len(wrong)} | {precision:.2f} | {recall:.2f} | {f1:.2f} | {delay} "
            f"| {sum(delay < 0 for delay in delays)} of {len(delays)} |"
        )
    early = sum(delay < 0 for delay in all_delays)
    print(f"\nmacro-F1 over {len(scores)} kinds: {sum(scores) / max(1, len(scores)):.3f}")
    print(
        f"the same strictly by label, what is true beside it as well counted as false: {sum(strict) / max(1, len(strict)):.3f}"
    )
    print(f"right warnings before onset: {early} of {len(all_delays)} ({early / max(1, len(all_delays)):.0%})")
    print(_any_problem("any problem", [bool(one.alarms) for one in kept], kept))
    rules = naive(kept[0].run) if kept else {}
    for name in rules:
        print(_any_problem(f"naive: {name}", [naive(one.run)[name] for one in kept], kept))
    for name in HEALTHY:
        well = [one for one in kept if one.label == name]
        count = sum(len(one.alarms) for one in well)
        said = Counter(alarm.kind for one in well for alarm in one.alarms)
        print(f"warnings per {name} run: {count / max(1, len(well)):.3f} ({count} in {len(well)}) {dict(said) or ''}")
        for rule in rules:
            print(f"  naive: {rule}: {sum(naive(one.run)[rule] for one in well)} of {len(well)}")
    if advice:
        report_advice(kept, store)


def report_advice(kept: Sequence[Judged], store: Store) -> None:
    """How often the first action of a warning really helps."""
    tried: list[tuple[str, bool]] = []
    untried: Counter[str] = Counter()
    for one in kept:
        for alarm in one.alarms:
            works = advice_works(one, alarm, store)
            if works is None:
                untried[alarm.kind] += 1
            else:
                tried.append((alarm.kind, works))
    good = sum(works for _, works in tried)
    print(
        f"advice works: {good} of {len(tried)} ({good / max(1, len(tried)):.0%}) first actions lower the test loss by 5 %"
    )
    for kind, count in Counter(kind for kind, works in tried if not works).most_common():
        print(f"  it did not {count} of {sum(k == kind for k, _ in tried)} times for {kind}")
    if untried:
        print(f"  {sum(untried.values())} more have a first action that is no setting: {dict(untried)}")


def _figures(right: int, wrong: int, there: int) -> tuple[float, float, float]:
    """Precision, recall and F1 of so many right and wrong ones, where there are so many."""
    precision, recall = right / max(1, right + wrong), right / max(1, there)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def _any_problem(name: str, said: Sequence[bool], kept: Sequence[Judged]) -> str:
    ill = [one.label not in HEALTHY for one in kept]
    right = sum(a and b for a, b in zip(said, ill, strict=True))
    wrong = sum(a and not b for a, b in zip(said, ill, strict=True))
    precision, recall, f1 = _figures(right, wrong, sum(ill))
    return f"{name}: precision {precision:.2f}, recall {recall:.2f}, F1 {f1:.3f} ({right} right, {wrong} false, {sum(ill)} ill)"


def show(judged: Sequence[Judged]) -> None:
    """The runs that were judged wrongly."""
    print()
    for one in judged:
        right = {one.label} if one.label not in HEALTHY else set()
        if one.label and one.said != right:
            last = one.run.epochs[-1]
            said = ", ".join(f"{alarm.kind}@{alarm.epoch}" for alarm in one.alarms) or "nothing"
            print(
                f"  {one.case.name}: {one.label or 'dropped'}; said {said}; {one.case.table}, {len(one.run.epochs)} epochs, "
                f"train {last.train_loss:.3g}, val {last.val_loss:.3g}, test {one.run.test:.3g}, B {one.run.baseline:.3g}"
            )


if __name__ == "__main__":
    raise SystemExit(main())
