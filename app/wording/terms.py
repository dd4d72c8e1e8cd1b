"""Words of the room ``terms``: pay agreed, allowances, advances, deductions, measures, county rules, (Chinese, English)."""

from collections.abc import Mapping

SENTENCES: dict[str, tuple[str, str]] = {
    # terms
    "pay_kind_unknown": ("计薪方式须为计日、计时、月薪或计件", "Pay is by day, hour, month or piece"),
    "pay_kind_differs": (
        "计薪方式与已登记的不同，未更改；请在工资约定中修改",
        "The kind of pay differs from the recorded one; not changed, please change the terms",
    ),
    "overtime_differs": (
        "加班怎么算与已登记的不同，未更改；请在工资约定中修改",
        "The overtime rule differs from the recorded one; not changed, please change the terms",
    ),
    "relation_differs": (
        "签的合同或协议与已登记的不同，未更改；请在工资约定中修改",
        "The contract or agreement differs from the recorded one; not changed, please change the terms",
    ),
    "rate_wrong": ("工资标准须大于 0 且不超过 {limit} 元", "A rate is above 0 and at most {limit} yuan"),
    "floor_wrong": ("保底须大于 0 且不超过每小时 {limit} 元", "A floor is above 0 and at most {limit} yuan an hour"),
    "terms_unit_needed": ("计件须填写计量单位", "Piece work needs its unit"),
    "terms_unit_unused": ("只有计件才填写计量单位", "Only piece work has a unit"),
    "terms_floor_unused": ("只有计件才有保底", "Only piece work has a floor"),
    "terms_not_by_day": (
        "该工人当天不是按日计薪，请在工资约定中修改",
        "This worker is not paid by the day on that date; please change the terms",
    ),
    "overtime_rule_unknown": (
        "没有这种加班计价方式；名册里请从下拉列表选",
        "There is no such overtime rule; in a roster choose one from its list",
    ),
    "relation_unknown": (
        "签的须为劳动合同（labour_contract）或用工书面协议（work_agreement）",
        "What was signed is a labour contract (labour_contract) or a work agreement (work_agreement)",
    ),
    "hours_system_unknown": ("工时制度须为 standard、comprehensive 或 irregular", "An hours system is standard, comprehensive or irregular"),
    "month_method_unknown": ("月薪折算须为 deduct、forward 或 auto", "A month method is deduct, forward or auto"),
    "outside_engagement": ("日期不在该工人在本项目的期间内", "That date is outside the worker's time on the project"),
    # allowances
    "allowance_kind_unknown": (
        "津贴类型须为 meal、housing、travel、heat、height、night、skill 或 other",
        "An allowance is meal, housing, travel, heat, height, night, skill or other",
    ),
    "allowance_per_unknown": ("津贴须按天、按月或一次性", "An allowance is per day, month or once"),
    "allowance_overlaps": ("已有同类津贴，时间重叠", "The worker has an allowance of that kind for that time"),
    "allowance_ended": ("这项津贴已有结束日期", "This allowance has its end already"),
    # advances
    "advance_in_future": ("预支日期不能晚于今天", "The date of the advance has not come yet"),
    "advance_channel_unknown": ("预支方式须为 account、bank 或 cash", "An advance is by account, bank or cash"),
    "advance_proof_unknown": ("预支凭据须为 signed、bank 或 none", "A proof is signed, bank or none"),
    "advance_proof_wrong": (
        "现金没有银行凭据；专户支付须有银行凭据",
        "Cash has no bank's proof; the special account always has one",
    ),
    "advance_reference_needed": ("请填写银行流水号", "The bank's reference is needed"),
    # deductions
    "deduction_kind_unknown": (
        "只能扣个税、社保、公积金、裁判文书、损失赔偿或书面约定的款项；罚款、押金、管理费不能扣",
        "Only tax, insurance, housing fund, court orders, damage and what was agreed in writing may be withheld; no fines, deposits or fees",
    ),
    "deduction_basis_needed": (
        "请写明扣款依据，至少 {length_min} 个字",
        "Please say what the deduction rests on, at least {length_min:character|characters}",
    ),
    "deduction_month_wrong": ("扣款月份超出可用范围", "That month is out of range"),
    "deduction_month_closed": ("该月已结账，请登记在未结账的月份", "That month is closed; please enter it for an open one"),
    # measures
    "measure_month_wrong": ("计量日期须在所属月份开始之后、今天以前", "It is measured after the month began and by today"),
    "measure_percent_wrong": ("计价比例须为 100、150、200 或 300", "A percentage is 100, 150, 200 or 300"),
    "measure_too_large": ("计量金额过大，请核对", "The amount is too large; please check"),
    "measure_split_unknown": ("分配方式须为 days 或 shares", "Work is split by days or shares"),
    "measure_shares_wrong": (
        "按份额分配须填写每人份额，且每人一次；按工日分配不填",
        "Shares name each worker once; work split by days has none",
    ),
    "measure_shares_foreign": ("份额中有当月不在该班组的人员", "The shares name somebody who was not of the team that month"),
    "measure_same_person": ("计量登记人不能自己验收", "Who recorded the work does not accept it"),
    "measure_decided": ("这项计量已验收", "This work has been decided"),
    # voiding
    "paper_unknown": ("没有这条记录", "There is no such record"),
    "paper_kind_unknown": ("只能作废津贴、预支、扣款或计量", "Allowances, advances, deductions and measured work may be voided"),
    "paper_posted": ("已计入结账月份的工资表，不能作废；请在下月做相反登记", "It is on a sheet of a closed month; enter the opposite next month"),
    "row_voided": ("这条记录已作废", "This record is voided"),
    # county rules
    "area_key_unknown": ("没有这项地区参数", "There is no such county rule"),
    "area_town_malformed": ("镇街名称须对应 9 位区划代码", "A town's name is for an area code of nine digits"),
    "area_prefix_malformed": ("区划代码须为空或 2 至 12 位数字", "An area is empty or 2 to 12 digits"),
    "area_parties_wrong": ("协议签署方须为参建类型、bank 或 regulator，且不重复", "Parties are company roles, bank or regulator, each once"),
}

