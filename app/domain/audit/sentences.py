"""What each rule is called, and what it says about one finding, in Chinese and English.

Placeholders are keys of ``Finding.facts``; a key that ends in ``_fen`` is shown in yuan, ``day_milli`` in
man-days; ``{days:day|days}`` is the number with the word for so many. A sentence states what the records show and accuses nobody. No sentence quotes a law.
"""

from typing import Any

from app.domain.audit.rule import COUNTY_RULES, RULES, Finding
from app.domain.counted import filled

SENTENCES: dict[str, dict[str, tuple[str, str]]] = {
    "paid_without_work": {
        "zh": ("有发薪无考勤", "本月有 {payments} 笔工资记录，合计 {paid_fen} 元，但没有任何通行记录。"),
        "en": ("Paid without work", "{payments:payment|payments} for this month, {paid_fen} yuan in all, and not one passage at the gates."),
    },
    "worked_without_pay": {
        "zh": (
            "有考勤未发薪",
            "本月出勤 {days} 天（{day_milli} 工日），应计工资 {accrued_fen} 元；发薪日已过，尚无工资到账记录。",
        ),
        "en": (
            "Worked without pay",
            "{days:day|days} worked ({day_milli:man-day|man-days}), {accrued_fen} yuan accrued; the pay day has passed and no wages for the month are recorded.",
        ),
    },
    "underpaid": {
        "zh": ("工资未足额支付", "本月应计工资 {accrued_fen} 元，已支付 {paid_fen} 元，相差 {short_fen} 元。"),
        "en": ("Underpaid", "{accrued_fen} yuan accrued for this month, {paid_fen} paid, {short_fen} missing."),
    },
    "undecided_days": {
        "zh": (
            "考勤待确认",
            "有 {days} 天缺少进场或出场记录，自 {first_on} 起超过三天未确认，最多涉及工资 {undecided_fen_max} 元。",
        ),
        "en": (
            "Undecided days",
            "{days:day lacks|days lack} an entry or an exit, undecided for more than three days, the first on {first_on}; up to {undecided_fen_max} yuan of wages depend on them.",
        ),
    },
    "passage_outside_engagement": {
        "zh": ("未在册人员通行", "自 {first_on} 起有 {days} 天、{passages} 次通行不在本项目的进退场期间内（登记的进退场记录 {engagements} 条）。"),
        "en": (
            "Admitted outside an engagement",
            "{passages:passage|passages} on {days:day|days}, the first on {first_on}, outside every engagement on this project ({engagements} recorded).",
        ),
    },
    "sheet_line_unpaid": {
        "zh": ("工资表已列未到账", "工资表应发 {net_fen} 元，发薪日已过，{transfers} 笔代发均无到账回执；其他途径已付 {paid_fen} 元。"),
        "en": (
            "On the sheet, not paid",
            "The sheet gives {net_fen} yuan, the pay day has passed, and of {transfers:transfer|transfers} none has arrived; {paid_fen} yuan were paid another way.",
        ),
    },
    "paid_coverage": {
        "zh": ("发薪人数少于出勤人数", "本月出勤 {attended} 人，已发薪 {paid} 人，{unpaid} 人没有发薪记录。"),
        "en": ("Fewer paid than worked", "{attended:person|people} worked this month; paid: {paid}, without a payment on record: {unpaid}."),
    },
    "no_account_payment": {
        "zh": ("连续两月专户无发薪", "本月出勤 {attended} 人，至次月底没有任何工资经专用账户支付。"),
        "en": ("Nothing paid through the special account", "{attended:person|people} worked this month; until the end of the next nothing was paid through the special account."),
    },
    "paid_late": {
        "zh": ("延期支付", "{workers} 人的工资 {late_fen} 元在发薪日之后支付，最迟晚 {days_late} 天。"),
        "en": ("Paid late", "{late_fen} yuan for {workers:worker|workers} were paid after the pay day, at worst {days_late:day|days} late."),
    },
    "living_allowance": {
        "zh": (
            "疑似以生活费代替工资",
            "本月应得 {accrued_fen} 元、实付 {paid_fen} 元，上月应得 {before_accrued_fen} 元、实付 {before_paid_fen} 元，连续两月按整数支付且不足八成。",
        ),
        "en": (
            "A living allowance instead of wages",
            "{paid_fen} of {accrued_fen} yuan paid for this month and {before_paid_fen} of {before_accrued_fen} for the one before, in round or equal sums.",
        ),
    },
    "below_minimum_wage": {
        "zh": ("低于最低工资", "出勤 {day_milli} 工日，不含加班和津贴的工资 {base_fen} 元，按最低工资 {minimum_fen} 元折算应不少于 {floor_fen} 元。"),
        "en": (
            "Below the minimum wage",
            "{base_fen} yuan without overtime and allowances for {day_milli:man-day|man-days}; at the minimum wage of {minimum_fen} a month it would be {floor_fen}.",
        ),
    },
    "average_below_minimum": {
        "zh": ("人均工资低于最低工资", "{workers} 名全月出勤人员人均支付 {average_fen} 元，低于最低工资 {minimum_fen} 元。"),
        "en": ("Average below the minimum wage", "{workers:person|people} who worked nearly the whole month, paid {average_fen} yuan each on average, below the minimum of {minimum_fen}."),
    },
    "paid_to_another": {
        "zh": ("工资付至他人账户", "{transfers} 笔、合计 {sent_fen} 元的工资发往户名与本人不符的银行卡。"),
        "en": ("Paid to another's card", "{transfers:transfer|transfers}, {sent_fen} yuan in all, went to a card that is not in the worker's name."),
    },
    "card_changed_before_pay": {
        "zh": ("发薪前更换银行卡", "银行卡于 {changed_on} 更换，{sent_on} 即向新卡发薪。"),
        "en": ("Card changed just before pay", "The card was changed on {changed_on} and wages went to the new one on {sent_on}."),
    },
    "uniform_amounts": {
        "zh": ("工资金额过于整齐", "计时、计件人员 {workers} 人中 {even} 人工资为整百元；另有 {same_workers} 人工日不同而工资同为 {same_fen} 元。"),
        "en": (
            "Wages too even",
            "Of {workers:person|people} paid by the hour or by measured work {even} got whole hundreds; {same_workers:person|people} with different days got the same {same_fen} yuan.",
        ),
    },
    "high_pay": {
        "zh": ("工资异常偏高", "本月支付 {paid_fen} 元，当年在本项目累计 {year_fen} 元。"),
        "en": ("Unusually high pay", "{paid_fen} yuan paid for this month, {year_fen} on this project this year."),
    },
    "unlawful_deduction": {
        "zh": ("扣款超过限额", "工资总额 {gross_fen} 元，其中赔偿与约定扣款 {capped_fen} 元，超过可扣限额。"),
        "en": ("Deductions beyond the cap", "{capped_fen} of {gross_fen} yuan were deducted for damage or by agreement, more than may be."),
    },
    "paid_unsigned": {
        "zh": ("未经工人签字已发薪", "该班组有 {lines} 行、合计 {net_fen} 元的工资未经工人签字确认已到账。"),
        "en": ("Paid without signature", "{lines:line|lines} of this team, {net_fen} yuan in all, paid though the workers have not signed."),
    },
    "funding_late": {
        "zh": ("人工费未按月拨付", "自 {since_on} 起，超过一个拨付周期（{cycle} 天）没有人工费拨入专用账户。"),
        "en": ("Labour cost not funded", "Since {since_on} no labour cost has come into the special account, for more than a cycle of {cycle:day|days}."),
    },
    "funding_below_plan": {
        "zh": ("人工费拨付少于约定", "{plans} 期约定到期时，累计到账比累计约定少，最多相差 {short_fen} 元。"),
        "en": ("Funding below the plan", "On the day of {plans:plan|plans} less had come in than was agreed until then, by up to {short_fen} yuan."),
    },
    "balance_short": {
        "zh": ("专户余额不足", "待发工资 {needed_fen} 元，专户余额 {balance_fen} 元，缺口 {short_fen} 元。"),
        "en": ("Balance too low", "{needed_fen} yuan of wages wait and the special account holds {balance_fen}: {short_fen} are missing."),
    },
    "money_left_account": {
        "zh": ("专户资金去向不明", "本月专户有 {debits} 笔、合计 {left_fen} 元的支出未能与工资对应。"),
        "en": ("Money left the special account", "{debits:debit|debits} of {left_fen} yuan in all could not be matched to wages."),
    },
    "paid_off_account": {
        "zh": ("未经专户发薪", "{workers} 人的工资 {off_account_fen} 元未经专用账户支付，其中现金 {cash_fen} 元。"),
        "en": ("Paid outside the special account", "{off_account_fen} yuan for {workers:worker|workers} did not go through the special account, {cash_fen} of it in cash."),
    },
    "exited_unsettled": {
        "zh": ("退场未结清", "工人于 {exit_on} 退场，本月尚欠 {owed_fen} 元，没有本人确认的结算。"),
        "en": ("Left without settlement", "The worker left on {exit_on}; {owed_fen} yuan of this month are owed and no settlement the worker agreed to is on record."),
    },
    "bank_mismatch": {
        "zh": ("代发批次不符", "{batches} 个代发批次与明细不符：批次合计 {file_fen} 元，明细合计 {items_fen} 元，{lines_above} 笔高于工资表。"),
        "en": ("Batch does not add up", "{batches:batch|batches} of {file_fen} yuan with transfers of {items_fen}; {lines_above:transfer is|transfers are} above the line on the sheet."),
    },
    "worked_not_on_sheet": {
        "zh": ("有考勤未列工资表", "本月出勤 {days} 天（{day_milli} 工日），应计工资 {accrued_fen} 元，未列入工资表。"),
        "en": ("Worked, not on a sheet", "{days:day|days} worked ({day_milli:man-day|man-days}), {accrued_fen} yuan accrued, and no line on a sheet."),
    },
    "many_not_on_sheet": {
        "zh": ("大量出勤人员无工资记录", "本月出勤 {attended} 人，其中 {without} 人没有任何工资记录。"),
        "en": ("Many without a wage record", "Of {attended:person|people} who worked this month {without:has|have} no wage record."),
    },
    "sheet_days_above_gate": {
        "zh": ("工资表工日多于考勤", "工资表 {sheet_milli} 工日，考勤及已批准补卡 {gate_milli} 工日，多 {more_milli} 工日。"),
        "en": ("More days on the sheet than at the gate", "{sheet_milli:man-day|man-days} on the sheet, {gate_milli} by gate and corrections: {more_milli} more."),
    },
    "more_days_than_month": {
        "zh": ("工日超过当月天数", "工资表 {sheet_milli} 工日，当月只有 {month_days} 天。"),
        "en": ("More days than the month has", "{sheet_milli:man-day|man-days} on the sheet for a month of {month_days:day|days}."),
    },
    "passage_during_stoppage": {
        "zh": ("停工期间有人出勤", "自 {first_on} 起，登记停工的 {days} 天里有 {workers} 人出勤。"),
        "en": ("Work during a stoppage", "{workers:worker|workers} worked on {days:day|days} of a reported stoppage, the first on {first_on}."),
    },
    "passage_on_leave": {
        "zh": ("请假期间有考勤", "自 {first_on} 起，请假的 {days} 天里有本人通行记录。"),
        "en": ("Passages while on leave", "The gate saw the worker on {days:day|days} of leave, the first on {first_on}."),
    },
    "stay_too_long": {
        "zh": ("在场时间过长", "有 {days} 天进出场间隔过长，首次为 {first_on}，待确认。"),
        "en": ("Stay too long", "On {days:day|days}, the first on {first_on}, entry and exit lie too far apart; nobody has decided."),
    },
    "overtime_limit": {
        "zh": ("加班超过限度", "该班组 {workers} 人加班超限，最多一人当月 {hours_max} 小时；单日超限 {long_days} 人天。"),
        "en": ("Too much overtime", "{workers} of this team worked too much overtime, at most {hours_max:hour|hours} in the month; {long_days:single day was|single days were} too long."),
    },
    "no_weekly_rest": {
        "zh": ("四周无休息", "该班组 {workers} 人连续出勤，最长 {days_max} 天没有休息。"),
        "en": ("No day off in four weeks", "{workers} of this team worked without a day off, for up to {days_max:day|days}."),
    },
    "data_silence": {
        "zh": ("考勤数据中断", "在册 {workers} 人，最后一次考勤数据在 {since_on}，此后超过 {limit} 个应出勤日没有数据。"),
        "en": ("Gates silent", "{workers:person is|people are} engaged; nothing has come in since {since_on}, for more than {limit:day|days} of work."),
    },
    "refused_again": {
        "zh": ("未在册人员多次到场", "自 {first_on} 起在 {days} 天被闸机识别并拒绝进入，当日不在册。"),
        "en": ("Refused again and again", "The gate knew and refused the worker on {days:day|days}, the first on {first_on}, outside any engagement."),
    },
    "no_agreement": {
        "zh": ("未登记合同或用工协议", "{since_on} 进场，有 {days} 天出勤没有对应的劳动合同或用工书面协议。"),
        "en": ("No contract on record", "On the project since {since_on}, {days:day|days} worked without a labour contract or work agreement on record."),
    },
    "agreement_not_scanned": {
        "zh": ("合同或协议未归档", "出勤 {attended} 人中，{workers} 人的合同或协议没有扫描件。"),
        "en": ("Contracts not on file", "Of {attended:person|people} who worked, the signed agreement of {workers} is not on file."),
    },
    "under_age": {
        "zh": ("未成年人出勤", "出勤时年龄 {years} 周岁，本月出勤 {days} 天。"),
        "en": ("Minor at work", "{years:year|years} old when at work; {days:day|days} this month."),
    },
    "over_age": {
        "zh": ("超龄人员提示", "有 {workers} 名男 {men_years} 周岁以上或女 {women_years} 周岁以上人员出勤。"),
        "en": ("Beyond the usual age", "{workers:person|people} worked: men of {men_years} or women of {women_years} and over."),
    },
    "template_left": {
        "zh": ("退场后人脸信息未删除", "工人于 {exit_on} 退场，仍保存 {templates} 份人脸特征。"),
        "en": ("Face held after exit", "The worker left on {exit_on} and {templates:face template is|face templates are} still held."),
    },
    "key_post_absent": {
        "zh": ("关键岗位到岗不足", "岗位 {post}，应到 {required} 天，实到 {came} 天。"),
        "en": ("Key post not on site", "Post {post}: on site on {came} of {required:working day|working days}."),
    },
    "labour_officer_missing": {
        "zh": ("未配备劳资专管员", "本月出勤 {attended} 人，项目没有登记劳资专管员。"),
        "en": ("No labour officer", "{attended:person|people} worked and no labour officer is on record for the project."),
    },
    "same_hand": {
        "zh": ("申请与批准为同一人", "补卡 {corrections} 件、工资表 {sheets} 份、代发批次 {batches} 个由同一账号提出并批准。"),
        "en": ("Asked and agreed by one", "Asked for and approved by one login: {corrections:correction|corrections}, {sheets:sheet|sheets} and {batches:batch|batches}."),
    },
    "changed_after_signature": {
        "zh": ("签字后工资表有改动", "工人签字后有 {lines} 行被改动且未重新签字，现金额 {net_fen} 元。"),
        "en": ("Changed after signature", "{lines:line was|lines were} changed after the worker signed and not signed again; now {net_fen} yuan."),
    },
    "redrafted_after_publicity": {
        "zh": ("公示后重新编制", "{sheets} 份工资表公示后重新编制，新表尚未公示。"),
        "en": ("Drawn up anew after it hung out", "{sheets:sheet was|sheets were} drawn up anew after hanging out, and not hung out again."),
    },
    "many_corrections": {
        "zh": ("补卡过多", "该班组 {days} 人天中 {corrected} 人天经补卡，{workers} 人超过每月次数。"),
        "en": ("Too many corrections", "{corrected} of this team's {days:worker-day|worker-days} were corrected; {workers:worker is|workers are} above the monthly number."),
    },
    "publicity_short": {
        "zh": ("公示不足", "{sheets} 份工资表公示不足 {days_min} 天即批准。"),
        "en": ("Publicity too short", "{sheets:sheet was|sheets were} approved before hanging out for {days_min:day|days}."),
    },
    "closed_late": {
        "zh": ("工资月未按时结账", "本月工资应于 {by_on} 前结账，未按时结账（现已结账：{closed}）。"),
        "en": ("Month closed late", "The wage month should have been closed by {by_on} and was not (closed since: {closed})."),
    },
    "piece_without_measure": {
        "zh": ("计件无计量", "该班组 {workers} 人按计件计酬并有出勤，没有已验收的计量（待验收 {waiting} 件）。"),
        "en": ("Measured work not measured", "Of this team {workers:worker|workers} paid by measured work worked; no measure was accepted (waiting: {waiting})."),
    },
    "no_special_account": {
        "zh": ("未按期开设专户", "应于 {by_on} 前开设专户并签订协议（已开户：{has_account}；未签字方：{missing}）。"),
        "en": ("No special account", "The account and its agreement were due by {by_on} (opened: {has_account}; not signed by: {missing})."),
    },
    "deposit_missing": {
        "zh": ("工资保证金缺失或到期", "应于 {by_on} 前缴存工资保证金或提交保函（已失效 {lapsed} 份；现有的到期日：{ends_on}）。"),
        "en": ("Wage deposit missing or ending", "A deposit or guarantee was due by {by_on} ({lapsed} lapsed; end of the present one: {ends_on})."),
    },
    "board_incomplete": {
        "zh": ("维权告示牌缺失或不全", "告示牌已登记：{has_board}；已登记的内容缺少或不符：{wrong}。"),
        "en": ("Notice board missing or incomplete", "Board on record: {has_board}; missing or wrong on it: {wrong}."),
    },
    "gate_silent": {
        "zh": ("闸机无数据", "自 {first_on} 起有 {days} 天现场正常出勤而本通道没有任何通行。"),
        "en": ("Gate silent", "On {days:day|days}, the first on {first_on}, the site was busy and nobody passed here."),
    },
    "sequence_gap": {
        "zh": ("设备事件缺号", "读卡、读码设备 {starts} 次启动中有 {missing} 个事件编号没有记录。"),
        "en": ("Events missing", "{missing:event number|event numbers} of its card or code reader without a record, in {starts:start|starts}."),
    },
    "device_clock_ahead": {
        "zh": ("设备时钟超前", "{passages} 条记录的设备时间晚于接收时间，最多 {seconds_max} 秒。"),
        "en": ("Device clock ahead", "{passages:passage|passages} came in before the time the device gives, by up to {seconds_max:second|seconds}."),
    },
    "late_delivery": {
        "zh": ("数据补传过晚", "{passages} 条通行记录延迟补传，最长 {days_max} 天。"),
        "en": ("Delivered very late", "{passages:passage|passages} came in late, by up to {days_max:day|days}."),
    },
    "admitted_below_threshold": {
        "zh": ("低于阈值放行", "{passages} 次通行的人脸相似度低于当时阈值而放行。"),
        "en": ("Admitted below the limit", "{passages:face was|faces were} admitted with a likeness under the limit that held."),
    },
    "engaged_twice": {
        "zh": ("同时在多个项目在册", "同一时期在 {projects} 个项目在册。"),
        "en": ("On two rosters at once", "On the roster of {projects:project|projects} for the same days."),
    },
    "shared_card": {
        "zh": ("一卡多人", "同一张银行卡登记在 {workers} 人名下。"),
        "en": ("One card, several workers", "One card is recorded for {workers:worker|workers}."),
    },
    "possible_same_person": {
        "zh": ("疑似同一人多个证件", "姓名、性别、出生日期相同的有 {workers} 人，证件号码不同。"),
        "en": ("Possibly the same person", "{workers:worker|workers} with one name, sex and date of birth and different ID numbers."),
    },
    "one_face_twice": {
        "zh": ("疑似一人多证（人脸）", "人脸与另外 {others} 人高度相似。"),
        "en": ("One face, several names", "This worker's face is more like that of {others:other worker|other workers} than two people's faces are."),
    },
    "identity_doubtful": {
        "zh": ("人证不一致", "最近一次人证核验不一致且无人放行，本月出勤 {days} 天。"),
        "en": ("Face and card differ", "The face was not the one on the identity card, nobody vouched for it, and the worker worked {days:day|days}."),
    },
    "identity_unchecked": {
        "zh": ("未做人证核验", "出勤 {attended} 人中有 {workers} 人没有人证核验记录。"),
        "en": ("Identity not checked", "Of {attended:person|people} who worked, {workers:was|were} never compared with the identity card."),
    },
    "low_liveness": {
        "zh": ("活体检测偏低", "{passages} 次人脸放行中有 {low} 次活体分数低于当时限值。"),
        "en": ("Pictures rather than faces", "{low} of {passages:face|faces} let in had a liveness below the limit that held."),
    },
    "in_two_places": {
        "zh": ("短时间出现在两个项目", "有 {times} 次在无法到达的时间内先后通过两个项目的闸机。"),
        "en": ("In two places", "{times:time|times} the worker passed gates of two projects within a time nobody can travel in."),
    },
    "no_habits": {
        "zh": ("到岗时间无个人规律", "该班组 {workers} 人 {arrivals} 次到岗时间，个人相关 {person_icc}、当日相关 {day_icc}，既无个人习惯，也无同车同时到达的迹象。"),
        "en": (
            "Arrivals without habits",
            "{arrivals:arrival|arrivals} of {workers:person|people}: correlation by person {person_icc}, by day {day_icc}. Neither habits nor a bus in common.",
        ),
    },
    "uniform_arrivals": {
        "zh": ("到岗时间均匀分布", "该班组 {arrivals} 次到岗在 {first} 至 {last} 之间近乎均匀分布（拟合度 {fit}）。"),
        "en": ("Arrivals evenly spread", "{arrivals:arrival|arrivals} of this team, spread evenly between {first} and {last} (fit {fit})."),
    },
    "constant_intervals": {
        "zh": ("进场间隔固定", "自 {first_on} 起有 {days} 天，该班组人员以近乎相等的间隔进场。"),
        "en": ("Even intervals", "On {days:day|days}, the first on {first_on}, people of this team came in at even intervals."),
    },
    "same_order": {
        "zh": ("每日进场顺序相同", "相邻两天比较 {compared} 次，{same} 次进场顺序完全相同。"),
        "en": ("The same order every day", "Of {compared:pair|pairs} of neighbouring days {same:has|have} people come in exactly the same order."),
    },
    "whole_minutes": {
        "zh": ("时间多为整分", "{times} 个时间中有 {whole} 个为整分。"),
        "en": ("Whole minutes", "Whole minutes: {whole} of {times:time|times}."),
    },
    "identical_days": {
        "zh": ("进出时间逐秒重复", "该班组 {workers} 人共 {days} 人天的进出场时间与本人其他日期逐秒相同。"),
        "en": ("The same seconds again", "On {days:day|days} of {workers:worker|workers} of this team entry and exit are those of another day, to the second."),
    },
    "same_pattern": {
        "zh": ("多人考勤时间相同", "该班组 {workers} 人最多 {days} 天的进出场时间逐秒相同。"),
        "en": ("Several people as one", "{workers} of this team share entry and exit to the second on up to {days:day|days}."),
    },
    "gate_throughput": {
        "zh": ("通行快于闸机能力", "有 {windows} 次 {people} 人在 {seconds_milli} 秒内通过同一通道。"),
        "en": ("Faster than the gate", "{windows:time|times} {people:person|people} passed one lane within {seconds_milli:second|seconds}."),
    },
    "constant_headcount": {
        "zh": ("每日人数不变", "{days} 天每天出勤人数都是 {people} 人。"),
        "en": ("The same number every day", "Exactly {people:person|people} came on each of {days:day|days}."),
    },
    "replayed_picture": {
        "zh": ("同一照片多次使用", "{pictures} 张照片在本通道被用于 {passages} 次通行。"),
        "en": ("One picture, several events", "{pictures:picture|pictures} made {passages:passage|passages} at this gate."),
    },
    "equal_scores": {
        "zh": ("相似度完全相同", "{passages} 次通行的相似度只有 {scores} 个值。"),
        "en": ("Exactly equal scores", "{passages:passage has|passages have} {scores:value|values} of likeness."),
    },
    "score_spread": {
        "zh": ("相似度过于一致", "{passages} 次通行同一人的相似度几乎不变（偏差 {deviation}）。"),
        "en": ("Scores too alike", "Over {passages:face|faces} the scores of a person hardly differ (deviation {deviation})."),
    },
    "without_device_evidence": {
        "zh": ("放行无比对记录", "{passages} 次人脸放行没有相似度记录。"),
        "en": ("No score on record", "{passages:face was|faces were} let in without a likeness on record."),
    },
    "days_without_gate": {
        "zh": ("人工考勤过多", "该班组 {days} 人天中 {manual} 人天没有闸机记录，仅凭人工登记。"),
        "en": ("Days without a gate", "{manual} of this team's {days:worker-day|worker-days} rest on what people wrote alone."),
    },
    "month_end_corrections": {
        "zh": ("月末集中补卡", "{corrections} 件补卡中有 {late} 件在月末两天或月后提出。"),
        "en": ("Corrections at the month's end", "{late} of {corrections:correction was|corrections were} asked for on the last two days or after."),
    },
    "rule_failed": {
        "zh": ("规则未能运行", "规则“{failed_rule}”未能运行（{error}），本月该项没有结论。"),
        "en": ("A rule could not be run", "The rule {failed_rule} could not be run ({error}); it says nothing about this month."),
    },
}
"""Rule -> language -> (name, sentence)."""

