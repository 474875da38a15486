"""What periods of interest have earned and nobody has declared yet, for all loans of a bank at once.

One statement, which a property test holds against `rules.subsidy`. Clause: S13.1, S13.2, S9.3.
"""

from __future__ import annotations

from datetime import date

import asyncpg

from models.subsidy import SubsidyDeclaration
from policies import Pack
from policies.values import Value
from rules.application import OPERATORS
from rules.subsidy import quarter_after

_LENT = """
lent AS MATERIALIZED (
  SELECT l.id, l.borrower_id, l.disbursed_on, l.annual_rate_bp, l.extended_on, stop.misused_on,
         CASE k.kind
           WHEN 'poor' THEN least(l.annual_rate_bp, cap.bp)::numeric * least(l.principal_fen, part.fen)
           ELSE least(l.annual_rate_bp, cap.bp, points.bp)::numeric * l.principal_fen END AS num,
         l.annual_rate_bp::numeric * l.principal_fen AS den
  FROM loan l
  LEFT JOIN loan_application a ON a.id = l.application_id LEFT JOIN household h ON h.id = l.household_id
  CROSS JOIN LATERAL (
    SELECT CASE WHEN a.applicant_kind = ANY($4::text[]) THEN 'operator'
                WHEN a.applicant_kind = 'registered_poor' OR (a.id IS NULL AND h.registered_poor) THEN 'poor'
           END AS kind) k
  CROSS JOIN LATERAL (
    SELECT bp FROM unnest($5::bool[], $6::date[], $7::int[]) AS c(longer, first_day, bp)
    WHERE c.longer = (l.maturity_on > l.disbursed_on + interval '1 year') AND c.first_day <= l.disbursed_on
    ORDER BY first_day DESC LIMIT 1) cap
  CROSS JOIN LATERAL (SELECT bp FROM unnest($8::date[], $9::int[]) AS c(first_day, bp)
                      WHERE c.first_day <= l.disbursed_on ORDER BY first_day DESC LIMIT 1) points
  CROSS JOIN LATERAL (SELECT fen FROM unnest($10::date[], $11::bigint[]) AS c(first_day, fen)
                      WHERE c.first_day <= l.disbursed_on ORDER BY first_day DESC LIMIT 1) part
  CROSS JOIN LATERAL (
    SELECT min(CASE WHEN m.falsified AND m.loan_id = l.id THEN l.disbursed_on
                    ELSE m.found_on END) AS misused_on
    FROM misuse m WHERE m.state <> 'withdrawn'
      AND (m.loan_id = l.id OR (m.person_id = l.borrower_id AND m.falsified))) stop
  WHERE l.bank_id = $1 AND k.kind IS NOT NULL AND l.annual_rate_bp > 0
)"""
"""Loans that may be subsidised, with the part of their interest that is: num / den."""
_CHOSEN = f"""
WITH {_LENT}, line AS MATERIALIZED (
  SELECT i.loan_id, i.due_on, i.paid_on, i.interest_fen, coalesce(i.nominal_on, i.due_on) AS end_on,
         coalesce(lag(coalesce(i.nominal_on, i.due_on)) OVER (PARTITION BY i.loan_id ORDER BY i.number),
                  lent.disbursed_on) AS first_on
  FROM lent JOIN instalment i ON i.loan_id = lent.id
), blocked AS MATERIALIZED (
  SELECT loan_id, range_agg(spell) AS spells FROM (
    SELECT loan_id, daterange(due_on, paid_on) AS spell FROM line
    WHERE due_on < coalesce(paid_on, 'infinity') AND due_on < $2
    UNION ALL SELECT id, daterange(misused_on, NULL) FROM lent WHERE misused_on IS NOT NULL
    UNION ALL SELECT id, daterange(extended_on, NULL) FROM lent WHERE extended_on IS NOT NULL AND NOT $12
  ) x GROUP BY loan_id
), earned AS (
  SELECT line.loan_id, line.end_on, line.paid_on, line.interest_fen, line.end_on - line.first_on AS days,
         clean.days AS clean_days,
         div(2 * line.interest_fen * lent.num * clean.days + lent.den * (line.end_on - line.first_on),
             2 * lent.den * (line.end_on - line.first_on))::bigint AS fen
  FROM line JOIN lent ON lent.id = line.loan_id LEFT JOIN blocked b ON b.loan_id = line.loan_id
  CROSS JOIN LATERAL (
    SELECT line.end_on - line.first_on - coalesce((
      SELECT sum(upper(r) - lower(r))
      FROM unnest(b.spells * datemultirange(daterange(line.first_on, line.end_on))) r), 0)::int AS days) clean
  WHERE line.paid_on < $2 AND line.interest_fen > 0 AND line.end_on > line.first_on
), declared AS (
  SELECT s.loan_id, s.end_on, sum(s.fen)::bigint AS fen
  FROM subsidy s JOIN subsidy_declaration d ON d.id = s.declaration_id
  WHERE d.bank_id = $1 AND d.id <> $3 AND (d.state <> 'drafted' OR d.quarter < $2::date - interval '3 months')
  GROUP BY s.loan_id, s.end_on
), chosen AS MATERIALIZED (
  SELECT loan_id, l.borrower_id, end_on, e.paid_on, coalesce(e.interest_fen, 0) AS interest_fen,
         coalesce(e.days, 0) AS days, coalesce(e.clean_days, 0) AS clean_days,
         coalesce(e.fen, 0) - coalesce(d.fen, 0) AS fen
  FROM earned e FULL JOIN declared d USING (loan_id, end_on) JOIN loan l ON l.id = loan_id
  WHERE coalesce(e.fen, 0) <> coalesce(d.fen, 0)
)"""  # noqa: S608 - put together from parts of ours, every value is bound
_SAID = f"""{_CHOSEN}
SELECT count(*)::int AS lines, coalesce(sum(fen), 0)::bigint AS total_fen,
  encode(sha256(convert_to(coalesce(string_agg(loan_id || ' ' || end_on || ' ' || fen, E'\\n'
    ORDER BY loan_id, end_on), ''), 'UTF8')), 'hex') AS sha256
FROM chosen"""  # noqa: S608 - put together from parts of ours, every value is bound
_WRITE = f"""{_CHOSEN}
INSERT INTO subsidy (county, declaration_id, loan_id, person_id, end_on, paid_on, interest_fen, days,
                     clean_days, fen, days_late, extra_fen)
SELECT $13, $3, loan_id, borrower_id, end_on, paid_on, interest_fen, days, clean_days, fen, 0, 0
FROM chosen"""  # noqa: S608 - put together from parts of ours, every value is bound


