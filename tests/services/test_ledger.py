"""The ledger: rows, what is unfinished, sums of money, medians."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("alembic")

from fitting_room.services.database import now
from fitting_room.services.ledger import STATES, open_ledger


@pytest.fixture
def ledger(ledger_address):
    opened = open_ledger(ledger_address)
    yield opened
    opened.database.close()


def days():
    today = now().date()
    return today - timedelta(days=1), today + timedelta(days=1)


def test_an_attempt_is_there_before_anything_is_sent(ledger):
    begun = ledger.begin(
        "fashn", "tryon-v1.6", "f" * 64, price=Decimal("0.075"), currency="USD", project="spring"
    )
    kept = ledger.get(begun.id)
    assert (kept.state, kept.price, kept.currency) == ("new", Decimal("0.075"), "USD")
    assert kept.started.tzinfo is not None
    assert kept.facts()["cost"] == "0.075"
    assert kept.facts()["project"] == "spring"


def test_every_attempt_has_a_key_of_its_own(ledger):
    keys = {ledger.begin("kling", "v1-5", "f").key for _ in range(5)}
    assert len(keys) == 5


def test_what_is_unfinished_is_found_again(ledger):
    states = {state: ledger.begin("fal", "leffa", f"print-{state}") for state in STATES}
    for state, attempt in states.items():
        ledger.note(attempt, state=state, remote_id=f"id-{state}")
    assert {each.state for each in ledger.unfinished()} == {"sending", "open", "lost"}
    found = ledger.unfinished(["print-open", "print-done"])
    assert [each.remote_id for each in found] == ["id-open"]


def test_a_state_that_is_none_is_refused(ledger):
    attempt = ledger.begin("fal", "leffa", "f")
    with pytest.raises(ValueError, match="finished"):
        ledger.note(attempt, state="finished")


def test_money_is_added_exactly_and_by_currency(ledger):
    for cents in ("0.1", "0.2"):
        attempt = ledger.begin("fal", "leffa", "f", price=Decimal(cents), currency="USD")
        ledger.note(attempt, state="done", billed=True, seconds=1.0)
    yuan = ledger.begin("dashscope", "aitryon", "f", price=Decimal("0.20"), currency="CNY")
    ledger.note(yuan, state="done", billed=True, charged=Decimal("0.5"))
    failed = ledger.begin("fal", "leffa", "f", price=Decimal(7), currency="USD")
    ledger.note(failed, state="failed")
    assert ledger.spent(*days()) == {"USD": Decimal("0.3"), "CNY": Decimal("0.5")}
    rows = {(row.backend, row.state): row for row in ledger.sums(*days())}
    assert rows["fal", "done"].count == 2
    assert rows["fal", "done"].cost == Decimal("0.3")
    assert isinstance(rows["fal", "done"].cost, Decimal)


def test_a_cost_that_nobody_knows_is_counted_and_not_taken_for_nothing(ledger):
    ledger.note(
        ledger.begin("replicate", "idm-vton", "f", currency="USD"), state="done", billed=True
    )
    (row,) = ledger.sums(*days())
    assert row.cost is None
    assert row.unpriced == 1


def test_other_days_and_projects_are_left_out(ledger):
    attempt = ledger.begin("fal", "leffa", "f", price=Decimal(1), currency="USD", project="a")
    ledger.note(attempt, state="done", billed=True)
    assert not ledger.sums(date(2020, 1, 1), date(2020, 12, 31))
    assert not ledger.spent(*days(), project="b")
    assert ledger.spent(*days(), project="a") == {"USD": Decimal(1)}
    assert len(ledger.attempts(*days())) == 1


def test_medians_are_of_the_newest_pictures(ledger):
    for seconds in (100.0, 2.0, 4.0, 3.0):
        attempt = ledger.begin("fal", "leffa", "f", price=Decimal("0.1"), currency="USD")
        ledger.note(attempt, state="done", billed=True, seconds=seconds)
    assert ledger.measured(last=3) == {("fal", "leffa"): (3.0, Decimal("0.1"), "USD")}


def test_a_long_message_is_cut(ledger):
    attempt = ledger.begin("fal", "leffa", "f")
    assert len(ledger.note(attempt, message="x" * 10_000).message) == 2000


# ---------------------------------------------------------------- claims


def claim(ledger, worked_on=False, **more):
    return ledger.claim(
        "fal", "fal/kling", "f" * 64, lambda attempt: worked_on, resume={"owner": "me"}, **more
    )


def test_a_claim_is_a_new_attempt_where_there_is_none(ledger):
    attempt, fresh = claim(ledger)
    assert fresh and attempt.state == "new" and attempt.resume == {"owner": "me"}


def test_nobody_gets_what_another_works_on(ledger):
    claim(ledger)
    assert claim(ledger, worked_on=True) == (None, False)


@pytest.mark.parametrize("state", ["sending", "open", "lost"])
def test_what_is_unfinished_is_taken_over(ledger, state):
    first, _ = claim(ledger)
    ledger.note(first, state=state, remote_id="job", resume={"links": {"status": "there"}})
    attempt, fresh = claim(ledger)
    assert not fresh and attempt.id == first.id
    assert attempt.resume == {"links": {"status": "there"}, "owner": "me"}


def test_what_was_never_sent_is_over_and_a_lost_one_when_the_user_says_so(ledger):
    first, _ = claim(ledger)
    second, fresh = claim(ledger)
    assert fresh and ledger.get(first.id).state == "failed"
    ledger.note(second, state="lost", billed=True)
    third, fresh = claim(ledger, again=True)
    assert fresh and third.id != second.id
    assert ledger.get(second.id).billed


def test_of_many_that_claim_at_once_one_gets_it(ledger):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as several:
        found = list(several.map(lambda _: claim(ledger, worked_on=True), range(8)))
    assert sum(fresh for _, fresh in found) == 1
    assert len(ledger.attempts(*days())) == 1
