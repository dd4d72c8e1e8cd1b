"""Every line of the research and what became of it.

A rule names the lines it answers (``Rule.answers``): ``A01`` to ``A38`` of domain.md 4.7, ``B1`` to ``F10`` of attendance.md 5.4, whose
own group A is written ``a:A1`` to ``a:A13``. Lines that say the same went into one rule. Lines no rule can answer are here,
each with the reason.

Where two lines were merged, or a line means something else in this house:

* A03 is ``worked_without_pay`` (by days) and ``sheet_line_unpaid`` (by what the sheet promised): two kinds of evidence.
* A06 compares payment with our own calculation (``underpaid``). That a sheet is lower than the calculation cannot stand:
  sheets are drafted from it, and a month closes only when they agree.
* A10 and a:A2, A13 and its two halves, A20 and its two: one rule for one person or team, one for the project.
* A11 and A12 are the first two thirds of a:A13; the card changed in the pay week is the last.
* A15 is B6; its strangers are unknown by definition and are refused at the gate.
* A19 within one project, and the same ID number twice, are refused by the database; what is left goes across projects.
* A21 is three things: two places at once (B5), too long a stay (B8), passing while on leave or not engaged (B6).
* C2 is the comparison with the identity card; no state source is connected.
* E5: frames are not kept, and a picture too small, dark or without a face is refused at the gate; what is left of it is ``low_liveness``.
* A22 and A23 are spread over group F, which says the same in more pieces.
* A33 with a complaint being handled: cases are not held yet; a settlement that was drawn up makes it yellow.
* A34, second half: a file is kept sealed under its hash and never written again.
* D1 and A18, D2 and A36, D4 and A24, E1 and A38: one each.
"""

NOT_POSSIBLE: dict[str, str] = {
    "C3": "The expiry of an identity card is not recorded.",
    "C5": "No blacklist of persons or companies is held.",
    "E7": "Devices do not tell their firmware; it is not recorded.",
    "F10": "When a device was on is known only as of its last heartbeat; heartbeats are not kept one by one.",
}
"""Research id -> why no rule answers it."""
