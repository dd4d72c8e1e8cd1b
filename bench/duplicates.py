"""How long does the county's search for one face under two ID numbers take, and how much memory? ``python -m bench.duplicates``

Random templates of the active shape, with some planted pairs, are searched as ``recognition.twins`` does. Two things are
measured in one run: the nightly search (``--fresh`` new templates against all) and the speed a whole search would have, from
the same blocks. Templates are kept in float32 and in float16; both must find the planted pairs and nothing else.
The last line is one JSON object. CPU seconds; the machine is shared, so read ratios.
"""

import argparse
import json
import resource
import time

import numpy as np

# Sets one thread for the libraries, as the service has it.
from recognition.twins import alike


def crowd(count: int, dimension: int, planted: int, seed: int) -> np.ndarray:
    """Templates of people who are not alike, and ``planted`` of the last ones very like one of the first."""
    rng = np.random.default_rng(seed)
    made = np.empty((count, dimension), np.float32)
    for low in range(0, count, 65536):
        part = rng.standard_normal((min(65536, count - low), dimension), np.float32)
        part *= 1.4 / np.linalg.norm(part, axis=1, keepdims=True)
        made[low : low + len(part)] = part
    for n in range(planted):
        made[count - 1 - n] = made[n] + rng.standard_normal(dimension, np.float32) * np.float32(0.1 / dimension**0.5)
    return made


def run(every: np.ndarray, fresh: np.ndarray, whole: np.ndarray, similarity_min: float) -> dict[str, float]:
    """One search, timed."""
    began, cpu = time.perf_counter(), time.process_time()
    first = len(whole) - len(fresh)
    found = sum(pair.every != first + pair.fresh for pair in alike(fresh, every, similarity_min, "euclidean", exact=lambda at: whole[at]))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    pairs = len(fresh) * len(every)
    return {"found": found, "cpu_s": round(cpu, 2), "wall_s": round(wall, 2), "pairs_per_cpu_s": round(pairs / cpu)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--templates", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--fresh", type=int, default=2_000)
    parser.add_argument("--similarity-min", type=float, default=0.6)
    asked = parser.parse_args()

    planted = min(25, asked.fresh // 2)
    whole = crowd(asked.templates, asked.dimension, planted, 1)
    fresh = whole[-asked.fresh :]
    report: dict[str, object] = {"templates": asked.templates, "dimension": asked.dimension, "fresh": asked.fresh, "planted": planted}
    for name, kept in (("float32", np.float32), ("float16", np.float16)):
        every = whole if kept is np.float32 else whole.astype(kept)
        told = run(every, fresh, whole, asked.similarity_min)
        told["memory_mb"] = round(every.nbytes / 1e6)
        # A whole search meets each pair twice less often: new ones go against all, all against all is half of the square.
        told["whole_search_cpu_h"] = round(asked.templates * (asked.templates - 1) / 2 / told["pairs_per_cpu_s"] / 3600, 2)
        report[name] = told
        print(
            f"{name}: {told['memory_mb']} MB, {asked.fresh} new against {asked.templates}: {told['cpu_s']} s CPU, "
            f"{told['found']} of {planted} planted pairs; the whole once: {told['whole_search_cpu_h']} CPU hours"
        )
    report["float16_to_float32"] = round(report["float16"]["cpu_s"] / report["float32"]["cpu_s"], 2)
    report["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
