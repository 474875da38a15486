"""What the program says in the chat: short, plain, and what to do next. Words in {} are filled in."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from bot.config import SHANGHAI

BROKEN = "系统刚才没有办好，您说的已经记下了。请过几分钟再发一次；还不行，就发“人工”。"

WELCOME = "您好，这里是{title}金融扶贫服务。贷款申请、查进度、看还款，都可以在这里办，不收任何费用。"
WELCOME_BACK = "欢迎回来。"
DRAFT_WAITS = "您有一份没填完的申请，发“继续”接着填。"
ANTI_FRAUD = "我们不会问您要密码和验证码，也不会让您先交钱。"

HELP = "您可以点下面的字，也可以直接打字或说话："
HELP_STAFF = "您的工作从这里进："
NOT_UNDERSTOOD = "这句话我没看明白。您可以点下面的字："
NO_PHOTO_NOW = "现在不用发照片。要办什么，可以点下面的字："
NO_PLACE_NOW = "现在不用发位置。要办什么，可以点下面的字："
NOT_HEARD = "没听清，请再说一遍，或者打字。也可以点下面的字："
NO_SUCH_KIND = "这种消息我看不了，请打字或说话。也可以点下面的字："
SECRET = "请不要发密码、验证码或银行卡号！我们从来不问这些，谁要都别给。刚才那条没有保存。"  # noqa: S105 - a warning

LEAVE_PHONE = "您还没有留手机号，请发过来，好给您打电话。"
PHONE_KEPT = "记下了，会打这个电话找您。"
HANDED_OVER = "好的，已经告诉工作人员，会有人联系您，最晚{due}。"
ALREADY_HANDED_OVER = "已经告诉工作人员了，会有人联系您，最晚{due}。"

NOTHING_TO_GO_ON = "没有填到一半的申请，我们从头开始。"
APPLY_OPEN = "您已经有一份申请在办（{number}），一户同时只能办一份。"
APPLY_GONE = "这份表已经交上去或者取消了。"
APPLY_SUBMITTED = (
    "交上去了！您的申请编号是 {number}。\n现在由{who}办理{due}。有进展会通知您，也可以随时发“我的申请”查看。"
)
PAPER_NOT_YOURS = "纸质申请由村金融扶贫服务部的人录入。您可以替人申请，或者请村里录入。"
APPLY_FOR_OTHER = (
    "表填好了（{number}），还要本人确认才算数：\n"
    "1. 他用微信的，最好他自己来：办过的会收到提醒；没办过的，请他关注后发“认领”；\n"
    "2. 他不用微信的，他的手机会收到短信。请把内容和三份文书念给他听，他同意了，"
    "把六位确认码填到下面的网页里；\n"
    "3. 收不到短信，就在网页里拍一张他签字的照片。"
)
FILLED_FOR_YOU = "有人替您填了下面这些。请从头看一遍，是您的意思、都对，再点“确认申请”："
CONFIRM_PAGE = "帮他确认"
CLAIM = (
    "村干部或家里人替您填过申请、自己还没用微信办过的，点这里认领。"
    "要在打开的网页里填身份证号和短信验证码；聊天里我们从来不要验证码。"
)
CLAIM_PAGE = "认领我的登记"
CLAIMED_THEN = "认领好了回到这里，再发一次“同意”，申请就交上去了。"
MAYBE_CLAIM = "别人替您填过的，先认领："
ON_A_PAGE = "在网页上填"
ALL_LOANS = "在网页上看全部"
APPLY_GONE_NEXT = (("", "我要贷款"), ("", "我的申请"))
APPLY_NEXT = (("", "我的申请"), ("", "人工"))
APPLY_OPEN_NEXT = (("", "我的申请"), ("", "替人申请"))
NOTHING_TO_CANCEL = "现在没有没填完的表，不用取消。已经交上去的，可以在“我的申请”里撤回。"
NOTHING_TO_SUPPLEMENT = "这份申请现在不用补充材料。"
SUPPLEMENTED_ASKS = "改好了。您改了金额、期限或用途，{number} 要他本人再确认一次才往下办，已经通知他。"
SUPPLEMENTED = "补充好了，{number} 已经重新交上去。有进展会通知您。"
SUPPLEMENT_ASK = "要补充的原因：{reason}\n改好后会重新交上去。"
CONFIRMED = "确认好了，{number} 开始办理。有进展会通知您。"
WITHDRAW_SURE = "确定要撤回申请 {number} 吗？撤回后要办得重新申请。"
WITHDRAWN = "已经撤回申请 {number}。想办的时候再来。"
KEPT_AS_IS = "好，没有动。"

REJECTED_ADVICE = "把上面说的事办好，就可以再申请。有不同意见，找村干部，或者到{centre}反映。"
NO_APPLICATION = "您还没有申请过。"
NO_LOAN = "您名下没有贷款。"
NO_LOAN_TO_SETTLE = "您名下没有要还的贷款。"
HOW_TO_SETTLE = (
    "利息只算到还的那天，早一天还就少一天。想问别的日子，说“下月5号还清要多少”。"
    "先还一部分也行，以后的利息会少。到放款的银行办，或者发“人工”。"
)


SLIP_WHICH = "还的是哪一笔？点一下，或者回前面的数字："
SLIP_PHOTO = "请把还款单据拍张照片发过来，银行回单、转账截图都行。没有的话，点“没有单据”。"
SLIP_PHOTO_KEPT = "照片收到了。"
SLIP_AMOUNT = "还了多少钱？说个数就行，比如 500 或者 五百块。"
SLIP_DAY = "哪天还的？比如 今天、昨天、11月20日。"
SLIP_SURE = "我念给您听：贷款 {number}，{day}，还了{amount}，{photo}。对吗？"
SLIP_AGAIN = "好，重新来。"
SLIP_TAKEN = "记下了，已经请银行核对，最晚{due}告诉您结果。这几天要是还收到提醒，不用着急。"
SLIP_KNOWN = "这张单据已经交给银行了，正在核对，不用再发。有结果会告诉您。"
SLIP_LEFT = "好，没有报。以后要报还款，发“我还了”。"
SLIP_ALL_SETTLED = "您的贷款都还清了，不用再报。谢谢您！"
SLIP_NO_LOAN = "没有查到您名下的贷款，已经请工作人员帮您核对，最晚{due}联系您。"
SLIP_NOT_HEARD = "没听明白。"
SLIP_NOT_HEARD_AGAIN = "还是没听明白。不想报了，点“取消”。"
SLIP_CALLED = "别着急，已经请工作人员帮您核对，最晚{due}联系您。"

PROMISE_NOTHING = "您现在没有要还的。要办什么，可以点下面的字："
PROMISE_WHEN = "好。大概哪天能还？"
PROMISE_EXAMPLE = "说个日子就行，比如 下周一、12月5日；最晚可以说到{furthest}。"
PROMISE_NO_DAY = "没听出是哪天。"
PROMISE_TOO_FAR = "{day}太远了。"
PROMISE_OVER = "这个日子已经过了。"
PROMISE_SURE = "您是说，{day}（星期{week_day}）前还{amount}，对吗？"
PROMISE_TAKEN = "记下了，{day}前还。到那天为止先不催您。还了以后，发“我还了”告诉一声。"
PROMISE_TAKEN_FAR = "记下了，{day}前还。这{days}天先不催您，以后会再提醒。还了以后，发“我还了”告诉一声。"
PROMISE_LEFT = "好，没有记。有难处，发“有困难”。"
PROMISE_CALLED = "不着急，已经请工作人员跟您商量，最晚{due}联系您。"
PROMISE_BROKEN_BEFORE = "前面说好的日子过了还没到账，这次请工作人员跟您当面商量，最晚{due}联系您。"


def day(on: date) -> str:
    """12月3日."""
    return f"{on.month}月{on.day}日"


def long_day(on: date) -> str:
    """2026年12月3日."""
    return f"{on.year}年{day(on)}"


def last_day(ends_at: datetime) -> date:
    """The day whose end a deadline is: midnight belongs to the day before."""
    return (ends_at - timedelta(seconds=1)).astimezone(SHANGHAI).date()


JOINED = "{name}，您好。这个微信已经连上您的岗位：{posts}。有要办的事会在这里通知您，回复“任务”可以看。"
NO_TASK = "现在没有要办的事。有新任务会通知您。"
TASKS_HEAD = "您有{count}件要办的事，回复前面的数字或者点一下："
VISIT_MISSING = "村干部还没有走访确认，走访完才能决定。"
CLOSE_HOW = "办得怎么样？请选一个："
_CLOSE_WORDS = {"已经告诉本人": "told", "没有找到人": "not_found"}
_CLOSE_WORDS_OF = {
    "identity_check": {"是本人": "confirmed", "不是本人": "not_him"},
    "binding_check": {"同意更正": "confirmed", "不同意": "refused"},
    "staff_change": {"办好了": "done", "不办": "refused"},
    "vacancy": {"已经安排好了": "filled"},
    "privacy_request": {"同意": "granted", "不同意": "refused"},
    "audit_alert": {"问清楚了，是办事要看": "explained", "不该看的，已经上报": "misuse"},
    "warning_measure": {"已经办了": "done", "办不了": "not_done"},
    "early_repayment": {"谈好了": "agreed", "没谈成": "not_agreed"},
    "abnormal": {"去看过了": "seen", "没有找到人": "not_found"},
    "hand_to_law": {"已经移交": "handed_over"},
}


def close_words(kind: str) -> dict[str, str]:
    """Words to tap when a task of this kind is done by doing something -> the outcome that is kept."""
    return _CLOSE_WORDS_OF.get(kind, _CLOSE_WORDS)