NAMES: dict[str, tuple[str, str]] = {
    "pay_kind.day": ("计日", "By day"),
    "pay_kind.hour": ("计时", "By hour"),
    "pay_kind.month": ("月薪", "By month"),
    "pay_kind.piece": ("计件", "By piece"),
    "rate_per.day": ("元/工日", "yuan a day"),
    "rate_per.hour": ("元/小时", "yuan an hour"),
    "rate_per.month": ("元/月", "yuan a month"),
    "rate_per.piece": ("元/{unit}", "yuan a {unit}"),
    "overtime_rule.law": ("法定倍数", "Statutory multiples"),
    "overtime_rule.units": ("加班折工", "Agreed man-days"),
    "overtime_rule.none": ("不计价", "Not priced"),
    "relation.labour_contract": ("劳动合同", "Labour contract"),
    "relation.work_agreement": ("用工书面协议", "Work agreement"),
    "hours_system.standard": ("标准工时", "Standard hours"),
    "hours_system.comprehensive": ("综合计算工时", "Comprehensive hours"),
    "hours_system.irregular": ("不定时", "Irregular hours"),
    "month_method.deduct": ("按缺勤扣减", "Less absent days"),
    "month_method.forward": ("按出勤累计", "By paid days"),
    "month_method.auto": ("缺勤不过半扣减，过半累计", "Deduct up to half a month missed, else forward"),
    "allowance_kind.meal": ("餐补", "Meals"),
    "allowance_kind.housing": ("住宿补贴", "Housing"),
    "allowance_kind.travel": ("交通补贴", "Travel"),
    "allowance_kind.heat": ("高温津贴", "Heat"),
    "allowance_kind.height": ("高空作业津贴", "Work at height"),
    "allowance_kind.night": ("夜班津贴", "Night work"),
    "allowance_kind.skill": ("技能津贴", "Skill"),
    "allowance_kind.other": ("其他补贴", "Other"),
    "allowance_per.day": ("每天", "Per day"),
    "allowance_per.month": ("每月", "Per month"),
    "allowance_per.once": ("一次性", "Once"),
    "advance_channel.account": ("专户", "Special account"),
    "advance_channel.bank": ("银行转账", "Bank transfer"),
    "advance_channel.cash": ("现金", "Cash"),
    "advance_proof.signed": ("本人签收", "Signed by the worker"),
    "advance_proof.bank": ("银行凭据", "Bank's proof"),
    "advance_proof.none": ("无凭据", "None"),
    "deduction_kind.income_tax": ("个人所得税", "Income tax"),
    "deduction_kind.social_insurance": ("社会保险", "Social insurance"),
    "deduction_kind.housing_fund": ("住房公积金", "Housing fund"),
    "deduction_kind.court_order": ("法院裁定", "Court order"),
    "deduction_kind.damage": ("损失赔偿", "Damage"),
    "deduction_kind.agreed": ("书面约定", "Agreed in writing"),
    "split_by.days": ("按工日", "By man-days"),
    "split_by.shares": ("按约定份额", "By agreed shares"),
    "area_key.town_name": ("镇街名称", "Name of a town"),
    "area_key.minimum_wage_month_fen": ("月最低工资", "Minimum wage a month"),
    "area_key.minimum_wage_hour_fen": ("小时最低工资", "Minimum wage an hour"),
    "area_key.account_fee_bearer": ("专户手续费承担方", "Who bears the account's bank fees"),
    "area_key.agreement_parties": ("专户协议签署方", "Parties of the account's agreement"),
    "area_key.publicity_days": ("公示天数", "Days of publicity"),
    "area_key.correction_days": ("补卡期限（天）", "Days for corrections"),
    "area_key.twin_false_pairs_max": ("一人多证筛查：允许误报对数", "One face twice: false pairs allowed"),
    "area_key.correction_limit_month": ("每月补卡次数", "Corrections a month"),
}

