"""Words of the room ``papers``: projects, people, rosters, consent and enrolment, (Chinese, English)."""

import re

COMPANY_ROLES = (
    "owner",
    "general_contractor",
    "professional_subcontractor",
    "labour_subcontractor",
    "equipment_subcontractor",
    "material_supplier",
    "logistics",
    "special_equipment",
    "supervisor",
    "survey",
    "design",
    "other",
)
"""参建类型: what a company is on a project (domain.md 2.3, corpType)."""

SENTENCES: dict[str, tuple[str, str]] = {
    # papers of a project
    "project_paper_kind_unknown": (
        "资料类型须为 works_contract、deposit、deposit_guarantee、notice_board 或 key_post",
        "A paper is works_contract, deposit, deposit_guarantee, notice_board or key_post",
    ),
    "paper_fields_wrong": ("这类资料的内容不全或有多余项", "A paper of that kind needs other fields than these"),
    "project_paper_unknown": ("没有这份资料", "There is no such paper"),
    "post_unknown": ("没有这种关键岗位", "There is no such key post"),
    "board_wrong": ("告示牌内容须为是或否，另可填写发薪日和最低工资", "What a board shows is yes or no, beside its pay day and minimum wage"),
    # projects, companies, teams, gates, devices
    "project_code_taken": ("项目编码已使用", "This project code is taken"),
    "project_code_malformed": (
        "项目编码须为 1 至 64 位字母、数字或 . _ -",
        "A project code has 1 to 64 letters, digits or . _ -",
    ),
    "project_area_elsewhere": ("不能改到别的县（市、区）", "A project is not moved into another county"),
    "project_area_malformed": ("行政区划代码须为 6、9 或 12 位数字，县级的是 6 位，如 330424", "An area code has 6, 9 or 12 digits; a county's has 6, like 330424"),
    "project_area_unknown": ("没有这个行政区划代码，请照施工许可证核对", "There is no such area code; please check it against the building permit"),
    "time_zone_unknown": ("没有这个时区", "There is no such time zone"),
    "text_missing": ("{field}不能为空", "{field} is missing"),
    "text_malformed": ("{field}有不能使用的字符", "{field} has characters that cannot be used"),
    "text_long": ("{field}最多 {limit} 个字", "{field} has at most {limit:character|characters}"),
    "company_role_unknown": ("没有这种参建类型", "There is no such company role"),
    "company_differs": ("该信用代码已登记为另一单位名称", "This credit code is registered under another company name"),
    "company_role_needed": (
        "该单位尚未登记到本项目，请填写参建类型",
        "This company is not on the project yet; please give its role",
    ),
    "company_near": (
        "本项目没有这个单位；是不是“{near}”？是就照这个名称写，确是另一家就填参建类型",
        "This company is not on the project; is it “{near}”? If so write it like that, if it is another one give its role",
    ),
    "company_role_ambiguous": (
        "该单位在本项目有多种参建类型，请填写参建类型",
        "This company has several roles on the project; please say which",
    ),
    "project_company_unknown": ("本项目没有这个参建单位", "There is no such company on this project"),
    "team_unknown": ("本项目没有这个班组", "There is no such team on this project"),
    "gate_unknown": ("本项目没有这个通道", "There is no such gate on this project"),
    "gate_direction_used": (
        "已有人从这个通道通行，方向不能再改：请另加一个方向对的通道，再把旧通道的设备停用",
        "Somebody has passed this gate, so where it leads stays: add another gate and switch off the devices of this one",
    ),
    "gate_used": (
        "已有人从这个通道通行，不能撤掉；停用它的设备就不再有新的通行",
        "Somebody has passed this gate, so it stays; with its devices switched off nobody passes it any more",
    ),
    "gate_name_taken": ("已有同名通道", "There is already a gate of that name"),
    "direction_unknown": ("通道方向须为 in、out 或 both", "A direction is in, out or both"),
    "device_id_taken": ("设备编号已使用", "This device id is taken"),
    # people and terms
    "worker_not_engaged": ("该工人今天不在本项目", "This worker is not engaged on this project today"),
    "worker_unknown": ("没有这名工人", "There is no such worker"),
    "worker_known": ("该身份证号已登记", "This ID number is registered already"),
    "worker_name_differs": (
        "该身份证号已登记为另一姓名，请核对",
        "This ID number is registered under another name; please check",
    ),
    "engagement_overlaps": ("该工人在本项目的进退场时间重叠", "This worker's times on the project overlap"),
    "engagement_unknown": ("没有这条进退场记录", "There is no such engagement"),
    "exit_before_entry": ("退场日期早于进场日期", "The exit is before the entry"),
    "exit_recorded": ("已登记退场", "An exit is already recorded"),
    "terms_before_entry": ("生效日期早于进场日期", "These terms begin before the entry"),
    "terms_after_exit": ("生效日期晚于退场日期", "These terms begin after the exit"),
    "terms_unknown": ("没有这条工资约定", "There are no such terms"),
    "terms_overlap": ("工资约定的时间重叠", "These terms overlap others"),
    "terms_voided": ("这条工资约定已作废", "These terms are voided"),
    "terms_ended": ("这条工资约定已结束", "These terms have ended"),
    "terms_end_before_start": ("结束日期早于生效日期", "The end is before the beginning"),
    "terms_same": ("工资标准没有变化", "The rate is the same as before"),
    "day_rate_wrong": ("日工资须大于 0 且不超过 {limit} 元", "A day rate is above 0 and at most {limit} yuan"),
    "id_length": ("身份证号须为 18 位", "An ID number has 18 characters"),
    "id_characters": ("身份证号只能是 17 位数字加 1 位数字或 X", "An ID number is 17 digits and a digit or X"),
    "id_check_digit": ("身份证号校验位不符，请核对", "The ID number's check digit is wrong; please check it"),
    "id_region": ("身份证号的地区码不存在", "The ID number's region does not exist"),
    "id_birth_date": ("身份证号的出生日期不存在", "The ID number's date of birth is not possible"),
    "id_under_age": ("未满 16 周岁，不能登记", "Under 16 years of age: may not be registered"),
    "uscc_length": ("统一社会信用代码须为 18 位", "A credit code has 18 characters"),
    "uscc_characters": ("统一社会信用代码有不能使用的字符", "The credit code has characters it cannot have"),
    "uscc_check_digit": ("统一社会信用代码校验位不符，请核对", "The credit code's check digit is wrong; please check it"),
    "phone_wrong": ("手机号须为 11 位", "A mobile number has 11 digits"),
    "sex_differs": ("性别与身份证号不符", "The sex does not agree with the ID number"),
    "bank_card_characters": ("银行卡号只能是数字", "A bank card number has digits only"),
    "bank_card_length": ("银行卡号须为 16 至 19 位", "A bank card number has 16 to 19 digits"),
    "bank_card_check_digit": (
        "银行卡号校验位不符，请核对；存折账号可忽略",
        "The bank card number's check digit is wrong; please check it, unless it is a passbook's",
    ),
    # cards and codes
    "credential_taken": ("该卡号或码已发给其他工人", "This card or code belongs to another worker"),
    "credential_missing": ("没有这张卡或码", "There is no such card or code"),
    "card_wrong": ("卡号须为 4 至 64 位字母或数字", "A card number has 4 to 64 letters or digits"),
    # roster files
    "roster_empty_file": ("文件是空的", "The file is empty"),
    "roster_too_large": ("文件过大，上限 {limit} 字节", "The file is too large; the limit is {limit:byte|bytes}"),
    "roster_unpacks_too_large": ("文件解压后过大", "The file is too large once unpacked"),
    "roster_old_format": (
        "这是旧的 .xls 或加了密码的文件；请在 Excel 里打开，另存为不加密的“Excel 工作簿（.xlsx）”再传",
        "This is an old .xls or a protected file; open it in Excel, save it as “Excel Workbook (.xlsx)” without a password and send that",
    ),
    "roster_not_xlsx": (
        "不是可读取的 .xlsx 文件；请在 Excel 里打开，另存为“Excel 工作簿（.xlsx）”再传",
        "Not an .xlsx file that can be read; open it in Excel, save it as “Excel Workbook (.xlsx)” and send that",
    ),
    "roster_no_headings": (
        "前 {rows} 行没有找到表头（须有姓名、身份证号、单位、班组、日工资、进场日期）",
        "No heading row among the first {rows:row|rows} (name, ID number, company, team, day rate, entry date)",
    ),
    "roster_column_missing": ("工作表“{sheet}”缺少栏目：{columns}", "Sheet “{sheet}” lacks columns: {columns_en}"),
    "roster_heading_twice": ("工作表“{sheet}”的栏目“{column}”重复", "Sheet “{sheet}” has column {column} twice"),
    "roster_no_rows": ("表头下面没有人员", "There is nobody below the headings"),
    "roster_too_many_rows": ("人员超过 {limit} 行，请分成几个文件", "More than {limit:row|rows}; split the file"),
    "cell_missing": ("必填栏目为空", "A required cell is empty"),
    "cell_error": ("单元格是错误值", "The cell holds an error"),
    "cell_not_text": ("单元格内容不是文字", "The cell does not hold text"),
    "cell_as_number": ("号码存成了数字，末位已丢失；请把该列设为文本后重填", "Stored as a number, so digits are lost; format the column as text and type it again"),
    "formula_without_value": (
        "公式没有计算结果；请在 Excel 中打开保存，或粘贴为数值",
        "A formula without a value; open and save the file in Excel, or paste values",
    ),
    "text_too_long": ("内容超过 {limit} 个字", "Longer than {limit:character|characters}"),
    "name_wrong": ("姓名格式有误", "The name is malformed"),
    "sex_wrong": ("性别须为男或女", "The sex is male or female"),
    "id_number_as_number": (
        "身份证号存成了数字，末三位已丢失；请把该列设为文本后重填",
        "The ID number was stored as a number, so its last digits are lost; format the column as text and type it again",
    ),
    "money_wrong": ("金额格式有误，请只写数字，如 380 或 380.50", "The amount is malformed; write digits only, like 380 or 380.50"),
    "money_decimals": ("金额最多两位小数", "An amount has at most two decimals"),
    "money_not_positive": ("金额须大于 0", "The amount must be above 0"),
    "money_too_large": ("日工资超过 {limit} 元，请核对", "A day rate above {limit} yuan; please check"),
    "date_wrong": ("日期格式有误，请写作 2026-03-01", "The date is malformed; write it like 2026-03-01"),
    "row_repeated": ("与工作表“{sheet}”第 {first_row} 行是同一人", "The same person as row {first_row} of sheet “{sheet}”"),
    "card_repeated": ("与工作表“{sheet}”第 {first_row} 行卡号相同", "The same card as row {first_row} of sheet “{sheet}”"),
    # what a row that is entered perhaps did not mean
    "age_over": ("已满 {limit} 岁，到了各地提示的年龄界限，请核对证件、体检和岗位", "{limit} or older, the age many counties flag; please check the card, the medical and the work"),
    "age_minor": ("未满 {limit} 岁的未成年工，不得安排重体力和高处作业", "Under {limit}: no heavy work and none at height"),
    "day_rate_high": ("日工资达到 {limit} 元，是不是把月工资写成了日工资？", "A day rate of {limit} yuan or more: is it a month's pay?"),
    "hour_rate_high": ("每小时达到 {limit} 元，是不是把日工资写成了小时工资？", "{limit} yuan an hour or more: is it a day's pay?"),
    "entry_ahead": ("进场日期还有 {days} 天才到，请核对年份和月份", "The entry date is {days:day|days} ahead; please check its year and month"),
    "entry_before_company": (
        "进场日期早于所在单位登记的进场日期 {company_on}，请核对两边",
        "The entry date is before that of the company, {company_on}; please check both",
    ),
    "company_new_near": ("会新增一个单位，名称和已登记的“{near}”很像，是不是同一家？", "A new company will be added whose name is nearly “{near}”: is it the same one?"),
    "team_new_near": ("会新增一个班组，名称和已登记的“{near}”很像，是不是同一个？", "A new team will be added whose name is nearly “{near}”: is it the same one?"),
    "rate_differs": (
        "日工资与已登记的 {recorded} 元不同，未更改；请在工资约定中修改",
        "The day rate differs from the recorded {recorded} yuan; not changed, please change the terms",
    ),
    "team_differs": (
        "班组或单位与已登记的不同，未更改；要改请打开他的进场登记，按第 1 步的“更改”",
        "The team or company differs from the recorded one; not changed. To change it open the enrolment, step 1, Change",
    ),
    "name_differs": (
        "姓名与已登记的不同，未更改；要改请打开进场登记，按第 1 步的“更改”",
        "The name differs from the recorded one; not changed. To change it open the enrolment, step 1, Change",
    ),
    "entry_differs": (
        "进场日期与已登记的 {recorded} 不同，未更改；要改请打开进场登记，按第 1 步的“更改”",
        "The entry date differs from the recorded {recorded}; not changed. To change it open the enrolment, step 1, Change",
    ),
    "phone_differs": (
        "手机号与已登记的不同，未更改；要改请打开进场登记，按第 1 步的“更改”",
        "The telephone differs from the recorded one; not changed. To change it open the enrolment, step 1, Change",
    ),
    "phone_taken": ("原来没有登记手机号，已按表补上", "No telephone was recorded; that of the file was taken"),
    "exit_differs": ("退场日期与已登记的不同，未更改；请办理退场", "The exit date differs from the recorded one; not changed, please record the exit"),
    "card_differs": ("卡号与已登记的不同，未更改", "The card differs from the recorded one; not changed"),
    # what was entered is put right
    "change_reason_needed": ("请写明为什么更改", "Please say why it is changed"),
    "nothing_changed": ("和已登记的一样，没有要更改的", "That is what is recorded already; there is nothing to change"),
    "team_rests": (
        "他在这个班组已有考勤、补卡、请假、预支扣款或工资，不能直接改班组：请登记退场（最后一个工作日的第二天），再从那天起以新班组录入",
        "Days, corrections, leave, advances or wages rest on this team, so it is not changed. Record the exit (the day after the last "
        "working day) and enter the worker again in the new team from that day",
    ),
    "entry_rests": (
        "他 {on} 已有考勤、补卡、请假或预支扣款，进场日期不能晚于这一天；日期有误的，先更正那一天",
        "Something rests on {on} already (a passage, a correction, leave, an advance or a deduction), so the first day is not later "
        "than that; put that day right first",
    ),
    "change_month_locked": (
        "{month} 的考勤已锁定或已结账，不能再改那时的班组和进场日期：换班组请登记退场，再以新班组录入；进场日期请填未锁定的月份",
        "{month} is locked or closed, so a team or first day of then is not changed. For another team record the exit and enter the "
        "worker again; a first day has to be in a month that is open",
    ),
    "company_name_taken": (
        "本项目已有同名的单位；录成两个的，请把人员改到那个单位的班组",
        "Another company of the project has this name; if one was entered twice, move its workers to a team of that one",
    ),
    "company_uscc_taken": (
        "这个统一社会信用代码已登记在另一个单位名下（可能在别的项目），请核对",
        "Another company has this credit code, perhaps on another project; please check it",
    ),
    "company_role_taken": ("这个单位在本项目已有这个参建类型", "The company has this role on the project already"),
    "company_role_rests": (
        "工资专户是这个单位以总承包身份开立的，参建类型不能改；开错的专户先作废",
        "The special account is this company's as general contractor, so its role stays; an account opened by mistake is voided first",
    ),
    # consent and enrolment
    "consent_missing": (
        "没有人脸采集和特征存储的单独同意；不同意的工人请使用卡或码",
        "There is no separate consent to capture and template; a worker who declines uses a card or code",
    ),
    "consent_scope_unknown": ("同意范围有误", "The scope of the consent is not known"),
    "consent_method_unknown": ("同意方式须为 paper、screen 或 spoken", "A consent is given on paper, on screen or spoken"),
    "consent_in_future": ("同意时间晚于现在", "The time of the consent has not come yet"),
    "consent_at_naive": ("同意时间须带时区", "The time of the consent needs its zone"),
    "consent_not_given": ("没有可撤回的同意", "There is no consent to withdraw"),
    "notice_unknown": ("没有这个版本的告知书", "There is no such version of the notice"),
    "photographs_missing": ("请至少提供 {needed} 张照片", "Please give at least {needed:photograph|photographs}"),
    "photographs_too_many": ("最多 {limit} 张照片", "At most {limit:photograph|photographs}"),
    "photographs_alike": (
        "这张和前面一张几乎一样，请换个角度再拍",
        "This photograph is practically an earlier one; take it from another side",
    ),
    "photographs_differ": (
        "第 {photograph} 张照片与其他照片不是同一人，请重拍",
        "Photograph {photograph} does not show the same person as the others; please take it again",
    ),
    "too_like_another": (
        "与本项目另一名工人过于相像，为避免记错工，请使用卡或码",
        "Too like another worker of this project; so that nobody's work is mixed up, please use a card or code",
    ),
}

