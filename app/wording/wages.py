"""Words of the room ``wages``: wage items and how each was worked out, (Chinese, English).

    formula(item, language)               ``1 工日 × 400.00``; ``2 小时 × 50.00 × 150 %``; the amount stands beside it
    formula_of_several(items, language)   ``19 工日 × 400.00``: those of a month in one
"""

from collections.abc import Sequence
from typing import Protocol

SENTENCES: dict[str, tuple[str, str]] = {
    "payment_of_batch": (
        "这笔工资由专户批次代发，退回请在批次回单中登记",
        "This went through the special account; what came back is recorded with its batch",
    ),
}

NAMES: dict[str, tuple[str, str]] = {
    "component.base": ("基本工资", "Wage"),
    "component.rest_day": ("休息日工资", "Rest day"),
    "component.statutory_day": ("法定节假日工资", "Statutory holiday"),
    "component.overtime": ("延时加班", "Overtime"),
    "component.overtime_rest": ("休息日加班", "Overtime, rest day"),
    "component.overtime_statutory": ("法定节假日加班", "Overtime, statutory holiday"),
    "component.overtime_units": ("加班折工", "Overtime as man-days"),
    "component.paid_absence": ("带薪缺勤", "Paid absence"),
    "component.piece": ("计件工资", "Piece work"),
    "component.floor": ("保底差额", "Up to the guarantee"),
    "component.allowance": ("津贴补贴", "Allowance"),
    "accrual_state.no_calendar": ("没有节假日日历", "No calendar"),
    "day_state.off": ("未出勤", "Off"),
    "payment_channel.account": ("专户代发", "Special account"),
    "wage_problem.undecided_day": ("考勤待确认", "Day to decide"),
    "wage_problem.present": ("仍在场", "Still on site"),
    "wage_problem.no_terms": ("没有工资约定", "No rate recorded"),
    "wage_problem.several_terms": ("工资约定重复", "Several rates"),
    "wage_problem.calendar_missing": ("没有节假日日历，工资未计", "No calendar: earns nothing yet"),
    "wage_problem.measure_not_accepted": ("计量未验收，计件工资未计入", "Measured work not accepted: not paid yet"),
    "wage_problem.measure_not_split": ("计量没有可分配的工日或份额", "Measured work with nobody to share it"),
    "wage_problem.paid_absence_not_priced": ("计件无保底，带薪缺勤未计价", "Paid absence without a price"),
    "wage_problem.overtime_not_priced": ("签订劳动合同但加班没有计价", "Labour contract, overtime without a price"),
}


class Item(Protocol):
    """What a formula is told from: the fields of a wage item."""

    @property
    def component(self) -> str: ...
    @property
    def quantity(self) -> int: ...
    @property
    def unit(self) -> str: ...
    @property
    def rate_fen(self) -> int: ...
    @property
    def per(self) -> int: ...
    @property
    def permille(self) -> int: ...
    @property
    def amount_fen(self) -> int: ...


_DAYS = {"zh": " 工日", "en": " man-days"}
_CALENDAR_DAYS = {"zh": " 天", "en": " days"}
_SHARES = {"zh": " 份", "en": " shares"}
_HOURS = {"zh": " 小时", "en": " h"}
_MINUTES = {"zh": " 分", "en": " min"}
_WHOLE_MONTH = {"zh": "整月 ", "en": "whole month "}
_EACH_DAY = {"zh": "（逐日四舍五入到分）", "en": " (each day rounded to the fen)"}
_MORE = {"zh": "（已按 100 % 计，加发）", "en": " (100 % is paid already)"}


def formula(item: Item, language: str) -> str:
    """How the amount of a wage item follows from what was agreed. ``language`` is ``zh`` or ``en``.

    Numbers are exact: time that is no tenth of an hour is told in hours and minutes, and a rate is divided in words
    where an hour of it is no whole fen.
    """
    quantity, per, rate = item.quantity, item.per, _yuan(item.rate_fen)
    if item.component == "piece":
        unit = _SHARES if item.unit == "share" else _DAYS
        number = _days if item.unit != "share" else str
        return f"{rate} × {number(quantity)} ÷ {number(per)}{unit[language]}"
    if item.unit == "once":
        return f"{_WHOLE_MONTH[language]}{rate}" if item.component == "base" else rate
    if item.unit == "milli_day":
        if per == 1000:
            said = f"{_days(quantity)}{_DAYS[language]} × {rate}"
        else:
            said = f"{_days(quantity)}{_CALENDAR_DAYS[language]} × {rate} ÷ {_number(per)}"
    else:
        hour = 240 if item.unit == "quarter_minute" else 60
        said = f"{_time(quantity, hour, language)} × {_hourly(item.rate_fen, per, hour, language)}"
    if item.permille != 1000:
        said += f" × {_number(item.permille * 100)} %"
    if item.permille < 1000 and item.component == "overtime":
        said += _MORE[language]
    return said


def formula_of_several(items: Sequence[Item], language: str) -> str:
    """The formula of items alike but for their day and quantity, as one: days and hours added up.

    Each amount was rounded for itself; where their sum is not what the formula gives, it says so. Not for ``piece``: its
    parts are no sum of days.
    """
    first, count = items[0], len(items)
    if count == 1:
        return formula(first, language)
    if first.unit == "once":
        return f"{count} × {_yuan(first.rate_fen)}"
    quantity = sum(item.quantity for item in items)
    said = formula(_Summed(first, quantity), language)
    exact, rest = divmod(quantity * first.rate_fen * first.permille, 1000 * first.per)
    return said if not rest and exact == abs(sum(item.amount_fen for item in items)) else said + _EACH_DAY[language]


class _Summed:
    """An item with the quantity of several."""

    def __init__(self, item: Item, quantity: int) -> None:
        self.component, self.quantity, self.unit = item.component, quantity, item.unit
        self.rate_fen, self.per, self.permille = item.rate_fen, item.per, item.permille


def _yuan(fen: int) -> str:
    return f"{fen // 100:,}.{fen % 100:02d}"


def _days(thousandths: int) -> str:
    told = _number(thousandths)
    return told if "." in told else f"{told}.0"


def _number(thousandths: int) -> str:
    return f"{thousandths // 1000:,}.{thousandths % 1000:03d}".rstrip("0").rstrip(".")


def _time(quantity: int, hour: int, language: str) -> str:
    if quantity * 10 % hour == 0:
        tenths = quantity * 10 // hour
        return f"{tenths // 10}.{tenths % 10}{_HOURS[language]}"
    hours, minutes = divmod(quantity * 60 // hour, 60)
    return f"{hours}{_HOURS[language]} {minutes}{_MINUTES[language]}" if hours else f"{minutes}{_MINUTES[language]}"


def _hourly(rate_fen: int, per: int, hour: int, language: str) -> str:
    if rate_fen * hour % per == 0:
        return _yuan(rate_fen * hour // per)
    return f"{_yuan(rate_fen)} ÷ {_time(per, hour, language)}"
