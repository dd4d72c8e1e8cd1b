"""Words of the room ``exports``: papers that leave the house, (Chinese, English)."""

SENTENCES: dict[str, tuple[str, str]] = {
    "form_unknown": ("没有这种表格", "There is no such form"),
    "statement_empty": ("专户还没有导入流水", "No statement of the special account has been imported yet"),
    "form_needs": ("这种表格还须给出：{what}", "That form also needs: {what}"),
    "dry_run_needs_xlsx": ("只有 .xlsx 文件可以试导入", "Only an .xlsx file can be tried without writing"),
    "side_unknown": ("须为 worker、team、company 或 project", "It is worker, team, company or project"),
    "ledger_empty": ("该年度没有已结账或已支付的工资", "No wages were closed or paid for that year"),
}

NAMES: dict[str, tuple[str, str]] = {
    "form_flag.corrected": ("含补卡", "Corrected"),
    "form_reason.missing_in": ("缺进场", "Entry missing"),
    "form_reason.missing_out": ("缺出场", "Exit missing"),
    "form_reason.unconfirmed": ("待人工确认", "Waits for a person"),
    "form_note.not_closed": ("未结账", "Not closed yet"),
    "form_item.before": ("改前：{what}", "Before the change: {what}"),
    "form_item.moved": ("已在原班组发放", "Paid under the former team"),
    "deduction.income_tax": ("个人所得税", "Income tax"),
    "deduction.social_insurance": ("社会保险", "Social insurance"),
    "deduction.housing_fund": ("住房公积金", "Housing fund"),
    "deduction.court_order": ("法院扣划", "Court order"),
    "deduction.damage": ("赔偿损失", "Damage"),
    "deduction.agreed": ("书面约定扣款", "Agreed in writing"),
}
