"""What a chart's option says; how it looks is for the browser's tests."""

from app.pages import charts


def test_the_figure_of_a_day_nobody_came_does_not_lie_on_the_date_under_the_axis():
    came, _roster = charts.week([("03-30", 0, 12), ("03-31", 9, 12)], "zh")["series"]
    assert came["data"] == [0, 9]
    assert came["label"]["show"] and came["label"]["position"] == "top"
