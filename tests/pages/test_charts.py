"""What a chart's option says; how it looks is for the browser's tests."""

from datetime import date

from app.pages import charts


def test_the_figure_of_a_day_nobody_came_does_not_lie_on_the_date_under_the_axis():
    came, _roster = charts.week([("03-30", 0, 12), ("03-31", 9, 12)], "zh")["series"]
    assert came["data"] == [0, 9]
    assert came["label"]["show"] and came["label"]["position"] == "top"


def test_the_steps_of_the_waterfall_end_at_what_is_still_owed():
    option = charts.waterfall([(date(2026, 2, 1), 900_00, 900_00), (date(2026, 3, 1), 800_00, 300_00), (date(2026, 4, 1), 100_00, 0)], "zh")
    floors, up, down, left = (series["data"] for series in option["series"])
    assert left[-1] == 600 and set(left[:-1]) == {"-"}
    # Each step down ends where the next step up begins.
    assert floors[1::2][:3] == [0, 500, 600] and floors[0::2][:3] == [0, 0, 500]
    assert up[0::2][:3] == [900, 800, 100] and down[1::2] == [900, 300, "-"]
    assert len(option["xAxis"]["data"]) == len(left) == 7