NO_TERMS = {
    "zh": "其中 {no_terms_days} 天没有登记工资标准。",
    "en": " On {no_terms_days} of the days no rate is recorded.",
}
"""Added to a sentence about wages when there are such days."""

RULE_FAILED_SENTENCE = "A rule could not be run, so it says nothing about this month."


def name(rule_name: str, language: str) -> str:
    """Return what the rule is called. ``language`` is ``zh`` or ``en``."""
    return SENTENCES[rule_name][language][0]


def explanation(rule_name: str) -> str:
    """Return the inspector's sentence about the rule itself: the first paragraph of its docstring."""
    known = RULES.get(rule_name) or COUNTY_RULES.get(rule_name)
    return known.sentence if known else RULE_FAILED_SENTENCE


def sentence(finding: Finding, language: str) -> str:
    """Return the sentence about one finding, its numbers filled in. ``language`` is ``zh`` or ``en``."""
    shown = {key: _shown(key, value, language) for key, value in finding.facts.items()}
    said = SENTENCES[finding.rule][language][1]
    if finding.facts.get("no_terms_days"):
        said += NO_TERMS[language]
    return filled(said, shown)


FLAGS = {"closed", "has_account", "has_board"}
"""Facts that are 1 or 0 and read as yes or no."""
YES_NO = {"zh": ("否", "是"), "en": ("no", "yes")}
CODES: dict[str, tuple[str, str]] = {
    "owner": ("建设单位", "owner"),
    "general_contractor": ("总承包", "general contractor"),
    "bank": ("银行", "bank"),
    "regulator": ("行业主管部门", "regulator"),
    "parties": ("责任单位及人员", "who is responsible"),
    "pay": ("最低工资和发薪日", "minimum wage and pay day"),
    "contacts": ("投诉举报渠道", "where to complain"),
    "pay_day": ("发薪日与登记不一致", "a pay day that is not the project's"),
    "minimum_wage": ("最低工资与现行标准不一致", "a minimum wage that is not today's"),
    "project_manager": ("项目经理", "project manager"),
    "technical_lead": ("技术负责人", "technical lead"),
    "site_engineer": ("施工员", "site engineer"),
    "quality_officer": ("质量员", "quality officer"),
    "safety_officer": ("安全员", "safety officer"),
    "labour_officer": ("劳资专管员", "labour officer"),
    "chief_supervisor": ("总监", "chief supervisor"),
    "special_supervisor": ("专监", "specialist supervisor"),
}
"""Codes in facts, (Chinese, English)."""
CODED = {"missing", "wrong", "post"}
"""Facts that are codes, with commas between; nothing reads as none."""


def _shown(key: str, value: Any, language: str) -> str:
    if key.endswith(("_fen", "_fen_max")):
        sign = "-" if value < 0 else ""
        return f"{sign}{abs(value) // 100:,}.{abs(value) % 100:02d}"
    if key.endswith("_milli"):
        return f"{value // 1000}.{value % 1000:03d}".rstrip("0").rstrip(".")
    if key in FLAGS:
        return YES_NO[language][bool(value)]
    if key in CODED:
        words = [CODES.get(code, (code, code))[language == "en"] for code in str(value).split(",") if code]
        return ("、" if language == "zh" else ", ").join(words) or ("无" if language == "zh" else "none")
    if value == "":
        return "—"
    return str(value)
