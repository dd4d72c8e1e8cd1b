"""Words of the room ``timekeeping``: calendar, policies, corrections, marks and evidence, (Chinese, English)."""

SENTENCES: dict[str, tuple[str, str]] = {
    # the calendar
    "calendar_year_unknown": ("没有 {year} 年的节假日日历", "No statutory calendar is known for {year}"),
    "calendar_year_provisional": (
        "{year} 年的放假安排尚未公布，不能导入",
        "The holiday notice of {year} is not out yet; it cannot be taken over",
    ),
    "calendar_no_rows": ("日历没有内容", "The calendar has no rows"),
    "calendar_statutory_count": (
        "{year} 年应有 {wanted} 天节假日（三倍工资日），文件中有 {found} 天",
        "{year} has {wanted:statutory day|statutory days}; the file has {found}",
    ),
    "calendar_date_wrong": ("日期格式有误，请写作 2026-10-01", "The date is malformed; write it like 2026-10-01"),
    "calendar_kind_unknown": (
        "日历类型须为 workday、makeup（调休上班）、rest、adjust_rest（调休放假）或 statutory（三倍工资日）",
        "A kind is workday, makeup, rest, adjust_rest or statutory",
    ),
    "calendar_name_wrong": ("节日名称最多 {limit} 个字", "A name has at most {limit:character|characters}"),
    "calendar_date_twice": ("{date} 出现了两次", "{date} stands twice"),
    # policies
    "policy_unknown": ("没有这条考勤规则", "There is no such attendance policy"),
    "policy_voided": ("这条考勤规则已作废", "This policy is voided"),
    "policy_ended": ("这条考勤规则已有结束日期", "This policy has its end already"),
    "policy_overlaps": ("同一范围的考勤规则时间重叠", "Another policy of the same scope holds within that time"),
    "policy_month_closed": (
        "{month} 月及以前已结账，考勤规则不能改动已结账月份",
        "Months up to {month} are closed; a policy cannot change them",
    ),
    "policy_scope_wrong": ("考勤规则只能属于项目、一个单位或一个班组", "A policy is the project's, one company's or one team's"),
    "policy_field_unknown": ("没有这项考勤规则", "There is no such rule in a policy"),
    "policy_number_wrong": (
        "{field} 须为 {least} 至 {greatest} 的整数",
        "{field} is a whole number from {least} to {greatest}",
    ),
    "policy_lengths_wrong": ("最短停留须小于最长停留", "The shortest stay must be below the longest"),
    "policy_work_date_rule_unknown": ("归属日须为 entry、chain 或 most", "A work date rule is entry, chain or most"),
    "policy_breaks_wrong": (
        "休息时段写作 12:00 至 13:00，按时间先后、互不重叠，最多 {limit} 段",
        "Breaks are pairs like 12:00 and 13:00, in order, apart from each other, {limit} at most",
    ),
    "policy_units_wrong": (
        "工日折算表从 0 分钟起，分钟递增、工日不减，最多 {limit} 级",
        "The table of man-days begins at 0 minutes and climbs, with {limit:step|steps} at most",
    ),
    "policy_night_wrong": ("夜班起止写作 22:00 和 06:00，且不相同", "Night work is from and to like 22:00 and 06:00, not the same"),
    # corrections
    "correction_unknown": ("没有这条补卡申请", "There is no such correction"),
    "correction_kind_unknown": (
        "补卡类型须为 missing_in、missing_out、add_session、void_passage、wrong_person 或 set_day",
        "A correction is missing_in, missing_out, add_session, void_passage, wrong_person or set_day",
    ),
    "correction_not_matched": (
        "没有人认定过该时刻被拒的人脸是他，请先在“人脸认定”中认定",
        "Nobody has said that a face refused at that moment is this worker's; say so in the face review first",
    ),
    "correction_reason_unknown": ("没有这种补卡原因", "There is no such reason"),
    "correction_fields_wrong": ("填写的内容与补卡类型不符", "What is given does not fit the kind of correction"),
    "correction_not_engaged": ("该工人当天不在本项目", "This worker was not engaged on this project on that date"),
    "correction_in_future": ("日期或时间还没有到", "That date or time has not come yet"),
    "correction_other_day": ("时间不属于这个考勤日", "That time does not belong to this work date"),
    "correction_session_wrong": (
        "出场须晚于进场，且不超过 {hours} 小时",
        "The exit is after the entry and at most {hours:hour|hours} later",
    ),
    "correction_passage_wrong": ("不是该工人已计的通行记录", "Not a passage of this worker that counts"),
    "correction_too_late": (
        "补卡须在当天后 {days} 天内申请；此后请以有证据的整天认定处理",
        "A correction is asked for within {days:day|days}; after that, decide the whole day, with evidence",
    ),
    "correction_limit_reached": (
        "该工人本月补卡已满 {limit} 次；请以有证据的整天认定处理",
        "This worker has had {limit:correction|corrections} this month; decide the whole day, with evidence",
    ),
    "correction_waiting": ("同样的补卡已申请", "The same correction has been asked for"),
    "correction_act_unknown": (
        "处理结果须为 leader_ok、officer_ok、rejected 或 withdrawn",
        "A step is leader_ok, officer_ok, rejected or withdrawn",
    ),
    "correction_same_person": (
        "申请人不得自批，班组长和劳资专管员须为不同的人，只有申请人可以撤回",
        "Nobody agrees to what they asked for; the leader and the labour officer are two people; only who asked withdraws",
    ),
    "correction_decided": ("这条补卡已处理", "This correction has been decided"),
    "correction_order": ("须先由班组长同意", "The leader agrees first"),
    "not_own_team": ("不是您的班组", "Not your team"),
    # marks
    "mark_unknown": ("没有这条缺勤登记", "There is no such mark"),
    "mark_kind_unknown": ("缺勤原因须为 leave、stoppage、rain 或 rest", "A mark is leave, stoppage, rain or rest"),
    "mark_scope_wrong": ("只能登记一名工人、一个班组或整个项目", "A mark is for one worker, one team or the whole project"),
    "mark_pay_wrong": ("照付日工资须为 0 至 100 的百分数，最多一位小数", "The share of a day's wage is a percentage from 0 to 100, with one decimal at most"),
    "mark_too_long": ("一次最多登记 {limit} 天", "A mark holds for at most {limit:day|days}"),
    "mark_overlaps": ("与已有的缺勤登记时间重叠", "Another mark of the same scope holds within that time"),
    # evidence
    "evidence_unknown": ("没有这份证据材料", "There is no such file of evidence"),
    "evidence_empty": ("证据材料是空文件", "The file is empty"),
    "evidence_too_large": ("证据材料过大，上限 {limit} 字节", "The file is too large; the limit is {limit:byte|bytes}"),
    "evidence_type_unknown": ("证据材料须为 JPEG、PNG 或 PDF 文件", "Evidence is a JPEG, PNG or PDF file"),
    "evidence_needed": ("请附证据材料", "Evidence is needed"),
    "evidence_too_many": ("证据材料最多 {limit} 份", "At most {limit:file|files} of evidence"),
    # heartbeats
    "heartbeat_malformed": ("设备心跳格式有误", "The heartbeat is malformed"),
    # fields
    "number_wrong": ("{field} 须为 {least} 至 {greatest} 的整数", "{field} is a whole number from {least} to {greatest}"),
    "dates_wrong": ("起止日期有误", "These dates cannot be"),
    "date_out_of_range": ("日期超出可用范围", "That date is out of range"),
    "instant_naive": ("时间须带时区", "A time needs its zone"),
}

