"""Charts as ECharts options: dictionaries made here, drawn by the browser as SVG. No text is made in the browser."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from app.pages.words import tr

INK, QUIET, LINE = "#1c2126", "#545d66", "#dcdfdc"
ON_SITE, LEFT, ABSENT = "#1f5673", "#8fb0c2", "#e3e5e1"
FONT = "system-ui, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
ROW_PX = 30


def _base(description: str) -> dict[str, Any]:
    return {
        "animation": False,
        "textStyle": {"fontFamily": FONT, "color": INK},
        "aria": {"enabled": True, "label": {"description": description}},
        "legend": {"top": 0, "left": 0, "itemWidth": 12, "itemHeight": 12, "textStyle": {"color": QUIET}},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}, "confine": True},
    }


def teams_height(teams: int) -> int:
    """Height in pixels that gives each team a bar of the same thickness."""
    return max(150, 70 + ROW_PX * teams)


def teams(rows: Sequence[tuple[str, int, int, int]], language: str) -> dict[str, Any]:
    """Stacked bars.

    Args:
        rows: (team, on site, left again, not come), the first at the top.
    """
    said = "; ".join(f"{name} {on_site}/{left}/{absent}" for name, on_site, left, absent in rows)
    series = ((tr(language, "在场"), ON_SITE), (tr(language, "已离场"), LEFT), (tr(language, "未到"), ABSENT))
    return {
        **_base(tr(language, "各班组今日在场、已离场、未到人数：%(said)s", said=said)),
        "grid": {"top": 32, "left": 8, "right": 16, "bottom": 4, "containLabel": True},
        "xAxis": {"type": "value", "minInterval": 1, "splitLine": {"lineStyle": {"color": LINE}}, "axisLabel": {"color": QUIET}},
        "yAxis": {
            "type": "category",
            "inverse": True,
            "data": [row[0] for row in rows],
            "axisTick": {"show": False},
            "axisLine": {"lineStyle": {"color": LINE}},
            "axisLabel": {"color": INK, "width": 130, "overflow": "truncate"},
        },
        "series": [
            {
                "name": label,
                "type": "bar",
                "stack": "people",
                "barMaxWidth": 18,
                "itemStyle": {"color": colour},
                "data": [row[1 + position] for row in rows],
            }
            for position, (label, colour) in enumerate(series)
        ],
    }


def week(points: Sequence[tuple[str, int, int]], language: str) -> dict[str, Any]:
    """A line of who came, against the roster.

    Args:
        points: (day, came, roster), oldest first.
    """
    said = "; ".join(f"{day} {came}/{roster}" for day, came, roster in points)
    line = {"type": "line", "symbolSize": 7}
    return {
        **_base(tr(language, "近七天到岗与在册人数：%(said)s", said=said)),
        "grid": {"top": 32, "left": 4, "right": 14, "bottom": 2, "containLabel": True},
        "xAxis": {
            "type": "category",
            "data": [point[0] for point in points],
            "axisTick": {"show": False},
            "axisLine": {"lineStyle": {"color": LINE}},
            "axisLabel": {"color": QUIET},
        },
        "yAxis": {"type": "value", "minInterval": 1, "splitLine": {"lineStyle": {"color": LINE}}, "axisLabel": {"color": QUIET}},
        "series": [
            {
                **line,
                "name": tr(language, "到岗"),
                "symbol": "circle",
                "color": ON_SITE,
                "data": [point[1] for point in points],
                # Above: below the point, the figure of a day nobody came lies on the date under the axis.
                "label": {"show": True, "position": "top", "color": INK},
            },
            {
                **line,
                "name": tr(language, "在册"),
                "symbol": "none",
                "color": "#7c858c",
                "lineStyle": {"type": "dashed", "width": 1.5},
                "data": [point[2] for point in points],
            },
        ],
    }


def owed(rows: Sequence[tuple[date, int, int, bool]], language: str) -> dict[str, Any]:
    """Stacked bars of wages by the month they were earned in, in yuan: paid, owed and not due, owed past the pay day.

    Args:
        rows: (month, fen paid, fen owed, past its pay day), the oldest first.
    """
    said = "; ".join(f"{month:%Y-%m} {paid / 100:.2f}/{fen / 100:.2f}" for month, paid, fen, _ in rows)
    series = (
        (tr(language, "已付"), LEFT, [paid for _, paid, _, _ in rows]),
        (tr(language, "未付，未到期"), "#d8b25c", [0 if late else fen for _, _, fen, late in rows]),
        (tr(language, "未付，已逾期"), "#a12a1f", [fen if late else 0 for _, _, fen, late in rows]),
    )
    return {
        **_base(tr(language, "各月工资已付与未付：%(said)s", said=said)),
        "grid": {"top": 32, "left": 8, "right": 16, "bottom": 4, "containLabel": True},
        "xAxis": {
            "type": "category",
            "data": [f"{month:%Y-%m}" for month, *_ in rows],
            "axisTick": {"show": False},
            "axisLine": {"lineStyle": {"color": LINE}},
            "axisLabel": {"color": QUIET},
        },
        "yAxis": {"type": "value", "splitLine": {"lineStyle": {"color": LINE}}, "axisLabel": {"color": QUIET}},
        "series": [
            {"name": name, "type": "bar", "stack": "wages", "barMaxWidth": 44, "itemStyle": {"color": colour}, "data": [fen / 100 for fen in fens]}
            for name, colour, fens in series
        ],
    }


def waterfall(rows: Sequence[tuple[date, int, int]], language: str) -> dict[str, Any]:
    """How what is owed came together, in yuan: each month what was to be paid adds a step up, what was paid for it a step down.

    Args:
        rows: (month, fen to be paid, fen of it paid), the oldest first; what was paid too much is in neither.
    """
    floors, up, down, left = [], [], [], []
    names, standing = [], 0
    for month, due, paid in rows:
        names += [f"{month:%Y-%m}", ""]
        floors += [standing, standing + due - paid]
        up += [due, 0]
        down += [0, paid]
        left += [0, 0]
        standing += due - paid
    names.append(tr(language, "尚欠"))
    floors.append(0)
    up.append(0)
    down.append(0)
    left.append(standing)
    said = "; ".join(f"{month:%Y-%m} +{due / 100:.2f} −{paid / 100:.2f}" for month, due, paid in rows)
    series = ((tr(language, "应付"), "#d8b25c", up), (tr(language, "已付"), LEFT, down), (tr(language, "尚欠"), "#a12a1f", left))
    plain = {"type": "bar", "stack": "owed", "barMaxWidth": 34, "barCategoryGap": "12%"}
    return {
        **_base(tr(language, "欠款怎么来的：%(said)s", said=said)),
        "grid": {"top": 32, "left": 8, "right": 16, "bottom": 4, "containLabel": True},
        "xAxis": {
            "type": "category",
            "data": names,
            "axisTick": {"show": False},
            "axisLine": {"lineStyle": {"color": LINE}},
            "axisLabel": {"color": QUIET, "hideOverlap": True},
        },
        "yAxis": {"type": "value", "splitLine": {"lineStyle": {"color": LINE}}, "axisLabel": {"color": QUIET}},
        "series": [
            # What the steps stand on: nothing of it is drawn or told.
            plain | {"name": "", "silent": True, "itemStyle": {"color": "transparent"}, "tooltip": {"show": False}, "data": [fen / 100 for fen in floors]},
            *(plain | {"name": name, "itemStyle": {"color": colour}, "data": [fen / 100 or "-" for fen in fens]} for name, colour, fens in series),
        ],
        "legend": _base("")["legend"] | {"data": [name for name, _, _ in series]},
    }
