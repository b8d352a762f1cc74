"""Whether reasoner and referee agree on many situations, and how long the questions about a stack take.

Run it with `python -m benchmarks.authorization`. A situation is a principal, a resource and documents of all kinds
around them, generated from its number; asked are two single requests, and then all requests at once: what is allowed is
shown by one that the referee allows, too, and of what is proved denied six requests are tried. Times are of the
processor, on one core.
"""

import time
from collections import Counter
from pathlib import Path

from rich.console import Console

from private_inference.authorization.intent import check
from private_inference.cli.check import permissions
from private_inference.runner.project import load_stack
from tests.authorization.agreement import disagreement

SITUATIONS = 12_000
STACKS = ("dev", "staging", "prod")


def main() -> None:
    start, verdicts, wrong = time.process_time(), Counter[str](), []
    for seed in range(SITUATIONS):
        problem, verdict = disagreement(seed)
        verdicts[verdict] += 1
        wrong += [f"{seed}: {problem}"] if problem else []
    shown = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    out = Console()
    out.print(f"{SITUATIONS} situations in {time.process_time() - start:.1f} s: {len(wrong)} disagreements; {shown}")
    for each in wrong:
        out.print(each)
    for stack in STACKS:
        account, intent = permissions(load_stack(Path(), stack))
        start = time.process_time()
        report = check(account, intent)
        out.print(f"{stack}: {report.questions} questions in {time.process_time() - start:.2f} s")


if __name__ == "__main__":
    main()