NAMES: dict[str, tuple[str, str]] = {
    "day_kind.workday": ("工作日", "Workday"),
    "day_kind.makeup": ("调休上班", "Make-up workday"),
    "day_kind.rest": ("休息日", "Rest day"),
    "day_kind.adjust_rest": ("调休放假", "Moved rest day"),
    "day_kind.statutory": ("法定节假日", "Statutory holiday"),
    "work_date_rule.entry": ("按进场", "By the entry"),
    "work_date_rule.chain": ("按连续在场", "By the chain of stays"),
    "work_date_rule.most": ("按时间较多的一天", "By the longer part"),
    "correction_kind.missing_in": ("补进场", "Entry missing"),
    "correction_kind.missing_out": ("补出场", "Exit missing"),
    "correction_kind.add_session": ("补一段出勤", "Session added"),
    "correction_kind.void_passage": ("剔除通行记录", "Passage struck out"),
    "correction_kind.wrong_person": ("认错人更正", "Taken for somebody else"),
    "correction_kind.set_day": ("整天认定", "Day decided"),
    "correction_reason.forgot": ("忘记打卡", "Forgot"),
    "correction_reason.gate_broken": ("设备故障", "Gate broken"),
    "correction_reason.not_recognised": ("闸机未识别", "Not recognised by the gate"),
    "correction_reason.other_gate": ("走了其他通道", "Another gate"),
    "correction_reason.outside_work": ("场外作业", "Work outside"),
    "correction_reason.dispute": ("争议认定", "Dispute"),
    "correction_reason.leader_record": ("班组长记工", "Leader's record"),
    "correction_reason.let_in": ("门卫人工放行", "Let in by the guard"),
    "correction_reason.other": ("其他", "Other"),
    "correction_act.leader_ok": ("班组长确认", "Leader agreed:"),
    "correction_act.officer_ok": ("劳资专管员确认", "Officer agreed:"),
    "correction_act_for.leader_ok": ("劳资专管员代班组长确认", "Officer agreed for the leader:"),
    "correction_act_for.officer_ok": ("项目经理代劳资专管员确认", "Manager agreed for the officer:"),
    "correction_word.leader_or_manager": ("班组长或项目经理", "the team leader or the project manager"),
    "correction_word.manager": ("项目经理", "the project manager"),
    "correction_word.officer": ("劳资专管员", "the labour officer"),
    "correction_word.manager_for_officer": ("项目经理（代劳资专管员）", "the project manager, for the labour officer"),
    "correction_word.officer_for_leader": ("劳资专管员（代班组长）", "the labour officer, for the leader"),
    "correction_word.nobody": (
        "另一名项目经理或劳资专管员（现在没有，请系统管理员指定）",
        "another project manager or labour officer (there is none: ask the administrator to name one)",
    ),
    "correction_act.rejected": ("驳回", "Refused:"),
    "correction_act.withdrawn": ("撤回", "Withdrawn:"),
    "correction_state.requested": ("待班组长确认", "Waits for the leader"),
    "correction_state.leader_ok": ("待劳资专管员确认", "Waits for the labour officer"),
    "correction_state.approved": ("已同意", "Agreed"),
    "correction_state.rejected": ("已驳回", "Refused"),
    "correction_state.withdrawn": ("已撤回", "Withdrawn"),
    "mark_kind.leave": ("请假", "Leave"),
    "mark_kind.stoppage": ("停工", "Stoppage"),
    "mark_kind.rain": ("雨停", "Rain"),
    "mark_kind.rest": ("休息", "Rest"),
}

_KIND_ALIASES = {
    "法定假日": "statutory",
    "法定": "statutory",
    "周末": "rest",
    "休息": "rest",
    "调休": "adjust_rest",
    "补休": "adjust_rest",
    "放假": "adjust_rest",
    "上班": "makeup",
    "补班": "makeup",
}


def day_kind(said: str) -> str | None:
    """Return the code of a kind of day that is written as its code or in Chinese; None for neither."""
    by_name = {pair[0]: key.partition(".")[2] for key, pair in NAMES.items() if key.startswith("day_kind.")}
    tidy = said.strip()
    return tidy.lower() if tidy.lower() in by_name.values() else by_name.get(tidy) or _KIND_ALIASES.get(tidy)
