"""What a rule rests on: a law, an article, a platform's practice. Names for the inspector, never the text.

``checked`` says whether the number of the article was read on a page (domain.md marks) or comes from memory; one that
was not is shown with a word that says so, and nothing is ever quoted.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Law:
    """One basis."""

    zh: str
    en: str
    article: str | None = None
    checked: bool = False
    """The article was matched on a page (domain.md 10), not remembered."""


_L724 = ("保障农民工工资支付条例", "Regulation on Ensuring Wage Payment to Migrant Workers (Order 724)")
_L53 = ("工程建设领域农民工工资专用账户管理暂行办法", "Interim Measures on Special Wage Accounts (2021 No. 53)")
_L18 = ("建筑工人实名制管理办法（试行）", "Measures on Real-Name Management of Construction Workers (2019 No. 18)")
_L65 = ("工程建设领域农民工工资保证金规定", "Provisions on Wage Deposits (2021 No. 65)")

LAWS: dict[str, Law] = {
    "L724-11": Law(*_L724, "11", checked=True),
    "L724-13": Law(*_L724, "13", checked=True),
    "L724-14": Law(*_L724, "14", checked=True),
    "L724-15": Law(*_L724, "15"),
    "L724-24": Law(*_L724, "24", checked=True),
    "L724-28": Law(*_L724, "28", checked=True),
    "L724-30": Law(*_L724, "30", checked=True),
    "L724-31": Law(*_L724, "31"),
    "L724-34": Law(*_L724, "34", checked=True),
    "L724-50": Law(*_L724, "50"),
    "L53": Law(*_L53, checked=True),
    "L18": Law(*_L18, checked=True),
    "L18-8": Law(*_L18, "8", checked=True),
    "L18-13": Law(*_L18, "13"),
    "L65": Law(*_L65),
    "LAB-36": Law("劳动法", "Labour Law", "36"),
    "LAB-38": Law("劳动法", "Labour Law", "38"),
    "LAB-41": Law("劳动法", "Labour Law", "41"),
    "LAB-15": Law("劳动法", "Labour Law", "15"),
    "WAGE-9": Law("工资支付暂行规定", "Interim Provisions on Payment of Wages", "9"),
    "WAGE-16": Law("工资支付暂行规定", "Interim Provisions on Payment of Wages", "16"),
    "MINWAGE-12": Law("最低工资规定", "Provisions on Minimum Wages", "12"),
    "FACE": Law("人脸识别技术应用安全管理办法", "Measures on the Security of Face Recognition Applications", checked=True),
    "PIPL-19": Law("个人信息保护法", "Personal Information Protection Law", "19"),
}
"""Id -> basis; a rule names ids."""

UNCHECKED = {"zh": "条文号待核对", "en": "article number to be checked"}


def cited(law_id: str, language: str) -> str:
    """Return how a basis is named on a page: ``《保障农民工工资支付条例》第31条（条文号待核对）``.

    Raises:
        KeyError: there is no such basis.
    """
    law = LAWS[law_id]
    if language == "zh":
        text = f"《{law.zh}》" + (f"第{law.article}条" if law.article else "")
        return text if law.checked or not law.article else f"{text}（{UNCHECKED['zh']}）"
    text = law.en + (f", art. {law.article}" if law.article else "")
    return text if law.checked or not law.article else f"{text} ({UNCHECKED['en']})"
