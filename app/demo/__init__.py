"""The demonstration: a project with six real faces, two past months, a gate process, and what comes of it.

    scenes.py    frames a gate camera could have taken, cut from pictures that ship with dependencies
    history.py   two past months of plausible facts, marked as demonstration
    payday.py    the first of them from terms to signed sheets, closed books, the bank and its statement
    run.py       set up, serve, post, sum up

Everything lives in ``<data folder>/demonstration`` and is made anew at each run; no other data is touched.
"""


