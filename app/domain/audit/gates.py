"""What the gates and devices themselves tell (families E)."""

from collections import defaultdict
from datetime import date, timedelta

from app.domain.audit.rule import Hit, Hits, Reckoning, Severity, grouped, rule
from app.domain.events import takes_pictures
from app.domain.facts import Channel, Verdict
from app.domain.workdays import work_date


@rule(severity=Severity.YELLOW, answers="E1", law="L18-13")
def gate_silent(reckoning: Reckoning) -> Hits:
    """This gate was silent on a day on which the others of the site were busy.

    Attendance.md 5.4 E1, domain.md 3.6. A date counts when more than ten people passed elsewhere on the site, and the gate itself
    had passages before and after it. A gate that was set up later or taken away is excused.
    """
    people: dict[date, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    first: dict[int, date] = {}
    last: dict[int, date] = {}
    for p in reckoning.passages_in_month:
        on = work_date(p.occurred_at, reckoning.facts.policy)
        people[on][p.gate_id].add(p.worker_id or 0)
        first.setdefault(p.gate_id, on)
        last[p.gate_id] = on
    busy = reckoning.limits["gate_busy_passages"]
    days = sorted(on for on, gates in people.items() if len(set().union(*gates.values())) > busy)
    for gate_id in first:
        silent = [on for on in days if first[gate_id] < on < last[gate_id] and gate_id not in people[on]]
        if len(silent) >= reckoning.limits["gate_silent_days"]:
            yield Hit(
                gate_id,
                [("gate", gate_id)],
                {"days": len(silent), "first_on": silent[0].isoformat()},
                subject_kind="gate",
            )


@rule(severity=Severity.YELLOW, answers="E2")
def sequence_gap(reckoning: Reckoning) -> Hits:
    """Cards or codes read at this gate are missing: its reader numbers them, and numbers are without a record.

    Attendance.md 5.4 E2. Within one start of a device (boot), between the lowest and the highest number recorded. Only of
    devices that recorded no face all month: whoever takes pictures numbers those that show nobody too, and these are not
    recorded. A reader's event that was refused before it was read leaves a gap as well; so a gap is a question, not a lost day.
    """
    channels: dict[str, set[Channel]] = defaultdict(set)
    for trace in reckoning.beside.traces:
        if (passage := reckoning.passages_by_id.get(trace.id)) is not None:
            channels[trace.device_id].add(passage.channel)
    numbers: dict[int, dict[tuple[str, str], set[int]]] = defaultdict(lambda: defaultdict(set))
    some: dict[tuple[int, str, str], tuple[tuple[int, int], tuple[int, int]]] = {}
    for trace in reckoning.beside.traces:
        boot, _, number = trace.event_key.rpartition(":")
        passage = reckoning.passages_by_id.get(trace.id)
        if passage is None or not boot or not number.isascii() or not number.isdigit() or takes_pictures(channels[trace.device_id]):
            continue
        gate, n = passage.gate_id, int(number)
        numbers[gate][trace.device_id, boot].add(n)
        key = (gate, trace.device_id, boot)
        low, high = some.get(key, ((n, trace.id), (n, trace.id)))
        some[key] = min(low, (n, trace.id)), max(high, (n, trace.id))
    for gate_id, starts in numbers.items():
        gaps = {start: max(found) - min(found) + 1 - len(found) for start, found in starts.items()}
        missing = sum(gaps.values())
        if missing >= reckoning.limits["sequence_gap"]:
            ends = [end for start, gap in gaps.items() if gap for end in some[gate_id, *start]]
            yield Hit(
                gate_id,
                [("gate", gate_id)] + [("passage", id_) for _, id_ in ends],
                {"missing": missing, "starts": sum(gap > 0 for gap in gaps.values())},
                subject_kind="gate",
            )


@rule(severity=Severity.YELLOW, answers="E3")
def device_clock_ahead(reckoning: Reckoning) -> Hits:
    """The clock of a device of this gate runs ahead: events came in before the device says they happened.

    Attendance.md 5.4 E3, above 60 seconds. A clock that runs behind cannot be told from a late delivery and is not accused.
    """
    limit = timedelta(seconds=reckoning.limits["clock_seconds"])
    ahead = [t for t in reckoning.beside.traces if t.captured_at is not None and t.captured_at - t.received_at > limit]
    for gate_id, traces in _by_gate(reckoning, ahead).items():
        worst = max(t.captured_at - t.received_at for t in traces if t.captured_at)
        yield Hit(
            gate_id,
            [("passage", t.id) for t in traces],
            {"passages": len(traces), "seconds_max": int(worst.total_seconds())},
            subject_kind="gate",
        )


@rule(severity=Severity.YELLOW, answers="E4", law="L18-13")
def late_delivery(reckoning: Reckoning) -> Hits:
    """Passages of this gate came in more than a week after they happened.

    Attendance.md 5.4 E4, domain.md 3.6: up to seven days late is accepted by itself.
    """
    limit = timedelta(hours=reckoning.limits["late_delivery_hours"])
    late = [
        t for t in reckoning.beside.traces
        if (p := reckoning.passages_by_id.get(t.id)) is not None and p.counts and t.received_at - p.occurred_at > limit
    ]  # fmt: skip
    for gate_id, traces in _by_gate(reckoning, late).items():
        worst = max(t.received_at - reckoning.passages_by_id[t.id].occurred_at for t in traces)
        yield Hit(
            gate_id,
            [("passage", t.id) for t in traces],
            {"passages": len(traces), "days_max": worst.days},
            subject_kind="gate",
        )


@rule(severity=Severity.RED, answers="E6")
def admitted_below_threshold(reckoning: Reckoning) -> Hits:
    """This gate admitted faces whose likeness was under the limit that held.

    Attendance.md 5.4 E6. The limit is recorded with each passage; a passage that asked, and that a person confirmed, is excused.
    """
    low = [
        t for t in reckoning.beside.traces
        if t.similarity is not None and t.similarity_min is not None and t.similarity < t.similarity_min
        and (p := reckoning.passages_by_id.get(t.id)) is not None and p.verdict is Verdict.ADMIT and p.channel is Channel.FACE
    ]  # fmt: skip
    for gate_id, traces in _by_gate(reckoning, low).items():
        yield Hit(gate_id, [("passage", t.id) for t in traces], {"passages": len(traces)}, subject_kind="gate")


def _by_gate(reckoning, traces):
    # The bundle reaches a day into the months beside it; what happened there is their finding.
    gate_of = {p.id: p.gate_id for p in reckoning.passages_in_month}
    return grouped((t for t in traces if t.id in gate_of), lambda t: gate_of[t.id])
