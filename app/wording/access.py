"""Words of the room ``access``: signing in, accounts, roles and who may do what, (Chinese, English)."""

SENTENCES: dict[str, tuple[str, str]] = {
    "sign_in_needed": ("请先登录", "Please sign in first"),
    "sign_in_wrong": ("账号或密码不正确", "The login or the password is not right"),
    "sign_in_too_often": ("登录失败次数过多，请稍后再试", "Too many failed sign-ins; please wait a few minutes"),
    "sign_in_slowed": (
        "该账号登录失败次数较多，请 {seconds} 秒后再试",
        "This login has failed often; please try again in {seconds} seconds",
    ),
    "sign_in_busy": ("同时登录人数过多，请稍候重试", "Many people are signing in; please try again shortly"),
    "not_allowed": ("您没有这项权限", "Your role does not allow this"),
    "project_unknown": ("没有这个项目", "There is no such project"),
    "cross_site": ("请求来自其他网站，已拒绝", "Refused: the request came from another site"),
    "login_malformed": (
        "账号须为 2 至 64 位小写字母、数字或 . _ @ -，以字母或数字开头",
        "A login has 2 to 64 letters, digits or . _ @ -, and begins with a letter or digit",
    ),
    "login_taken": ("该账号已存在", "This login is taken"),
    "account_name_wrong": ("姓名须为 1 至 100 个字", "A name has 1 to 100 characters"),
    "account_unknown": ("没有这个账号", "There is no such account"),
    "language_unknown": ("语言须为 zh 或 en", "The language is zh or en"),
    "password_too_short": ("密码至少 {length_min} 位", "The password needs at least {length_min} characters"),
    "password_too_long": ("密码最多 {length_max} 位", "The password may have at most {length_max} characters"),
    "password_is_login": ("密码不能与账号相同", "The password must not be the login"),
    "password_unchanged": ("新密码与原密码相同", "The new password is the old one"),
    "password_old_wrong": ("原密码不正确", "The old password is not right"),
    "password_repeat_differs": ("两次输入的新密码不一致", "The new password was not repeated alike"),
    "role_unknown": ("没有这个角色", "There is no such role"),
    "role_reach_wrong": (
        "项目角色须指定项目，监管人员须指定区划代码，管理员两者都不填",
        "A project role needs a project, an inspector an area code, an administrator neither",
    ),
    "role_part_wrong": (
        "劳务公司须指定参建单位，班组长须指定班组，其他角色都不填",
        "A subcontractor needs a company, a team leader a team, and no other role either",
    ),
    "role_not_held": ("该账号没有这个角色", "The account does not hold this role"),
    "own_account": ("不能停用自己的账号或收回自己的管理员角色", "Nobody disables his own account or takes back his own administrator role"),
    "last_administrator": (
        "这是最后一个系统管理员，不能停用或收回；请先给别人管理员角色",
        "This is the last administrator and stays; make somebody else one first",
    ),
    "area_code_malformed": ("行政区划代码须为 2 至 12 位数字", "An area code has 2 to 12 digits"),
}

NAMES: dict[str, tuple[str, str]] = {
    "role.administrator": ("系统管理员", "Administrator"),
    "role.manager": ("项目经理", "Project manager"),
    "role.labour_officer": ("劳资专管员", "Labour officer"),
    "role.guard": ("门卫", "Guard"),
    "role.inspector": ("监管人员", "Inspector"),
    "role.subcontractor": ("劳务公司", "Subcontractor"),
    "role.team_leader": ("班组长", "Team leader"),
}
