"""Words of faces beside the gate's answer: review, identity cards, changes of pack, one face twice."""

SENTENCES: dict[str, tuple[str, str]] = {
    "picture_gone": ("没有画面，或画面已到期删除", "There is no picture, or it has been erased"),
    "face_policy_unknown": ("人脸处理规则的取值有误", "That is no rule for faces"),
    "face_policy_ground_needed": (
        "请写明依据：个人信息保护影响评估的编号和日期（至少 {length_min} 个字）",
        "Say on what it rests: number and date of the impact assessment ({length_min} characters or more)",
    ),
    "match_verdict_unknown": (
        "认定结果须为 assigned、confirmed 或 discarded",
        "A verdict is assigned, confirmed or discarded",
    ),
    "match_worker_wrong": ("认定为某人时须选一名工人，排除时不选", "Choose a worker when it was one, and none when it was not"),
    "match_passages_wrong": ("这些不是本项目被拒的人脸通行", "These are not refused faces of this project"),
    "match_direction_unknown": ("补卡方向须为 in 或 out", "A correction is for in or out"),
    "match_not_proposed": ("画面没有指向这名工人", "No picture proposes this worker"),
}

NAMES: dict[str, tuple[str, str]] = {
    "face_verdict.assigned": ("认定为", "Was"),
    "face_verdict.confirmed": ("确认为", "Confirmed as"),
    "face_verdict.discarded": ("已排除", "Set aside"),
    "review_pictures.off": ("不保存画面", "No picture is kept"),
    "review_pictures.coarse": ("只存认不出人的粗格", "Coarse, nobody is recognised"),
    "review_pictures.agreed": (
        "粗格；同意保留照片的工人存清晰画面",
        "Coarse; clear of workers who agreed to that",
    ),
    "identity_check.off": ("不核验", "Off"),
    "identity_check.observe": ("核验并记录，不拦", "Compared and recorded, nobody is stopped"),
    "identity_check.require": ("核验通过才能登记", "Needed to enrol"),
    "face_advice.similarity_falling": ("相似度走低", "Similarity is falling"),
    "face_advice.refusals_rising": ("被拒次数增多", "Refused more often"),
    "picture_kind.coarse": ("粗格画面", "Coarse picture"),
    "picture_kind.agreed": ("清晰画面", "Clear picture"),
}
