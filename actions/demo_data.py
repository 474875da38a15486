"""A small county to try everything with: its regions, bodies, people and posts. All names are made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.routing import on_day
from bot import database
from models.people import Household, Organisation, Person, Post, Region, WechatUser
from models.sealing import blind_index
from rules.roles import THREE


@dataclass(frozen=True)
class DemoPerson:
    """Somebody of the demo. `id` is what the simulator calls him; farmers have no role and no name yet."""

    id: str
    name: str
    title: str
    role: str = ""
    organisation: str = ""
    region: str = ""


@dataclass(frozen=True)
class DemoCounty:
    """The regions (code -> name, latitude, longitude), bodies (kind, name, region) and people of a county."""

    county: str
    regions: Mapping[str, tuple[str, float, float]]
    organisations: tuple[tuple[str, str, str], ...]
    people: tuple[DemoPerson, ...]


def _three(
    system: tuple[str, str], safety: tuple[str, str], audit: tuple[str, str], centre: str, region: str
) -> tuple[DemoPerson, ...]:
    """三员 of a county: (id, name) of each."""
    titles = ("系统管理员", "安全管理员", "审计管理员")
    return tuple(
        DemoPerson(person, name, title, role, centre, region)
        for (person, name), title, role in zip((system, safety, audit), titles, THREE, strict=True)
    )


CHANGGE = DemoCounty(
    county="411082",
    regions={
        "411082000000": ("长葛市", 34.2193, 113.8134),
        "411082101000": ("坡胡镇", 34.2035, 113.7003),
        "411082101201": ("坡胡镇柳庄村", 34.2057, 113.7042),
        "411082101202": ("坡胡镇石桥村", 34.1981, 113.6917),
        "411082102000": ("后河镇", 34.2341, 113.6628),
        "411082102201": ("后河镇杏园村", 34.2366, 113.6581),
    },
    organisations=(
        ("village_station", "柳庄村金融扶贫服务部", "411082101201"),
        ("village_station", "石桥村金融扶贫服务部", "411082101202"),
        ("village_station", "杏园村金融扶贫服务部", "411082102201"),
        ("town_station", "坡胡镇金融扶贫服务站", "411082101000"),
        ("town_station", "后河镇金融扶贫服务站", "411082102000"),
        ("county_centre", "长葛市金融扶贫服务中心", "411082000000"),
        ("acquiring_bank", "长葛惠农收单银行", "411082000000"),
        ("partner_bank", "长葛合作银行", "411082000000"),
        ("guarantor", "长葛农业担保公司", "411082000000"),
        ("finance_bureau", "长葛市财政局", "411082000000"),
    ),
    people=(
        DemoPerson("zhang", "张守田", "农户 · 柳庄村"),
        DemoPerson("li", "李秀英", "农户 · 石桥村"),
        DemoPerson("wang", "王建国", "村干部 · 柳庄村", "cadre", "柳庄村金融扶贫服务部", "411082101201"),
        DemoPerson("song", "宋春梅", "村干部 · 石桥村", "cadre", "石桥村金融扶贫服务部", "411082101202"),
        DemoPerson("guo", "郭有福", "村干部 · 杏园村", "cadre", "杏园村金融扶贫服务部", "411082102201"),
        DemoPerson("zhou", "周敏", "镇服务站 · 坡胡镇", "town_clerk", "坡胡镇金融扶贫服务站", "411082101000"),
        DemoPerson("he", "何志远", "镇服务站 · 后河镇", "town_clerk", "后河镇金融扶贫服务站", "411082102000"),
        DemoPerson("chen", "陈明", "收单银行 · 信贷员", "loan_officer", "长葛惠农收单银行", "411082000000"),
        DemoPerson("liu", "刘芳", "市服务中心", "county_clerk", "长葛市金融扶贫服务中心", "411082000000"),
        DemoPerson("zhao", "赵强", "合作银行 · 客户经理", "bank_officer", "长葛合作银行", "411082000000"),
        DemoPerson("sun", "孙丽", "担保公司", "guarantor_officer", "长葛农业担保公司", "411082000000"),
        DemoPerson("qian", "钱伟", "财政局", "finance_officer", "长葛市财政局", "411082000000"),
        *_three(("jin", "金磊"), ("an", "安静"), ("shen", "沈正"), "长葛市金融扶贫服务中心", "411082000000"),
    ),
)

XINGYI = DemoCounty(
    county="522301",
    regions={
        "522301000000": ("兴义市", 25.0920, 104.8954),
        "522301101000": ("敬南镇", 24.9723, 104.8163),
        "522301101201": ("敬南镇松林村", 24.9741, 104.8122),
    },
    organisations=(
        ("village_station", "松林村金融扶贫服务站", "522301101201"),
        ("town_station", "敬南镇金融扶贫服务中心", "522301101000"),
        ("county_centre", "兴义市金融扶贫服务中心", "522301000000"),
        ("acquiring_bank", "兴义农商行收单部", "522301000000"),
        ("partner_bank", "兴义农商行", "522301000000"),
        ("guarantor", "兴义农业担保公司", "522301000000"),
        ("finance_bureau", "兴义市财政局", "522301000000"),
    ),
    people=(
        DemoPerson("yang", "杨阿妹", "农户 · 松林村"),
        DemoPerson("wei", "韦国华", "村干部 · 松林村", "cadre", "松林村金融扶贫服务站", "522301101201"),
        DemoPerson("luo", "罗永", "镇服务中心", "town_clerk", "敬南镇金融扶贫服务中心", "522301101000"),
        DemoPerson("cen", "岑丽", "农商行 · 收单", "loan_officer", "兴义农商行收单部", "522301000000"),
        DemoPerson("long", "龙启明", "市服务中心", "county_clerk", "兴义市金融扶贫服务中心", "522301000000"),
        DemoPerson("tao", "陶静", "农商行 · 客户经理", "bank_officer", "兴义农商行", "522301000000"),
        DemoPerson("wu", "吴刚", "担保公司", "guarantor_officer", "兴义农业担保公司", "522301000000"),
        DemoPerson("mo", "莫兰", "财政局", "finance_officer", "兴义市财政局", "522301000000"),
        *_three(("xi", "席伟"), ("ning", "宁安"), ("cha", "查明"), "兴义市金融扶贫服务中心", "522301000000"),
    ),
)

COUNTIES = {"changge": CHANGGE, "xingyi": XINGYI}


async def make_county(
    demo: DemoCounty, identities: Mapping[str, tuple[tuple[str, str, str], ...]], now: datetime
) -> bool:
    """Fill in a demo county once; False when it is there already.

    `identities`: person id -> his (account, openid, unionid) in each account of the county.
    """
    if await Region.filter(county=demo.county).exists():
        return False
    async with database.transaction():
        await Region.bulk_create(
            [
                Region(code=code, county=demo.county, name=name, latitude=latitude, longitude=longitude)
                for code, (name, latitude, longitude) in demo.regions.items()
            ]
        )
        bodies = {
            name: await Organisation.create(county=demo.county, kind=kind, name=name, region=region)
            for kind, name, region in demo.organisations
        }
        for somebody in demo.people:
            await _make_person(demo, somebody, bodies, identities.get(somebody.id, ()), now)
    return True


def phone_of(demo: DemoCounty, somebody: DemoPerson) -> str:
    """The number of somebody's phone in the demo."""
    return f"1380000{demo.people.index(somebody) + 1:04d}"


async def _make_person(
    demo: DemoCounty,
    somebody: DemoPerson,
    bodies: Mapping[str, Organisation],
    identities: tuple[tuple[str, str, str], ...],
    now: datetime,
) -> None:
    person = Person(county=demo.county, created_at=now)
    if somebody.role:
        person.name = somebody.name
        person.phone = phone_of(demo, somebody)
        person.household = await Household.create(
            county=demo.county,
            village=somebody.region,
            head_index=blind_index("id_number", f"demo-{demo.county}-{somebody.id}"),
        )
    await person.save()
    for account, openid, unionid in identities:
        await WechatUser.create(
            county=demo.county, account=account, openid=openid, unionid=unionid or None, person=person
        )
    if somebody.role:
        await Post.create(
            county=demo.county,
            person=person,
            organisation=bodies[somebody.organisation],
            role=somebody.role,
            region=somebody.region,
            from_on=on_day(now) - timedelta(days=365),
        )