_KIND_ALIASES = {
    "日薪": "day",
    "日工资": "day",
    "点工": "day",
    "按日": "day",
    "按天": "day",
    "时薪": "hour",
    "小时": "hour",
    "按时": "hour",
    "按小时": "hour",
    "月薪制": "month",
    "计月": "month",
    "按月": "month",
    "包月": "month",
    "包工": "piece",
    "按件": "piece",
    "按量": "piece",
    "计量": "piece",
}


_OVERTIME_ALIASES = {"法定": "law", "按法定": "law", "按法定倍数": "law", "折工": "units", "折算工日": "units", "不计": "none", "不另计": "none"}
_RELATION_ALIASES = {"合同": "labour_contract", "书面协议": "work_agreement", "用工协议": "work_agreement", "协议": "work_agreement"}


def pay_kind(said: str) -> str | None:
    """Return the code of a way to be paid, written as its code or its name; None for neither."""
    return _code("pay_kind", said, _KIND_ALIASES)


def overtime_rule(said: str) -> str | None:
    """Return the code of how overtime is priced, written as its code or its name; None for neither."""
    return _code("overtime_rule", said, _OVERTIME_ALIASES)


def relation(said: str) -> str | None:
    """Return the code of what was signed, written as its code or its name; None for neither."""
    return _code("relation", said, _RELATION_ALIASES)


def _code(family: str, said: str, aliases: Mapping[str, str]) -> str | None:
    tidy = said.strip().casefold()
    for key, names in NAMES.items():
        of, _, code = key.partition(".")
        if of == family and tidy in (code, *(name.casefold() for name in names)):
            return code
    return aliases.get(tidy)
