"""Gate, sheet and bank side by side: what differs is named, what agrees is left alone, and the sums add up."""

import random

import pytest

from app.domain.threeway import RED, Bank, Check, Difference, Gate, Sheet, compare, teams_of

D = Difference


def gate(worker_id=1, days=20_000, fen=8000_00, undecided=0, team_id=7) -> Gate:
    return Gate(worker_id, team_id, days, undecided, fen)


def sheet(worker_id=1, days=20_000, gross=8000_00, withheld=0, team_id=7, **more) -> Sheet:
    return Sheet(worker_id, team_id, days, gross, withheld, gross - withheld, **more)


def bank(worker_id=1, paid=8000_00, **more) -> Bank:
    return Bank(worker_id, paid, **more)


def told(*three, is_due=True) -> tuple[Difference, ...]:
    kinds = {Gate: [], Sheet: [], Bank: []}
    for each in three:
        kinds[type(each)].append(each)
    (row,) = compare(kinds[Gate], kinds[Sheet], kinds[Bank], is_due=is_due).rows
    return row.differences


@pytest.mark.parametrize(
    ("three", "differences"),
    [
        ((gate(), sheet(), bank()), ()),
        ((gate(), sheet(withheld=500_00), bank(paid=7500_00)), ()),
        # Days and money
        ((gate(), sheet(days=21_000), bank()), (D.DAYS_MORE,)),
        ((gate(), sheet(days=19_000), bank()), (D.DAYS_FEWER,)),
        ((gate(), sheet(gross=8000_01), bank(paid=8000_01)), (D.SUM_MORE,)),
        ((gate(), sheet(gross=7999_99), bank(paid=7999_99)), (D.SUM_LESS,)),
        ((gate(), sheet(), bank(paid=7999_99)), (D.UNDERPAID,)),
        ((gate(), sheet(), bank(paid=8000_01)), (D.OVERPAID,)),
        # One of three is missing
        ((gate(), sheet()), (D.UNPAID,)),
        ((gate(), sheet(), bank(paid=0)), (D.UNPAID,)),
        ((gate(), bank()), (D.NOT_ON_SHEET,)),
        ((gate(),), (D.NOT_ON_SHEET, D.UNPAID)),
        ((sheet(), bank()), (D.PAID_WITHOUT_WORK, D.NOT_AT_GATE)),
        ((sheet(),), (D.NOT_AT_GATE, D.UNPAID)),
        ((bank(),), (D.PAID_WITHOUT_WORK,)),
        # Excused: an undecided day is a sighting, wages without a day are the facts' own
        ((gate(days=0, fen=0, undecided=1), bank()), (D.OVERPAID, D.UNDECIDED)),
        ((gate(days=0, fen=300_00), sheet(days=0, gross=300_00), bank(paid=300_00)), ()),
        ((gate(days=0, fen=0), sheet(days=0, gross=0)), ()),
        # How it was paid
        ((gate(), sheet(), bank(outside_fen=100_00)), (D.OUTSIDE,)),
        ((gate(), sheet(unsigned=1), bank()), (D.UNSIGNED,)),
        ((gate(), sheet(disputed=1), bank()), (D.DISPUTED,)),
        ((gate(), sheet(), bank(paid=0, transit_fen=8000_00)), (D.UNPAID,)),
    ],
)
def test_what_differs_is_named(three, differences):
    assert told(*three) == differences


def test_before_the_pay_day_nothing_is_missing_yet():
    assert told(gate(), is_due=False) == ()
    assert told(gate(), sheet(), is_due=False) == ()
    assert told(gate(), sheet(), bank(paid=100_00), is_due=False) == ()
    # What is wrong already is wrong already.
    assert told(bank(), is_due=False) == (D.PAID_WITHOUT_WORK,)
    assert told(gate(), sheet(days=21_000), is_due=False) == (D.DAYS_MORE,)
    assert told(gate(), sheet(unsigned=1), is_due=False) == ()


def test_a_worker_twice_in_one_list_is_refused():
    with pytest.raises(ValueError):
        compare([gate(), gate()], [], [], is_due=True)


def test_those_with_most_at_stake_come_first_and_those_who_agree_last():
    check = compare(
        [gate(1), gate(2), gate(3), gate(4)],
        [sheet(1), sheet(2), sheet(3), sheet(4, days=20_500)],
        [bank(1), bank(2, paid=7000_00), bank(3, paid=1000_00), bank(4)],
        is_due=True,
    )
    assert [row.worker_id for row in check.rows] == [4, 3, 2, 1]
    assert [row.worker_id for row in check.differing] == [4, 3, 2]
    assert check.counts == {D.DAYS_MORE: 1, D.UNDERPAID: 2}


def test_days_count_as_paid_when_the_whole_line_is():
    check = compare([gate(1), gate(2)], [sheet(1), sheet(2)], [bank(1), bank(2, paid=7999_99)], is_due=True)
    assert (check.bank.people, check.bank.day_milli, check.bank.fen) == (2, 20_000, 15_999_99)


def random_month(seed: int) -> Check:
    chance = random.Random(seed)
    lists: tuple[list, list, list] = ([], [], [])
    for worker_id in range(1, 60):
        team = chance.choice([None, 1, 2, 3])
        if chance.random() < 0.9:
            lists[0].append(gate(worker_id, chance.randrange(0, 31_000, 250), chance.randrange(900_000), chance.randrange(2), team))
        if chance.random() < 0.8:
            gross = chance.randrange(900_000)
            lists[1].append(sheet(worker_id, chance.randrange(0, 31_000, 250), gross, chance.randrange(gross + 1), team))
        if chance.random() < 0.8:
            lists[2].append(bank(worker_id, chance.randrange(-100, 900_000)))
    return compare(*lists, is_due=chance.random() < 0.5)


@pytest.mark.parametrize("seed", range(20))
def test_every_day_and_every_fen_is_in_the_sums_of_the_teams_once(seed):
    check = random_month(seed)
    teams = teams_of(check)
    for side in ("gate", "sheet", "bank"):
        for name in ("people", "day_milli", "fen"):
            assert sum(getattr(getattr(team, side), name) for team in teams) == getattr(getattr(check, side), name)
    assert sum(team.differing for team in teams) == len(check.differing)
    assert sum(check.counts.values()) == sum(len(row.differences) for row in check.rows)
    assert check.net_fen == check.sheet.fen - check.withheld_fen
    red = [bool(set(row.differences) & RED) for row in check.differing]
    assert red == sorted(red, reverse=True), "red first"
