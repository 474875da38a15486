"""What must always be true of the rows: each with a name, a query that counts the breaches, and its meaning.

The names are those of the reliability notes (I1–I14). `tianxin doctor` and every fault test run them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from actions import arrears
from actions.routing import progress_of, route_of
from bot import database
from models.application import Decision as DecisionRow
from models.application import LoanApplication
from models.conversation import StoredFile
from models.people import Person
from models.sealing import SealBrokenError
from rules.routes import Decision, Progress, State, after_decision, after_supplement, first_step

LATEST_APPLICATIONS = 1000
LATEST_PEOPLE = 20


@dataclass(frozen=True)
class Finding:
    """One invariant and how many rows break it."""

    name: str
    broken: int
    meaning: str

    @property
    def holds(self) -> bool:
        return self.broken == 0


@dataclass(frozen=True)
class Invariant:
    """`query` counts the rows that break it; it may use $1 = now."""

    name: str
    meaning: str
    query: str


INVARIANTS = (
    Invariant(
        "I1 one row per push",
        "a push was kept twice: its effects may have happened twice",
        """SELECT count(*) FROM (SELECT 1 FROM inbox GROUP BY dedupe_key HAVING count(*) > 1) x""",
    ),
    Invariant(
        "I2 every push is worked on",
        "a push is waiting for more than ten minutes: is a worker running?",
        """SELECT count(*) FROM inbox WHERE state = 'pending'
             AND received_at < $1::timestamptz - interval '10 minutes'""",
    ),
    Invariant(
        "I3 every notice has its first delivery",
        "a notice was planned without a way to send it: somebody is not told",
        """SELECT count(*) FROM notice n
           WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.notice_id = n.id AND d.rung = 0)""",
    ),
    Invariant(
        "I4 one notice reaches a person once",
        "a notice was delivered on two rungs: somebody was told twice",
        """SELECT count(*) FROM (SELECT notice_id FROM delivery
             WHERE state = 'delivered' AND channel <> 'cadre_task'
             GROUP BY notice_id HAVING count(*) > 1) x""",
    ),
    Invariant(
        "I5 nothing hangs in sending",
        "an attempt has no outcome although its lease is over: does the sweeper run?",
        """SELECT count(*) FROM delivery WHERE state IN ('leased', 'sending')
             AND lease_until < clock_timestamp() - interval '2 minutes'""",
    ),
    Invariant(
        "I6 loan money adds up",
        "balance, schedule and repayments of a loan differ",
        """SELECT count(*) FROM loan l
           LEFT JOIN (SELECT loan_id, sum(principal_fen) AS planned, sum(paid_principal_fen) AS paid,
                        sum(paid_interest_fen) AS interest
                      FROM instalment GROUP BY loan_id) i ON i.loan_id = l.id
           LEFT JOIN (SELECT loan_id, sum(principal_fen) AS paid, sum(interest_fen) AS interest
                        FROM repayment WHERE reversed_at IS NULL GROUP BY loan_id) r ON r.loan_id = l.id
           WHERE l.application_id IS NOT NULL
             AND (i.planned <> l.principal_fen OR i.paid <> l.principal_fen - l.balance_fen
                  OR i.paid <> coalesce(r.paid, 0) OR i.interest <> coalesce(r.interest, 0))""",
    ),
    Invariant(
        "I7 a loan for every disbursed application",
        "an application is disbursed without a loan, or has a loan without being disbursed",
        """SELECT count(*) FROM loan_application a FULL JOIN loan l ON l.application_id = a.id
           WHERE (l.id IS NULL AND a.state = 'disbursed'
             OR l.application_id IS NOT NULL AND a.state IS DISTINCT FROM 'disbursed')""",
    ),
    Invariant(
        "I8 one decision per round and stage, never on one's own",
        "two decisions stand for one stage, or somebody decided his own application",
        """SELECT (SELECT count(*) FROM (SELECT 1 FROM decision GROUP BY application_id, round, stage
                     HAVING count(*) > 1) x)
             + (SELECT count(*) FROM decision d JOIN loan_application a ON a.id = d.application_id
                  WHERE d.reviewer_id = a.applicant_id
                     OR (d.reviewer_id = a.filled_by_id AND a.route <> 'paper'))
             + (SELECT count(*) FROM (SELECT 1 FROM decision WHERE reviewer_id IS NOT NULL
                  GROUP BY application_id, reviewer_id HAVING count(DISTINCT stage) > 1) x)""",
    ),
    Invariant(
        "I9 every change of state is in the audit trail",
        "a decision or submission left no audit entry",
        """SELECT (SELECT count(*) FROM loan_application a WHERE NOT EXISTS (SELECT 1 FROM audit_entry e
                     WHERE e.subject_kind = 'application' AND e.subject_id = a.id AND e.action = 'submit'))
             + (SELECT count(*) FROM decision d WHERE NOT EXISTS (
                  SELECT 1 FROM audit_entry e WHERE e.subject_kind = 'application'
                    AND e.subject_id = d.application_id AND e.actor_id IS NOT DISTINCT FROM d.reviewer_id
                    AND e.action = 'decide_' || d.decision))""",
    ),
    Invariant(
        "I11 no personal data in clear text",
        "an ID number or a mobile number stands in a column that is not sealed",
        """SELECT count(*) FROM (SELECT facts::text AS words FROM notice
                                 UNION ALL SELECT details::text FROM audit_entry
                                 UNION ALL SELECT reason FROM decision
                                 UNION ALL SELECT closed_reason FROM loan_application
                                 UNION ALL SELECT note FROM task) x
           WHERE words ~ '(^|[^0-9])([0-9]{17}[0-9Xx]|1[3-9][0-9]{9})([^0-9]|$)'""",
    ),
    Invariant(
        "I13 every slot of a job is run",
        "a job failed, or waits for more than a day",
        """SELECT count(*) FROM job_slot WHERE state = 'failed'
             OR state IN ('planned', 'running') AND slot < $1::timestamptz - interval '1 day'""",
    ),
)


async def check_all(now: datetime, files: Path | None = None) -> list[Finding]:
    """Check every invariant; the ones about files only where their folder is given."""
    findings = []
    for invariant in INVARIANTS:
        rows = await database.fetch(invariant.query, *([now] if "$1" in invariant.query else []))
        findings.append(Finding(invariant.name, int(rows[0][0]), invariant.meaning))
    findings.append(await _states_follow_from_decisions())
    findings.append(await _nights_agree_with_the_rule(now))
    findings.append(await _keys_open_rows())
    if files is not None:
        findings.append(await _files_are_there(files))
    return findings


async def _keys_open_rows() -> Finding:
    """I16: the key file is the one the rows were sealed with; a restored dump may meet another one."""
    broken = 0
    for person in await Person.filter(name_sealed__isnull=False).order_by("-id").limit(LATEST_PEOPLE):
        try:
            assert person.name  # noqa: S101 - opening it is the check
        except SealBrokenError:
            broken += 1
    return Finding(
        "I16 the keys open the rows", broken, "names cannot be opened: is this the right key file?"
    )


async def _states_follow_from_decisions() -> Finding:
    """I8: an application's standing is what its decisions make of it, told from the beginning."""
    broken = 0
    for application in await LoanApplication.all().order_by("-id").limit(LATEST_APPLICATIONS):
        if application.state in (State.AWAITING_CONFIRMATION, State.WITHDRAWN, State.EXPIRED):
            continue
        decisions = await DecisionRow.filter(application_id=application.id).order_by("id")
        broken += not _agrees(application, decisions)
    return Finding(
        "I8 a state follows from its decisions",
        broken,
        "an application stands somewhere its decisions do not lead to",
    )