NAMES: dict[str, tuple[str, str]] = {
    "company_role.owner": ("建设单位", "Owner"),
    "company_role.general_contractor": ("总承包", "General contractor"),
    "company_role.professional_subcontractor": ("专业分包", "Specialist subcontractor"),
    "company_role.labour_subcontractor": ("劳务分包", "Labour subcontractor"),
    "company_role.equipment_subcontractor": ("设备分包", "Equipment contractor"),
    "company_role.material_supplier": ("材料分包", "Material supplier"),
    "company_role.logistics": ("后勤服务", "Site services"),
    "company_role.special_equipment": ("特殊设备", "Special equipment"),
    "company_role.supervisor": ("监理", "Supervisor"),
    "company_role.survey": ("勘察", "Survey"),
    "company_role.design": ("设计", "Design"),
    "company_role.other": ("其它", "Other"),
    "worker_field.name": ("姓名", "Name"),
    "worker_field.phone": ("手机号", "Telephone"),
    "worker_field.team": ("班组", "Team"),
    "worker_field.entry_on": ("进场日期", "First day"),
    "company_field.name": ("单位全称", "Name"),
    "company_field.uscc": ("统一社会信用代码", "Credit code"),
    "company_field.role": ("参建类型", "Role"),
    "company_field.entry_on": ("进场日期", "First day"),
    "trade.bricklayer": ("砌筑工", "Bricklayer"),
    "trade.steel_fixer": ("钢筋工", "Steel fixer"),
    "trade.scaffolder": ("架子工", "Scaffolder"),
    "trade.concreter": ("混凝土工", "Concrete worker"),
    "trade.formworker": ("模板工", "Formwork carpenter"),
    "trade.carpenter": ("木工", "Carpenter"),
    "trade.electrician": ("建筑电工", "Electrician"),
    "trade.welder": ("电焊工", "Welder"),
    "trade.plumber": ("管道工", "Pipe fitter"),
    "trade.plasterer": ("抹灰工", "Plasterer"),
    "trade.painter": ("油漆工", "Painter"),
    "trade.decorator": ("装饰装修工", "Interior finisher"),
    "trade.waterproofer": ("防水工", "Waterproofer"),
    "trade.window_fitter": ("门窗幕墙安装工", "Window and curtain wall fitter"),
    "trade.stonemason": ("石工", "Stonemason"),
    "trade.metalworker": ("金属工", "Metalworker"),
    "trade.machine_fitter": ("机械设备安装工", "Machine fitter"),
    "trade.ventilation_fitter": ("通风工", "Ventilation fitter"),
    "trade.crane_driver": ("起重机司机", "Crane driver"),
    "trade.signaller": ("起重信号工", "Crane signaller"),
    "trade.crane_rigger": ("建筑起重机械安拆工", "Crane rigger"),
    "trade.plant_driver": ("挖掘铲运和桩工机械司机", "Plant driver"),
    "trade.pile_driver": ("桩机操作工", "Pile driver"),
    "trade.pump_operator": ("司泵工", "Pump operator"),
    "trade.surveyor": ("测量放线工", "Setting-out surveyor"),
    "trade.blaster": ("爆破工", "Blaster"),
    "trade.cable_layer": ("线路架设工", "Cable layer"),
    "trade.labourer": ("普工", "Labourer"),
    "trade.manager": ("管理人员", "Management"),
    "sex.M": ("男", "Male"),
    "sex.F": ("女", "Female"),
    "consent_scope_says.capture": (
        "用镜头拍几张脸。不勾：不拍，用卡或码进场。",
        "The camera takes a few pictures of the face. Off: none are taken; card or code at the gate.",
    ),
    "consent_scope_says.template": (
        "从照片算出一组数字，到闸机比对。不勾：不算不存，以前存的当场删除，用卡或码进场。",
        "A row of numbers is worked out of the pictures and compared at the gate. Off: none is made, one kept before is erased at once; card or code at the gate.",
    ),
    "consent_scope_says.site_storage": (
        "那组数字也存到闸机、终端这些工地设备里。不勾：照此记下。现在它只加密存在本系统，不发给闸机，所以认脸照常。",
        "The numbers are held by gates and terminals on site, too. Off: that is recorded. Today they are kept encrypted in this system only and sent to no gate, so the gate knows the worker all the same.",
    ),
    "consent_scope_says.net_transfer": (
        "通过互联网把人脸信息传到本系统以外。不勾：照此记下。现在系统本来就不往外传，所以认脸照常。",
        "Face data is sent out of this system over the internet. Off: that is recorded. Today nothing is sent out anyway, so the gate knows the worker all the same.",
    ),
    "consent_scope_says.image_retention": (
        "登记照片加密留着：换识别模型时不用再来拍，没认出来的画面也可留几天补记工时。不勾：照片算完就不留，换模型时再来拍一次。",
        "The pictures are kept encrypted: when the model changes nobody need come again, and a picture that was not recognised may be kept for some days so that the work is counted. Off: they are not kept; when the model changes they are taken once more.",
    ),
    "consent_scope.capture": ("采集人脸照片", "Take photographs of the face"),
    "consent_scope.template": ("生成并保存人脸特征", "Make and keep a face template"),
    "consent_scope.site_storage": ("保存在工地设备", "Keep it on the site's device"),
    "consent_scope.net_transfer": ("经网络传输", "Send it over the network"),
    "consent_scope.image_retention": ("保留照片", "Keep the photographs"),
    "consent_method.paper": ("书面", "On paper"),
    "consent_method.screen": ("屏幕确认", "On screen"),
    "consent_method.spoken": ("口头（有见证）", "Spoken, witnessed"),
    "consent_act.give": ("同意", "Given"),
    "consent_act.withdraw": ("撤回", "Withdrawn"),
}

