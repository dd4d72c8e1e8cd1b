"""The notices a worker reads, or has read to him, before he decides about his face. Versioned; never edited.

A recorded consent names the version it was given to, so a published text stays as it is for ever; a better text
is a new version. Short sentences and plain words: many who read them left school early (domain.md 6.1).
"""

from dataclasses import dataclass

from app.wording import papers


@dataclass(frozen=True, slots=True)
class Notice:
    """One version of the notice about face recognition."""

    version: str
    title: tuple[str, str]
    """Chinese, English; so are all the others."""
    paragraphs: tuple[tuple[str, str, str, str], ...]
    """Heading and text in Chinese, heading and text in English."""


_FACE_1 = Notice(
    version="face-1",
    title=("人脸考勤告知书", "About your face at the gate"),
    paragraphs=(
        (
            "用来做什么",
            "只用来在本工地大门认出您、开门、记您的工时。不用于别的。",
            "What for",
            "Only to know you at this site's gate, to open it, and to count your work. For nothing else.",
        ),
        (
            "怎么用",
            "拍几张照片，算出一组数字（人脸特征）。到大门时，摄像头的画面与它比对。画面比对后不保存。",
            "How",
            "We take a few photographs and work out a row of numbers from them. At the gate the camera's picture is "
            "compared with it. That picture is not kept.",
        ),
        (
            "保存什么、多久",
            "人脸特征加密保存在本工地的系统里，您退场后 30 天内删除。照片不保存，除非您另外同意。",
            "What is kept, and how long",
            "The row of numbers is kept encrypted in this site's system and erased within 30 days after you leave. "
            "The photographs are not kept unless you agree to that as well.",
        ),
        (
            "您可以不同意",
            "不同意也照样上班、照样记工、照样发工资。您用卡或通行码进出，与刷脸一样算。",
            "You may say no",
            "If you say no you work, are counted and are paid just the same. You come in by card or code; it counts the same.",
        ),
        (
            "您可以随时反悔",
            "同意后随时可以撤回，告诉劳资专管员就行。撤回后人脸特征立即删除，已记的工和工资不受影响。",
            "You may change your mind",
            "You may withdraw at any time by telling the labour officer. The numbers are erased at once; work already "
            "counted and wages stay as they are.",
        ),
        (
            "您的权利",
            "您可以查看、更正、复制自己的信息，可以问为什么。请找本项目劳资专管员，或向当地劳动监察部门反映。",
            "Your rights",
            "You may see, correct and copy what is kept about you, and ask why. Ask the project's labour officer, or the "
            "local labour inspectorate.",
        ),
    ),
)

_FACE_2 = Notice(
    version="face-2",
    title=_FACE_1.title,
    paragraphs=(
        (
            "用来做什么",
            "用来在本工地大门认出您、开门、记您的工时。劳动监察部门要求时，还用来核对同一张脸有没有登记两个身份证号。"
            "不用于别的。",
            "What for",
            "To know you at this site's gate, to open it, and to count your work. Where the labour inspectorate orders it, "
            "also to see whether one face is registered under two ID numbers. For nothing else.",
        ),
        (
            "怎么用",
            "拍几张照片，算出一组数字（人脸特征）。到大门时，摄像头的画面与它比对。画面比对后不保存，只有下面一种例外。",
            "How",
            "We take a few photographs and work out a row of numbers from them. At the gate the camera's picture is compared "
            "with it. That picture is not kept, with the one exception below.",
        ),
        (
            "没认出来时",
            "您另外同意保留照片的，很像您又没认出来的画面可以加密保存，最多 7 天，给人看是不是您，好补记工时。谁看过都有记录。",
            "When you are not recognised",
            "If you agree that photographs are kept, a picture that is very like you and was not recognised may be kept, "
            "encrypted and for 7 days at most, so that somebody can say whether it was you and your work is counted. Who "
            "looked at it is recorded.",
        ),
        (
            "保存什么、多久",
            "人脸特征加密保存在本工地的系统里，您退场后 30 天内删除。照片不保存，除非您另外同意；同意的也在那时删除。",
            "What is kept, and how long",
            "The row of numbers is kept encrypted in this site's system and erased within 30 days after you leave. The "
            "photographs are not kept unless you agree to that as well; then they are erased at the same time.",
        ),
        (
            "保留照片有什么用",
            "更换识别模型时，用保留的照片重新计算，您不必再来拍照。不同意保留也行，到时再来拍一次。",
            "What kept photographs are for",
            "When the recognition model is changed the numbers are worked out again from them, and you need not come again. "
            "You may say no to that; then you come once more.",
        ),
        *_FACE_1.paragraphs[3:],
    ),
)

_FACE_3 = Notice(
    version="face-3",
    title=_FACE_1.title,
    paragraphs=(
        *_FACE_2.paragraphs[:4],
        (
            "保留照片有什么用",
            "更换识别模型时，用保留的照片重新计算，您不必再来拍照。项目另行决定的，过闸机时照片显示几秒，供您和门卫核对。"
            "不同意保留也行：不显示，换模型时再来拍一次。",
            "What kept photographs are for",
            "When the recognition model is changed the numbers are worked out again from them, and you need not come again. Where the "
            "project decides so, your photograph is shown for some seconds as you pass the gate, so that you and the guard see whether "
            "it was you. You may say no to keeping them; then nothing is shown, and you come once more when the model is changed.",
        ),
        *_FACE_2.paragraphs[5:],
    ),
)

FACE: dict[str, Notice] = {notice.version: notice for notice in (_FACE_1, _FACE_2, _FACE_3)}
"""version -> notice."""

FACE_CURRENT = _FACE_3.version
"""The one to show today."""

GATE_PICTURES = frozenset({_FACE_2.version, _FACE_3.version})
"""Notices that tell a worker that a picture of the gate may be kept for review: a consent to another one does not cover it."""

COUNTY_SEARCH = frozenset({_FACE_2.version, _FACE_3.version})
"""Notices that tell a worker that his face may be looked for under other ID numbers."""


SHOWN_AT_THE_GATE = frozenset({_FACE_3.version})
"""Notices that tell a worker that his kept photograph may be shown as he passes: a consent to another one does not cover it."""


def scope_names(language: str) -> dict[str, str]:
    """What a worker may agree to, in the words he is asked with."""
    kind = "consent_scope."
    return {
        key.removeprefix(kind): names[1 if language == "en" else 0]
        for key, names in papers.NAMES.items()
        if key.startswith(kind)
    }