def _agrees(application: LoanApplication, decisions: Sequence[DecisionRow]) -> bool:
    route, stored = route_of(application), progress_of(application)
    standing: Progress = first_step(route)
    try:
        for row in decisions:
            while standing.round < row.round:
                standing = after_supplement(route, standing)
            standing = after_decision(route, standing, row.stage, Decision(row.decision))
        while standing.round < stored.round:
            standing = after_supplement(route, standing)
        if stored.state is State.DISBURSED and standing.state is State.APPROVED:
            standing = after_decision(route, standing, route.steps[-1].stages[0].name, Decision.APPROVE)
    except ValueError:
        return False
    return standing == stored and stored.state.value == application.state


async def _nights_agree_with_the_rule(now: datetime) -> Finding:
    """S11.3, S11.6: what the latest night of each county wrote of a sample of loans is what the rule says."""
    rows = await database.fetch("SELECT DISTINCT county FROM job_slot WHERE job = 'night'")
    broken = [await arrears.disagreements(row["county"], now.toordinal()) for row in rows]
    return Finding(
        "I15 the night agrees with the rule",
        sum(len(loans) for loans in broken),
        "a loan's days past due or overdue amounts are not what its lines say",
    )


async def _files_are_there(folder: Path) -> Finding:
    """I14: every stored file is on the disk."""
    keys = await StoredFile.filter(state="stored").values_list("key", flat=True)
    missing = sum(1 for key in keys if not (folder / str(key)[:2] / str(key)).exists())
    return Finding(
        "I14 every upload is on the disk", missing, "a stored photo or paper is gone from the disk"
    )