TRADES_COMMON = (
    "bricklayer",
    "steel_fixer",
    "scaffolder",
    "concreter",
    "formworker",
    "carpenter",
    "electrician",
    "welder",
    "plumber",
    "plasterer",
    "painter",
    "waterproofer",
    "crane_driver",
    "signaller",
    "surveyor",
    "labourer",
    "manager",
)
"""What the drop-down of the roster template offers."""

ROSTER_NOTES: dict[str, tuple[str, str]] = {
    "name": ("与身份证一致。", "As on the identity card."),
    "id_number": ("18 位，单元格须为文本格式，不要存成数字。", "18 characters, in a text cell, never as a number."),
    "phone": ("11 位手机号。", "Mobile number, 11 digits."),
    "company": ("签订劳动合同的单位全称。", "Full name of the employer."),
    "uscc": ("单位的 18 位统一社会信用代码。", "The company's 18-character credit code."),
    "role": ("单位第一次出现时须选择参建类型。", "Needed when the company is new to the project."),
    "team": ("班组名称。", "Name of the team."),
    "trade": ("可从下拉列表选择，也可填写其他工种。", "Choose from the list or type another trade."),
    "entry_on": ("第一天到本项目的日期，如 2026-03-01。", "First day on the project, like 2026-03-01."),
    "exit_on": ("在本项目的最后一天；在场的人不填。", "Last day on the project; empty for who is still there."),
    "card": ("实名卡号；不填则自动生成通行码。", "Card number; when empty, a code is made."),
    "pay_kind": ("计日、计时、月薪或计件；不填按计日。", "By day, hour, month or piece; by day when empty."),
    "day_rate": (
        "每个工日的工资，单位元，最多两位小数；计时、月薪、计件的填每小时、每月、每件多少元。",
        "Yuan per man-day, at most two decimals; per hour, month or unit where the pay is by those.",
    ),
    "unit": ("计件才填，如平方米、吨。", "For piece work only, like m2 or t."),
    "overtime_rule": (
        "不填按法定倍数：平日 1.5、休息日 2、法定节假日 3 倍。",
        "Statutory multiples when empty: 1.5 on working days, 2 on rest days, 3 on statutory holidays.",
    ),
    "relation": ("劳动合同或用工书面协议；不填按劳动合同。", "Labour contract or work agreement; a labour contract when empty."),
}
"""Column of the roster template -> how to fill it in."""

