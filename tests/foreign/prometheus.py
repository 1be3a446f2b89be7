"""Reads metrics as Prometheus does, and checks them by its naming conventions: prints each family
and its kind, and ends with 1 if something is wrong.

    PYTHONPATH=target/foreign/prometheus python3 tests/foreign/prometheus.py FILE
"""

import re
import sys

from prometheus_client.parser import text_string_to_metric_families

problems = []
families = list(text_string_to_metric_families(open(sys.argv[1]).read()))
for family in families:
    print(family.name, family.type)
    if not re.fullmatch(r"doorward(_[a-z]+)+", family.name):
        problems.append(f"{family.name} is not a name of ours")
    if not family.documentation:
        problems.append(f"{family.name} has no help")
    if not family.samples:
        problems.append(f"{family.name} has no samples")
    if re.search(r"milli|micro|minutes|kilo|mega|_ms$|_kb$|_mb$", family.name):
        problems.append(f"{family.name} is not in a base unit")
    if family.type not in ("counter", "gauge", "histogram"):
        problems.append(f"{family.name} has the type {family.type}")
    for sample in family.samples:
        # The parser takes the suffix off the name of a counter.
        if family.type == "counter" and not sample.name.endswith("_total"):
            problems.append(f"the counter {sample.name} does not end with _total")
        if family.type != "counter" and sample.name.endswith("_total"):
            problems.append(f"{sample.name} is not a counter")
        if family.type == "counter" and sample.value < 0:
            problems.append(f"{sample.name} is negative")
    if family.type == "histogram":
        buckets = [s for s in family.samples if s.name.endswith("_bucket")]
        bounds = [float(s.labels["le"]) for s in buckets]
        counts = [s.value for s in buckets]
        count = [s.value for s in family.samples if s.name.endswith("_count")]
        if bounds != sorted(bounds) or counts != sorted(counts) or count != counts[-1:]:
            problems.append(f"the buckets of {family.name} do not add up")
if len({family.name for family in families}) != len(families):
    problems.append("a family is there twice")
for problem in problems:
    print(problem, file=sys.stderr)
sys.exit(1 if problems else 0)
