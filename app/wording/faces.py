"""Words of faces beside the gate's answer: review, identity cards, changes of pack, one face twice."""

SENTENCES: dict[str, tuple[str, str]] = {
    "picture_gone": ("没有画面，或画面已到期删除", "There is no picture, or it has been erased"),
    "face_policy_unknown": ("人脸处理规则的取值有误", "That is no rule for faces"),
    "face_policy_ground_needed": (
        "请写明依据：个人信息保护影响评估的编号和日期（至少 {length_min} 个字）",
        "Say on what it rests: number and date of the impact assessment ({length_min:character|characters} or more)",
    ),
    "match_verdict_unknown": (
        "认定结果须为 assigned、confirmed 或 discarded",
        "A verdict is assigned, confirmed or discarded",
    ),
    "match_worker_wrong": ("认定为某人时须选一名工人，排除时不选", "Choose a worker when it was one, and none when it was not"),
    "match_passages_wrong": ("这些不是本项目被拒的人脸通行", "These are not refused faces of this project"),
    "match_direction_unknown": ("补卡方向须为 in 或 out", "A correction is for in or out"),
    "match_not_proposed": ("画面没有指向这名工人", "No picture proposes this worker"),
    "show_face": ("请看镜头", "Please look at the camera"),
    "face_not_cards": ("人脸与卡不符，请联系门卫", "The face is not the card's; please see the guard"),
    "portrait_unusable": (
        "身份证照片不能比对（{why}），请重新读取",
        "The identity card's photograph cannot be compared ({why}); please read it again",
    ),
    "portrait_differs": (
        "现场照片与身份证照片不像同一人（核验 {check} 号）。请核对本人和证件；确是本人的，由项目经理说明理由放行",
        "The live photograph is not like that of the identity card (check {check}). Look at person and card; if they are the same, the "
        "manager may vouch for it with a reason",
    ),
    "identity_check_needed": (
        "本项目登记人脸前须核对身份证照片，请一并提交读卡器读出的照片",
        "This project compares with the identity card first; send the photograph its reader gives along",
    ),
    "identity_check_unknown": ("没有这次核验", "There is no such comparison"),
    "identity_reason_needed": ("请写明理由（至少 {length_min} 个字）", "Say why ({length_min:character|characters} or more)"),
    "identity_same": ("核验已通过，无需放行", "The comparison agreed; there is nothing to vouch for"),
    "identity_overridden": ("已有人放行", "Somebody has vouched already"),
    "identity_same_person": ("放行须由另一人办理", "Somebody other than who compared has to vouch"),
    "twin_unknown": ("没有这一对", "There is no such pair"),
    "twin_other_area": ("其中一人不在您的地区，不能由您认定", "One of the two is not of your area; it is not yours to decide"),
    "twin_verdict_unknown": (
        "核实结果须为 same_person、different_people 或 open",
        "What was found out is same_person, different_people or open",
    ),
    "twin_found": (
        "两份人脸特征相似度 {similarity}，要求 {similarity_min}。在 {templates} 份特征中两两比较，"
        "按模型标称的误认率预计会有约 {false_pairs} 对本不是同一人；标称的误认率若未实测到这一水平，实际可能多得多。",
        "Two templates have a similarity of {similarity}, needed {similarity_min}. Among {templates:template|templates}, each compared with "
        "each, about {false_pairs:pair|pairs} of different people are to be expected by the model's stated rate; where that rate was not "
        "measured so far, there may be many more.",
    ),
    "pack_changing": ("正在切换识别模型，请稍候再试", "The recognition model is being changed; please try again in a moment"),
    "pack_unusable": ("没有这个模型包，或它不能使用", "There is no such model pack, or it cannot be used"),
    "pack_change_open": ("已有一次模型更换尚未结束", "Another change of the model is not over yet"),
    "pack_change_none": ("没有进行中的模型更换", "No change of the model is open"),
    "pack_change_same": ("两个模型的人脸特征相同，无需更换", "Both models make the same templates; there is nothing to change"),
    "pack_change_switched": ("已切换到新模型", "The new model is in force already"),
    "pack_change_not_switched": ("尚未切换到新模型", "The new model is not in force"),
    "pack_change_gaps": (
        "还有 {workers} 名工人没有新模型的特征，切换后他们须刷卡或扫码；仍要切换请注明",
        "{workers:worker has|workers have} no template of the new model and would pass by card or code; say so to switch all the same",
    ),
    "pack_change_past": ("切换时间已过", "That moment is over"),
    "pack_change_configured": (
        "请先把配置改为新模型 {pack}，否则重启后会回到旧模型",
        "Configure the new model {pack} first, or the next start goes back to the old one",
    ),
}

NAMES: dict[str, tuple[str, str]] = {
    "face_verdict.assigned": ("认定为", "Was"),
    "face_verdict.confirmed": ("确认为", "Confirmed as"),
    "face_verdict.discarded": ("已排除", "Set aside"),
    "gate_photos.off": ("不显示", "Not shown"),
    "gate_photos.guard": ("只给门卫看", "To the guard only"),
    "gate_photos.screen": ("门卫和闸机屏", "To the guard and on the gate's screen"),
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
    "twin_verdict.same_person": ("是同一人", "One person"),
    "twin_verdict.different_people": ("不是同一人", "Two people"),
    "twin_verdict.open": ("待核实", "To find out"),
    "code.show_face": ("待看镜头", "Awaiting the face"),
    "code.face_not_cards": ("人卡不符", "Face and card differ"),
    "identity.same": ("一致", "Same person"),
    "identity.different": ("不像同一人", "Not alike"),
    "pack_change.prepared": ("准备中", "Being prepared"),
    "pack_change.planned": ("定时切换", "Switch planned"),
    "pack_change.switched": ("已切换", "Switched"),
    "pack_change.rolled_back": ("已退回", "Rolled back"),
    "come_again.not_kept": ("照片没有保留", "Photographs were not kept"),
    "come_again.unusable": ("照片不能用于新模型", "Photographs are of no use to the new model"),
    "picture_kind.coarse": ("粗格画面", "Coarse picture"),
    "picture_kind.agreed": ("清晰画面", "Clear picture"),
}
