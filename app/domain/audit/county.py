"""What only shows when projects are laid beside each other: one person twice, one card for several, two places at once."""

from collections import defaultdict
from datetime import timedelta

from app.domain.audit.beside import CountyMonth, Elsewhere
from app.domain.audit.rule import Hit, Hits, Severity, county_rule, grouped
from app.domain.workdays import next_month


def _engaged(county: CountyMonth) -> dict[int, tuple[Elsewhere, ...]]:
    """Worker -> engagements that touch the month."""
    end = next_month(county.month)
    touching = (e for e in county.engagements if e.entry_on < end and (e.exit_on is None or e.exit_on > county.month))
    return grouped(sorted(touching, key=lambda e: e.id), lambda e: e.worker_id)


@county_rule(severity=Severity.YELLOW, answers="A19", law="L18")
def engaged_twice(county: CountyMonth) -> Hits:
    """This worker is on the roster of two projects for the same days.

    Domain.md 4.7 A19. Within one project the database refuses it. A change of site, out here and in there on one day, is excused.
    """
    for worker_id, engagements in _engaged(county).items():
        overlapping = [
            (a, b) for n, a in enumerate(engagements) for b in engagements[n + 1 :]
            if a.project_id != b.project_id and (a.exit_on is None or b.entry_on < a.exit_on) and (b.exit_on is None or a.entry_on < b.exit_on)
        ]  # fmt: skip
        involved = {e.id: e for pair in overlapping for e in pair}
        for project_id in {e.project_id for e in involved.values()} & county.projects:
            yield Hit(
                worker_id,
                [("engagement", i) for i in involved],
                {"projects": len({e.project_id for e in involved.values()})},
                project_id=project_id,
            )


@county_rule(severity=Severity.RED, answers="A12 a:A13", law="L724-31 L53")
def shared_card(county: CountyMonth) -> Hits:
    """The card this worker's wages go to is another worker's, too.

    Domain.md 4.7 A12: one person, one card, family or not. Counts live cards only.
    """
    engaged = _engaged(county)
    for cards in grouped(sorted(county.cards, key=lambda c: c.id), lambda c: c.number).values():
        holders = {c.worker_id for c in cards}
        if len(holders) < 2:
            continue
        for worker_id in holders:
            for project_id in {e.project_id for e in engaged.get(worker_id, ())} & county.projects:
                yield Hit(worker_id, [("card", c.id) for c in cards], {"workers": len(holders)}, project_id=project_id)


@county_rule(severity=Severity.YELLOW, answers="A19", law="L18")
def possible_same_person(county: CountyMonth) -> Hits:
    """This worker has the name, sex and date of birth of another one under a different ID number.

    Domain.md 4.7 A19. The same ID number twice cannot be recorded; two numbers for one person can. Faces are compared when a
    person is enrolled and searched every night (``one_face_twice``).
    """
    engaged = _engaged(county)
    for twins in county.doubles:
        for worker_id in twins:
            for project_id in {e.project_id for e in engaged.get(worker_id, ())} & county.projects:
                yield Hit(worker_id, [("worker", w) for w in twins], {"workers": len(twins)}, project_id=project_id)


@county_rule(severity=Severity.YELLOW, answers="A19", law="L18")
def one_face_twice(county: CountyMonth) -> Hits:
    """The face of this worker is more like another worker's than two people's faces are.

    Domain.md 4.7 A19. Pairs come from the search of one face under two names; red when an inspector has said that it is one person, excused when he has
    said that they are two.
    """
    engaged = _engaged(county)
    worst: dict[tuple[int, int], tuple[bool, list[tuple[str, int]]]] = {}
    for twin_id, low, high, verdict in sorted(county.twins, key=lambda t: t[0]):
        if verdict == "different_people":
            continue
        for worker_id in (low, high):
            for project_id in {e.project_id for e in engaged.get(worker_id, ())} & county.projects:
                same, evidence = worst.get((worker_id, project_id), (False, []))
                worst[worker_id, project_id] = same or verdict == "same_person", [*evidence, ("twin", twin_id), ("worker", low), ("worker", high)]
    for (worker_id, project_id), (same, evidence) in worst.items():
        others = len({e for e in evidence if e[0] == "worker"}) - 1
        yield Hit(worker_id, evidence, {"others": others}, severity=Severity.RED if same else None, project_id=project_id)


@county_rule(severity=Severity.RED, answers="A21 B5")
def in_two_places(county: CountyMonth) -> Hits:
    """This worker passed gates of two projects within a time in which nobody gets from one to the other.

    Domain.md 3.2 and 4.7 A21, attendance.md 5.4 B5. Ten minutes, because the distance between sites is not held: sites farther
    apart than that are judged too mildly, never too hard.
    """
    within = timedelta(minutes=county.limits["travel_minutes"])
    for worker_id, seen in grouped(sorted(county.sightings, key=lambda s: (s.at, s.id)), lambda s: s.worker_id).items():
        close: dict[int, set[int]] = defaultdict(set)
        times = 0
        for a, b in zip(seen, seen[1:], strict=False):
            if a.project_id != b.project_id and b.at - a.at < within:
                times += 1
                close[a.project_id] |= {a.id, b.id}
                close[b.project_id] |= {a.id, b.id}
        for project_id in set(close) & county.projects:
            yield Hit(worker_id, [("passage", i) for i in close[project_id]], {"times": times}, project_id=project_id)
