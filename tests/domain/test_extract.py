"""An extract of the journal is checked by whoever holds a head, with the file alone."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from app.domain.chain import GENESIS, commitment, link
from app.domain.extract import KIND, check, head_of, row

AT = datetime(2026, 3, 31, 8, tzinfo=UTC)


def journal(count: int = 9, withheld: tuple[int, ...] = (4,)) -> list[str]:
    prev, rows = GENESIS, []
    for seq in range(1, count + 1):
        line = {"id": seq, "at": AT, "actor": "wu", "action": "evidence.read", "project_id": 1, "object": f"evidence:{seq}", "facts": {"n": 1.5, "说明": "补"}}
        committed = commitment(b"", line)
        hash_ = link(prev, seq, KIND, committed)
        rows.append(row(seq, prev, hash_, None if seq in withheld else line, committed))
        prev = hash_
    return rows


ROWS = journal()


def head(seq: int) -> tuple[int, str]:
    return seq, json.loads(ROWS[seq - 1])["hash"]


def kinds(rows: list[str], *heads: tuple[int, str]) -> set[str]:
    return {fault.kind for fault in check(rows, heads or [head(9)]).faults}


def changed(at: int, change) -> list[str]:
    said = json.loads(ROWS[at - 1])
    change(said)
    return [*ROWS[: at - 1], json.dumps(said), *ROWS[at:]]


def test_a_whole_extract_is_proven_up_to_the_head():
    found = check(ROWS, [head(7)])
    assert (found.first, found.last, found.shown, found.withheld, found.proven, found.faults) == (1, 9, 8, 1, 7, ())


def test_a_part_is_proven_by_a_later_head():
    assert kinds(ROWS[3:], head(9)) == set()


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (changed(3, lambda r: r["line"].update(actor="chen")), {"edited"}),
        (changed(3, lambda r: r["line"].update(at="2026-03-30T08:00:00.000000Z")), {"edited"}),
        (changed(4, lambda r: r.update(commitment="0" * 64)), {"edited"}),
        ([*ROWS[:2], *ROWS[3:]], {"missing"}),
        ([*ROWS[:2], ROWS[3], ROWS[2], *ROWS[4:]], {"missing", "order"}),
        ([*ROWS[:2], ROWS[1], *ROWS[2:]], {"order"}),
        (ROWS[:8], {"not_there"}),
        ([], {"not_there"}),
        ([*ROWS[:2], "not JSON", *ROWS[2:]], {"unreadable"}),
        ([*ROWS[:2], ROWS[2].replace('"actor": "wu"', '"actor": "chen", "actor": "wu"'), *ROWS[3:]], {"unreadable", "missing"}),
        (changed(3, lambda r: r.update(commitment="0" * 64)), {"unreadable", "missing"}),
        (changed(3, lambda r: r.update(seq=True)), {"unreadable", "missing"}),
    ],
)  # fmt: skip
def test_a_line_that_was_changed_removed_moved_or_added_is_found(rows: list[str], found: set[str]):
    assert kinds(rows) == found


def test_a_journal_written_anew_from_some_line_on_is_found_by_the_head_alone():
    anew = journal(9, withheld=())
    said = json.loads(anew[4])
    said["line"]["actor"] = "chen"
    rows, prev = anew[:4], json.loads(anew[3])["hash"]
    for text in [json.dumps(said), *anew[5:]]:
        line = json.loads(text)
        hash_ = link(prev, line["seq"], KIND, commitment(b"", line["line"]))
        rows.append(json.dumps({"seq": line["seq"], "prev_hash": prev, "hash": hash_, "line": line["line"]}))
        prev = hash_
    assert kinds(rows) == {"rewritten"}
    assert kinds(rows, head(4)) == set(), "a head proves what was before it, and nothing behind"
    assert check(rows, [head(4)]).proven == 4


def test_it_runs_alone(tmp_path):
    file = tmp_path / "journal.jsonl"
    file.write_text("\n".join(ROWS), encoding="utf-8")
    held = f"journal:9:{head(9)[1]}"
    run = [sys.executable, "-S", "-m", "app.domain.extract", str(file)]
    assert subprocess.run([*run, held], check=False, capture_output=True).returncode == 0
    file.write_text("\n".join(ROWS[:-1]), encoding="utf-8")
    assert subprocess.run([*run, held], check=False, capture_output=True).returncode == 1
    assert subprocess.run([*run, "journal:9"], check=False, capture_output=True).returncode == 2


@pytest.mark.parametrize("text", ["", "journal:1", "journal:x:" + "0" * 64, "journal:1:" + "g" * 64, "seal:1:" + "0" * 64])
def test_what_is_no_head_is_refused(text: str):
    with pytest.raises(ValueError, match="head"):
        head_of(text)