def _series(value: Value[int]) -> list[tuple[date, int]]:
    return [(date(1, 1, 1), value.ever()[0]), *((each.first_day, each.value) for each in value.dated)]


def _bound(pack: Pack, on: date) -> list[object]:
    """The values of the pack as `_LENT` and `_CHOSEN` want them, from the fourth parameter on."""
    rates, limits = pack.contents.rates, pack.contents.limits
    caps = [(False, *each) for each in _series(rates.benchmark_to_1_year_bp)]
    caps += [(True, *each) for each in _series(rates.benchmark_over_1_year_bp)]
    points, parts = _series(rates.operator_subsidy_bp), _series(limits.registered_poor_subsidised_fen)
    columns = (*zip(*caps, strict=True), *zip(*points, strict=True), *zip(*parts, strict=True))
    kinds = [kind.value for kind in OPERATORS]
    return [kinds, *(list(column) for column in columns), pack.contents.subsidy.extended.on(on)]


async def refresh(
    connection: asyncpg.Connection, declaration: SubsidyDeclaration, pack: Pack, on: date
) -> int:
    """Bring the lines of a draft up to date; how many it has. Clause: S13.1."""
    values = [
        declaration.bank_id,
        quarter_after(declaration.quarter),
        declaration.id,
        *_bound(pack, on),
    ]
    said = await connection.fetchrow(_SAID, *values)
    if said["sha256"] != declaration.sha256:
        await connection.execute("DELETE FROM subsidy WHERE declaration_id = $1", declaration.id)
        await connection.execute(_WRITE, *values, declaration.county)
        await SubsidyDeclaration.filter(id=declaration.id).update(**dict(said))
    return int(said["lines"])
