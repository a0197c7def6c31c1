"""What Schemathesis loads: each of its calls has an Idempotency-Key of its own, as each of a client's calls has.

Schemathesis gives one value to all cases: a key that was used for another call is refused before the call is read.
With $LOKARIO_EVERY = 2 every second of the boundary cases is tried, the first of each kind and operation always.
"""

import itertools
import os
from collections import Counter

import schemathesis

EVERY = int(os.environ["LOKARIO_EVERY"])
KEY, LONGEST = "Idempotency-Key", 200
numbers = itertools.count(1)
seen: Counter = Counter()


@schemathesis.hook
def filter_case(context, case) -> bool:
    phase = case.meta.phase
    if phase.name.value != "coverage":
        return True
    kind = (context.operation.label, phase.data.scenario, case.meta.generation.mode)
    seen[kind] += 1
    return seen[kind] % EVERY == 1 % EVERY


@schemathesis.hook
def map_case(context, case):
    given = (case.headers or {}).get(KEY)
    if isinstance(given, str) and 0 < len(given) <= LONGEST:
        number = str(next(numbers))
        case.headers[KEY] = number + given[len(number) :]
    return case
