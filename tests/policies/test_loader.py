"""Loading packs: inheritance, dated values, and clear words for whoever made a mistake in a file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from policies import Pack, PolicyError, load_packs
from policies.loader import BUILT_IN

HEAD = '[pack]\nname = "test"\ntitle = "试点县"\ncode = "999999"\ninherits = "base"\n'
OURS = 'source = "default"\nnote = "试一试"\n'


def write(folder: Path, text: str, name: str = "test") -> Path:
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def load(folder: Path, text: str) -> Pack:
    return load_packs(write(folder, HEAD + text)).by_county("999999")


def refused(folder: Path, text: str) -> str:
    with pytest.raises(PolicyError) as error:
        load(folder, text)
    return str(error.value)


def test_a_county_of_one_line_inherits_everything(tmp_path: Path) -> None:
    """S19.1"""
    pack = load(tmp_path, "")
    assert pack.value("application.expiry_days", date(2026, 1, 1)) == 30
    assert pack.explain("application.expiry_days", date(2026, 1, 1)).origin == "base"


def test_a_county_changes_a_value_together_with_its_source(tmp_path: Path) -> None:
    """S19.1"""
    pack = load(tmp_path, "[application.expiry_days]\nvalue = 10\n" + OURS)
    explained = pack.explain("application.expiry_days", date(2026, 1, 1))
    assert (explained.value, explained.origin, explained.note) == (10, "test", "试一试")
    assert explained.name == "没填完的申请保留几天"


def test_a_county_changes_one_field_of_a_table_and_the_rest_keeps_its_source(tmp_path: Path) -> None:
    """S19.1, S11.2"""
    pack = load(tmp_path, "[notices.maturity_due]\nsteps = [-10, 0]\n" + OURS)
    day = date(2026, 1, 1)
    steps, ladder = (
        pack.explain("notices.maturity_due.steps", day),
        pack.explain("notices.maturity_due.ladder", day),
    )
    assert (steps.value, steps.origin, steps.source) == ([-10, 0], "test", "default")
    assert (ladder.origin, ladder.source) == ("base", "requirement S11.2")
    assert pack.notices["maturity_due"].steps.days == (-10, 0)


def test_a_dated_value_holds_from_its_first_day(tmp_path: Path) -> None:
    """S19.2, S3.5"""
    series = "dated = [{ from = 2017-10-26, value = 435 }, { from = 2027-01-01, value = 400 }]\n"
    pack = load(tmp_path, "[rates.farmer_cap_bp]\n" + series + OURS)
    days = [date(2010, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [pack.terms(day).farmer_cap_bp for day in days] == [435, 435, 400]
    assert pack.digest(days[1]) != pack.digest(days[2])
    assert pack.contents.rates.farmer_cap_bp.ever() == [435, 400]


def test_what_was_decided_under_the_old_value_keeps_it(tmp_path: Path) -> None:
    """S19.2"""
    series = "dated = [{ from = 2017-10-26, value = 36 }, { from = 2027-01-01, value = 24 }]\n"
    pack = load(tmp_path, "[application.term_max_months]\n" + series + OURS)
    kept = pack.resolved("online", date(2026, 12, 31))
    assert kept["terms"]["term_max_months"] == 36
    assert pack.terms(date(2027, 1, 1)).term_max_months == 24


def test_a_visit_may_be_asked_for_from_a_day_on(tmp_path: Path) -> None:
    """S1.3, S19.2"""
    series = 'dated = [{ from = 2017-10-26, value = [] }, { from = 2027-01-01, value = ["paper"] }]\n'
    pack = load(tmp_path, "[visit.routes]\n" + series + OURS)
    days = (date(2026, 12, 31), date(2027, 1, 1))
    assert [pack.route("paper", day).stage("county_recommend").requires for day in days] == [(), ("visit",)]
    assert [pack.needs_visit("online", day) for day in days] == [False, False]


def test_a_village_may_have_quiet_days(tmp_path: Path) -> None:
    """S18.6"""
    days = (
        'value = [{ region = "999999100201", from = 2026-11-28, to = 2026-11-30, reason = "丧事" },\n'
        '  { from = 2026-11-29, to = 2026-11-29, reason = "赶集" }]\n'
    )
    pack = load(tmp_path, "[contact.quiet_days]\n" + days + OURS)
    village, other = "999999100201", "999999100202"
    assert pack.quiet_day(village, date(2026, 11, 28)) == date(2026, 11, 30)
    assert pack.quiet_day(other, date(2026, 11, 28)) is None
    assert pack.quiet_day(other, date(2026, 11, 29)) == date(2026, 11, 29)
    assert pack.quiet_day(village, date(2026, 12, 1)) is None


def test_a_folder_may_bring_its_own_base(tmp_path: Path) -> None:
    """S19.1"""
    base = (BUILT_IN / "base.toml").read_text(encoding="utf-8").replace("value  = 30\n", "value  = 20\n", 1)
    write(tmp_path, base, "base")
    assert load(tmp_path, "").value("application.expiry_days", date(2026, 1, 1)) == 20


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[applications.x]\n" + OURS, "test.toml: unknown section [applications]; did you mean application?"),
        ("[zzz.x]\n" + OURS, "test.toml: unknown section [zzz]; known: application, "),
        (
            "[application.expiry_dayz]\nvalue = 3\nname = '天'\n" + OURS,
            "test.toml: unknown key application.expiry_dayz; did you mean expiry_days?",
        ),
        (
            "[application.expiry_days]\nvalu = 3\n" + OURS,
            "test.toml: unknown key application.expiry_days.valu; did you mean value?",
        ),
        (
            "[notices.overdue]\nprioritty = 3\n" + OURS,
            "test.toml: unknown key notices.overdue.prioritty; did you mean priority?",
        ),
        ("[application]\nexpiry_days = 3\n", "test.toml: application.expiry_days must be a table"),
        ("[application.expiry_days]\nvalue = 3\n", "test.toml: application.expiry_days has no source"),
        ("[notices.overdue]\npriority = 3\n", "test.toml: notices.overdue has no source"),
        ("[application.expiry_days]\nvalue = 3\nsource = 'default'\n", "a default needs a note"),
        ("[application.expiry_days]\nvalue = 3\nsource = '004 三'\n", "needs its text"),
        ("[application.expiry_days]\nvalue = 3\nsource = 'my uncle'\n", "neither 'default' nor a document"),
        (
            "[application.expiry_days]\nvalue = -3\n" + OURS,
            "test.toml: application.expiry_days.value: Input should",
        ),
        ("[application.expiry_days]\nvalue = 'drei'\n" + OURS, "test.toml: application.expiry_days.value"),
        ("[application.expiry_days]\n" + OURS, "give either `value` or a non-empty `dated` series"),
        (
            "[rates.farmer_cap_bp]\n"
            "dated = [{ from = 2027-01-01, value = 1 }, { from = 2027-01-01, value = 2 }]\n" + OURS,
            "must rise from day to day",
        ),
        ("[rates.farmer_cap_bp]\nvalue = 20000\n" + OURS, "test.toml: rates.farmer_cap_bp.value"),
        ("[stages.extra]\ntitle = 'x'\n" + OURS, "test.toml: stages.extra.role is missing"),
        ("[stages.bank_opinion]\ndefaults = ['role']\n" + OURS, "which does not stand beside it"),
        ("[routes.online]\nsteps = [['nowhere']]\n" + OURS, "routes.online.steps names 'nowhere'"),
        ("[routes.online]\nsteps = [['disbursement'], ['disbursement']]\n" + OURS, "names a stage twice"),
        ("[routes.online]\nsteps = [[], ['disbursement']]\n" + OURS, "holds an empty step"),
        (
            "[routes.online]\nsteps = [['disbursement'], ['deliberation']]\n" + OURS,
            "routes.online.steps ends with a vote",
        ),
        ("[stages.deliberation]\ndecisions = ['approve']\n" + OURS, "lacks what votes.tie says"),
        ("[votes.majority]\nname = 'x'\nvalue = [3, 2]\n" + OURS, "3 of 2 is more than everybody"),
        ("[visit.blocks_stage]\nvalue = 'nowhere'\n" + OURS, "visit.blocks_stage names 'nowhere'"),
        ("[visit.routes]\nvalue = ['boat']\n" + OURS, "visit.routes names 'boat'"),
        ("[notices.overdue]\ntemplate = 'nowhere'\n" + OURS, "notices.overdue.template names 'nowhere'"),
        (
            "[notices.overdue]\nfields = { thing1 = 'x' }\n" + OURS,
            "notices.overdue.fields must be exactly those",
        ),
        ("[notices.overdue]\nmessage = '您欠{amount}'\n" + OURS, "{amount} may not be seen on a lock screen"),
        ("[notices.overdue]\ndetail = '{uncle}'\n" + OURS, "{uncle} is not a fact that notices know"),
        ("[notices.overdue]\nmessage = '码是{code}'\n" + OURS, "it may stand in `sms` only (S1.7)"),
        (
            "[notices.overdue.fields]\nthing1 = '一二三四五六七八九十一二三四五六七八九十一'\n"
            "date2 = '{due_on}'\nthing3 = 'x'\n[notices.overdue]\n" + OURS,
            "thing1 wants at most 20 characters",
        ),
        ("[notices.overdue]\nobeys_quiet_hours = false\n" + OURS, "must obey quiet hours"),
        ("[notices.overdue]\nsteps = [3, 1]\n" + OURS, "steps must rise"),
        ("[notices.overdue]\nsms = ''\n" + OURS, "an sms rung and `sms` words go together"),
        ("[notices.overdue]\ntask = ''\n" + OURS, "a cadre_task rung and `task` words go together"),
        ("[pack2]\n", "unknown section [pack2]; did you mean pack?"),
        ("this is not toml", "test.toml: "),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    """S19.1"""
    assert words in refused(tmp_path, text)


def test_a_pack_needs_a_head_that_is_known(tmp_path: Path) -> None:
    """S19.1"""
    with pytest.raises(PolicyError, match=r"the section \[pack\]"):
        load_packs(write(tmp_path, "x = 1\n"))
    with pytest.raises(PolicyError, match=r"application must be a table"):
        load_packs(write(tmp_path, "application = 3\n" + HEAD))
    with pytest.raises(PolicyError, match=r"unknown key pack\.colour"):
        load_packs(write(tmp_path, HEAD + 'colour = "red"\n'))
    with pytest.raises(PolicyError, match=r"pack\.code"):
        load_packs(write(tmp_path, HEAD.replace("999999", "99")))


def test_a_pack_inherits_from_a_pack_that_exists_and_not_from_itself(tmp_path: Path) -> None:
    """S19.1"""
    with pytest.raises(PolicyError, match="names 'nobody'"):
        load_packs(write(tmp_path, HEAD.replace('"base"', '"nobody"')))
    with pytest.raises(PolicyError, match="in a circle"):
        load_packs(write(tmp_path, HEAD.replace('"base"', '"test"')))


def test_a_pack_of_its_own_without_the_base_must_be_whole(tmp_path: Path) -> None:
    """S19.1"""
    with pytest.raises(PolicyError, match=r"test\.toml: application is missing"):
        load_packs(write(tmp_path, HEAD.replace('inherits = "base"\n', "")))


def test_two_packs_for_one_county_are_one_too_many(tmp_path: Path) -> None:
    """S19.1"""
    write(tmp_path, HEAD, "one")
    with pytest.raises(PolicyError, match="two packs for county 999999"):
        load_packs(write(tmp_path, HEAD, "two"))


def test_a_folder_without_packs_is_told(tmp_path: Path) -> None:
    """S19.1"""
    with pytest.raises(PolicyError, match="no pack here"):
        load_packs(tmp_path)
    with pytest.raises(PolicyError, match="no pack has a county code"):
        load_packs(write(tmp_path, '[pack]\nname = "x"\ntitle = "x"\n'))


def test_nothing_in_a_loaded_pack_can_be_changed(tmp_path: Path) -> None:
    """S19.1"""
    pack = load(tmp_path, "")
    with pytest.raises(ValueError, match="frozen"):
        pack.contents.application.expiry_days.value = 5  # type: ignore[misc]
    with pytest.raises(TypeError):
        pack.notices["overdue"] = pack.notices["maturity_due"]  # type: ignore[index]


@pytest.mark.parametrize(("phone", "taken"), [("0374-6189999", True), ("打村干部电话", False)])
def test_a_county_names_its_own_number_and_no_words_instead(tmp_path: Path, phone: str, taken: bool) -> None:
    """S11.2, S19.1"""
    ours = f'[contact.phone]\nname = "电话"\nvalue = "{phone}"\n{OURS}'
    if taken:
        assert load(tmp_path, ours).phone(date(2026, 11, 28)) == phone
        return
    with pytest.raises(PolicyError, match="no number to call"):
        load(tmp_path, ours)
