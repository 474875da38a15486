"""What the farmers of the webhook benchmark say; used by the load generator and the servers."""

from __future__ import annotations

from bot.config import Account

TOKEN = "bench-token-0123456789abcdefghij"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APPID = "wxbench000000001"
ACCOUNT = Account("bench", "service", "411082", APPID, "bench-secret", TOKEN, AES_KEY, original_id="gh_bench")

SCRIPT: tuple[tuple[str, str], ...] = (
    ("我要贷款", "给谁"),
    ("给自己办", "哪一类"),
    ("普通农户", "产业"),
    ("养羊", "多少钱"),
    ("30000元", "多长时间"),
    ("12个月", "具体做什么"),
    ("在村东头养五十只羊", "花在哪里"),
    ("买羊羔，盖羊圈", "靠什么还"),
    ("卖羊的钱", "怎么还"),
    ("到期一次还清本金和利息", "叫什么名字"),
    ("张守田", "身份证号"),
    ("411082198503122455", "手机号"),
    ("13800001111", "哪个村"),
    ("柳庄村", "户主"),
    ("是", "几口人"),
    ("5口人", "信用等级"),
    ("不知道", "别的贷款"),
    ("没有", "照片"),
    ("取消", "确定取消"),
    ("是", "取消了"),
)
"""What is said, and words that our answer must hold: the dialog really goes on. Then it begins again."""
