"""Which team or company was probably meant."""

import pytest

from app.domain.likeness import company_like, team_like

TEAMS = ["钢筋一班", "钢筋二班", "木工班", "混凝土浇筑班", "水电安装十二班"]
COMPANIES = ["海盐建设总包有限公司", "海盐县恒远建筑劳务分包有限责任公司", "嘉禾劳务有限公司"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("钢筋1班", "钢筋一班"), ("钢筋 一 班组", "钢筋一班"), ("钢筋第二班", "钢筋二班"), ("木工组", "木工班"), ("混疑土浇筑班", "混凝土浇筑班"),
        ("水电安装12班", "水电安装十二班"), ("钢筋一班", None), ("钢筋三班", None), ("瓦工班", None), ("架子工班", None),
    ],
)  # fmt: skip
def test_a_team_written_another_way_is_the_team_and_another_number_is_another(typed, meant):
    assert team_like(typed, TEAMS) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("海盐建设总承包有限公司", "海盐建设总包有限公司"), ("海盐建社总包公司", "海盐建设总包有限公司"),
        ("恒远劳务", "海盐县恒远建筑劳务分包有限责任公司"), ("嘉禾劳务公司", "嘉禾劳务有限公司"), ("嘉禾劳务有限公司", None),
        ("杭州四方机电有限公司", None), ("劳务", None),
    ],
)  # fmt: skip
def test_a_company_written_short_or_wrong_is_the_company(typed, meant):
    assert company_like(typed, COMPANIES) == meant


def test_of_two_companies_the_nearer_one_is_asked_about():
    assert company_like("海盐建设二公司", ["海盐建设三处有限公司", "海盐建设二处公司"]) == "海盐建设二处公司"
