"""The demonstration: a project with six real faces, a past month, a gate process, and what comes of it.

    scenes.py    frames a gate camera could have taken, cut from pictures that ship with dependencies
    history.py   a past month of plausible facts, marked as demonstration
    run.py       set up, serve, post, sum up

Everything lives in ``<data folder>/demonstration`` and is made anew at each run; no other data is touched.
"""


