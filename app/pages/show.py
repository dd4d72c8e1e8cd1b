"""How values look: money, days, clocks, man-days. Jinja filters, the same in every page.

Instants come here already on the project's own clock; a filter that met a naive or a UTC instant could not know.
"""

import io
import re
from datetime import date, datetime

import segno
from markupsafe import Markup

from app.pages.words import tr

WEEKDAYS = {"zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"), "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
GAP = "—"
"""Nothing known; never an empty cell."""


def money(fen: int | None) -> str:
    """``123450`` -> ``¥1,234.50``; a negative amount has its sign first."""
    if fen is None:
        return GAP
    return f"{'−' if fen < 0 else ''}¥{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def mandays(milli: int | None) -> str:
    """``750`` -> ``0.75``, ``1000`` -> ``1``; thousandths as far as they are there."""
    if milli is None:
        return GAP
    return f"{milli // 1000}.{milli % 1000:03d}".rstrip("0").rstrip(".")


def figure(value: float | None, places: int = 3) -> str:
    """A similarity or a margin."""
    return GAP if value is None else f"{value:.{places}f}"


def clock(at: datetime | None) -> str:
    """``07:58``."""
    return GAP if at is None else at.strftime("%H:%M")


def seconds(at: datetime | None) -> str:
    """``07:58:03``."""
    return GAP if at is None else at.strftime("%H:%M:%S")


def month(day: date) -> str:
    """``2026-03``."""
    return day.strftime("%Y-%m")


def css_text(text: str) -> str:
    """A text as a string of a style sheet, in its quotation marks: whatever is no letter, digit or space is written as its number."""
    return '"' + re.sub(r"[^\w ]", lambda match: f"\\{ord(match[0]):x} ", text) + '"'


def filters(language: str) -> dict[str, object]:
    """The filters of one language, by the name templates use."""

    def day(on: date | None) -> str:
        if on is None:
            return GAP
        return f"{on:%Y-%m-%d} {WEEKDAYS[language][on.weekday()]}"

    def short_day(on: date) -> str:
        return f"{on:%m-%d} {WEEKDAYS[language][on.weekday()]}"

    def moment(at: datetime | None) -> str:
        return GAP if at is None else f"{at:%Y-%m-%d %H:%M:%S}"

    def short(at: datetime | None) -> str:
        return GAP if at is None else f"{at:%m-%d %H:%M}"

    def duration(minutes: int | None) -> str:
        if minutes is None:
            return GAP
        hours, rest = divmod(minutes, 60)
        if not hours:
            return tr(language, "%(m)s 分钟", m=rest)
        return tr(language, "%(h)s 小时 %(m)s 分", h=hours, m=f"{rest:02d}")

    return {
        "money": money, "mandays": mandays, "figure": figure, "clock": clock, "seconds": seconds, "month": month,
        "css_text": css_text, "day": day, "short_day": short_day, "moment": moment, "duration": duration, "short": short,
    }


def qr(text: str) -> Markup:
    """An address or a code of ours as a QR code, in SVG as wide as its place."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", scale=8, border=4, xmldecl=False, nl=False, svgclass="qr", lineclass=None, dark="#000", light="#fff", omitsize=True
    )
    # Made by us out of our own address and letters; there is nothing of anybody's typing in it.
    return Markup(out.getvalue().decode())
