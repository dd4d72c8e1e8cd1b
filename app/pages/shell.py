"""The frame around a page: who reads it, which project, the menu, and where scripts and styles lie."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from starlette.requests import Request

from app import access
from app.assets import vendor_hash
from app.pages.words import marked, tr
from app.store.people import ProjectInfo

STATIC = Path(__file__).resolve().parent.parent / "static"
NOTICES = {
    "paid": marked("支付已登记。"),
    "paid_before": marked("这笔支付先前已登记，没有重复。"),
    "advance_kept": marked("预支已登记；有凭据的，以后做工资表时扣回。"),
    "deduction_kept": marked("扣款已登记，做那个月的工资表时按法定限额扣。"),
    "allowance_kept": marked("津贴已登记，未结账的月份按它重算。"),
    "allowance_ended": marked("津贴已到期，之后的日子不再计。"),
    "beside_voided": marked("已作废，不再计入工资。"),
    "sent_before": marked("先前已登记，没有重复。"),
    "decided": marked("处理结果已保存。"),
    "audited": marked("核查完成。"),
    "confirming": marked("人工确认已启用。"),
    "not_confirming": marked("人工确认已停用。"),
    "locked": marked("考勤已锁定。"),
    "drafted": marked("工资表已生成。"),
    "closed": marked("本月已结账。"),
    "sheet_step": marked("已办理。"),
    "word_kept": marked("工人的意见已登记。"),
    "screen_revoked": marked("屏幕已停用。"),
    "vouched": marked("放行已登记。"),
    "matched": marked("认定已登记。"),
    "face_policy_set": marked("人脸处理规则已保存。"),
    "gate_changed": marked("通道已更改。"),
    "gate_retired": marked("通道已撤掉，它的设备已停用。"),
    "correction_asked": marked("补卡已申请；等谁确认，见列表里的状态。"),
    "correction_decided": marked("补卡已办理。"),
    "mark_kept": marked("请假停工已登记，没来的日子按登记重新计算。"),
    "mark_voided": marked("请假停工的登记已撤销，那些日子重新计算。"),
    "batch_made": marked("批次已制单，等待另一人复核。"),
    "batch_approve": marked("批次已复核。"),
    "batch_send": marked("批次已登记为送银行，现在可以下载银行文件。"),
    "batch_withdraw": marked("批次已撤回。"),
    "funding_kept": marked("人工费拨付已登记。"),
    "line_matched": marked("流水已认定。"),
    "exit_settled": marked("已结算，打印确认书请本人签字。"),
    "phones_ended": marked("他的手机都已退出，未用的码作废。"),
    "objection_answered": marked("已答复，工人在自己的页面上看得到。"),
    "exit_released": marked("已批准支付，可在专户列入代发批次。"),
    "entered": marked("身份与班组已保存，可以接着办，也可以稍后再办。"),
    "papers_changed": marked("已更改；原来填的和原因留在下面。"),
    "here_phone": marked("他已在本项目名册；缺的手机号已补上，其余没有另存。下面是他原来的登记，接着办缺的就行。"),
    "here_other_phone": marked("他已在本项目名册，这次填的没有另存；手机号与已登记的不同，要改请按下面第 1 步的“更改”。"),
    "here_already": marked("他已在本项目名册，这次填的没有另存。下面是他原来的登记，接着办缺的就行。"),
    "consent_kept": marked("他的意见已登记。"),
    "face_enrolled": marked("人脸已登记。"),
    "card_given": marked("卡已登记。"),
    "card_kept": marked("工资卡已登记，以后的代发都打到这张卡。"),
    "card_odd": marked("工资卡已登记，但卡号的校验位不对，请对着卡再核一遍；存折号可能就是这样。"),
    "left": marked("退场已登记。请接着办退场结算，把没付清的结给他。"),
    "account_opened": marked("专户已登记，可以登记到账、制作代发批次。"),
    "terms_agreed": marked("工资约定已登记。"),
    "project_made": marked("项目已建立。下一步：给项目经理和劳资专管员开账号，其余由他们在页面上办。"),
    "area_kept": marked("行政区划代码已保存，由那里的监管人员看到本项目。"),
    "company_kept": marked("参建单位已登记。"),
    "company_changed": marked("参建单位已更改。"),
    "team_kept": marked("班组已登记。"),
    "rule_kept": marked("考勤规则已登记，未结账的工日按新规则重算。"),
    "deciding_kept": marked("判定规则已保存，各闸机几秒内生效。"),
    "gate_added": marked("通道已添加，请接着添加它的闸机或摄像机。"),
    "camera_added": marked("摄像机已添加，几秒内开始取画面。"),
    "camera_removed": marked("摄像机已移除，已有的通行记录保留。"),
    "device_switched": marked("设备状态已更改。"),
    "session_ended": marked("已退出所选的登录。"),
    "second_off": marked("两步验证已停用。"),
    "account_made": marked("账号已建立，请授予角色，并把初始密码当面告诉本人。"),
    "role_given": marked("角色已授予。"),
    "role_taken": marked("角色已收回。"),
    "password_set": marked("新密码已设置，该账号的登录已全部退出。"),
    "account_switched": marked("账号状态已更改。"),
    "password_changed": marked("密码已更改，其他设备上的登录已退出。"),
}
"""Word of the query string -> what the page says once, after something was done."""


@dataclass(frozen=True)
class MenuItem:
    """One word of the project's menu."""

    label: str
    url: str
    current: bool
    pages: tuple["MenuItem", ...] = ()
    """The pages behind a word that stands for several."""


@dataclass(frozen=True)
class Shell:
    """What ``base.html`` shows around every page."""

    title: str
    language: str
    other_language: str
    person_name: str
    project: ProjectInfo | None
    menu: tuple[MenuItem, ...]
    here: str
    """Path and query of this page, to come back to after switching the language."""
    notice: str
    read_at: datetime
    """On the project's own clock, for the head of a printed page."""
    own: str
    vendor: str


@lru_cache(maxsize=1)
def own_hash() -> str:
    """Of our own style and scripts: their address changes when they do, so browsers may keep them for ever."""
    digest = hashlib.sha256()
    for path in sorted((STATIC / "own").iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=1)
def vendor() -> str:
    """Address of the scripts that come from npm."""
    return f"/static/vendor/{vendor_hash()}"


def shell(
    request: Request,
    *,
    title: str,
    language: str,
    person: access.Person | None = None,
    project: ProjectInfo | None = None,
    menu: tuple[MenuItem, ...] = (),
) -> Shell:
    """The frame of one page.

    Args:
        title: a text of the catalogue; translated here.
    """
    told = NOTICES.get(request.query_params.get("done", ""))
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Shell(
        title=tr(language, title),
        language=language,
        other_language="en" if language == "zh" else "zh",
        person_name=person.name if person else "",
        project=project,
        menu=menu,
        here=here if request.method == "GET" else "/",
        notice=tr(language, told) if told else "",
        read_at=access.now_of(request).astimezone(ZoneInfo(project.time_zone if project else "Asia/Shanghai")),
        own=f"/static/own/{own_hash()}",
        vendor=vendor(),
    )
