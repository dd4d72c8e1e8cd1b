"""Every page of the service is measured: ``bench/pages.py`` has a row for each route."""

import random
import re

from app import access
from bench import pages as bench

KNOWN = bench.Known(workers=(1, 2), teams=(1,), sheets=(4, 5), batches=(3,), months=("2026-02", "2026-03"), accounts=(1,), own_lines=(9,), own_sheets=(4,))


def test_every_page_and_chart_is_measured_by_addresses_of_its_own_route():
    assert bench.ADDRESSES.keys() == bench.roles_of().keys(), "a page without a row in bench/pages.py is measured by nobody"
    for path, addresses in bench.ADDRESSES.items():
        pattern = re.sub(r"\{\w+:int\}", r"[0-9]+", path)
        for address in addresses:
            asked = address(random.Random(1), KNOWN).partition("?")[0]
            assert re.fullmatch(pattern, asked), (path, asked)


def test_a_page_is_asked_for_by_every_role_that_may_open_it():
    roles = bench.roles_of()
    assert set(roles["/"]) == set(access.Role)
    assert set(roles["/county"]) == {access.Role.INSPECTOR}
    assert all(roles.values())


def test_who_reaches_a_part_is_measured_on_his_part():
    assert KNOWN.seen_by("team_leader").sheets == (4,) and KNOWN.seen_by("manager").sheets == (4, 5)