ROSTER_EXAMPLES: dict[str, str] = {
    "name": "王建国",
    "id_number": "990000199001010017",
    "phone": "13800000000",
    "company": "示例建筑劳务有限公司",
    "uscc": "9144030071526726XG",
    "role": "劳务分包",
    "team": "钢筋一班",
    "trade": "钢筋工",
    "entry_on": "2026-03-01",
    "exit_on": "",
    "card": "0012345678",
    "pay_kind": "计日",
    "day_rate": "350.00",
    "unit": "",
    "overtime_rule": "法定倍数",
    "relation": "劳动合同",
}
"""Of nobody: the ID number's province is assigned to no place."""

_ROLE_ALIASES = {
    "建设": "owner",
    "业主": "owner",
    "业主单位": "owner",
    "总包": "general_contractor",
    "总承包单位": "general_contractor",
    "施工总承包": "general_contractor",
    "施工单位": "general_contractor",
    "专业承包": "professional_subcontractor",
    "劳务": "labour_subcontractor",
    "劳务单位": "labour_subcontractor",
    "劳务公司": "labour_subcontractor",
    "监理单位": "supervisor",
    "勘察单位": "survey",
    "设计单位": "design",
    "其他": "other",
}
_TRADE_ALIASES = {
    "瓦工": "bricklayer",
    "砌筑": "bricklayer",
    "砌砖工": "bricklayer",
    "电工": "electrician",
    "焊工": "welder",
    "水电工": "plumber",
    "管工": "plumber",
    "泥工": "plasterer",
    "粉刷工": "plasterer",
    "油工": "painter",
    "杂工": "labourer",
    "小工": "labourer",
    "力工": "labourer",
    "普通工": "labourer",
    "砼工": "concreter",
    "塔吊司机": "crane_driver",
    "信号工": "signaller",
    "测量工": "surveyor",
}


def _key(said: str) -> str:
    return re.sub(r"[\s_()-]+", "", said).casefold()


def _spoken(kind: str, aliases: dict[str, str]) -> dict[str, str]:
    table: dict[str, str] = {}
    for key, names in NAMES.items():
        if key.startswith(kind + "."):
            code = key.removeprefix(kind + ".")
            table |= {_key(said): code for said in (code, *names)}
            if names[0].endswith("工") and len(names[0]) > 2:
                table[_key(names[0][:-1])] = code
    return {**table, **{_key(said): code for said, code in aliases.items()}}


_ROLES = _spoken("company_role", _ROLE_ALIASES)
_TRADES = _spoken("trade", _TRADE_ALIASES)


def company_role(said: str) -> str | None:
    """The role's code for its code or its name in either language; None when nobody knows it."""
    return _ROLES.get(_key(said))


def trade(said: str) -> str:
    """The trade's code when its name is known, else what was said: new trades need no release."""
    return _TRADES.get(_key(said), said)
