"""The router and the breaker: properties that hold whoever is asked."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("sqlalchemy")

from fitting_room.pipelines.errors import InputError
from fitting_room.services.backends import Estimate
from fitting_room.services.breaker import resting
from fitting_room.services.costs.prices import PriceBook, Rate
from fitting_room.services.ledger import Attempt
from fitting_room.services.router import (
    Candidate,
    Routes,
    Tier,
    Wishes,
    plan,
    read_routes,
)  # fmt: skip

BOOK = PriceBook({}, {}, {}, (Rate("USD", "CNY", D("7.10"), date(2026, 11, 28)),))
NAMES = ("preview", "leffa/virtual_tryon", "fal/kling", "fashn/tryon-v1.6", "dashscope/aitryon",
         "kling/v1-5", "nobody/knows")  # fmt: skip

money = st.decimals(0, 5, places=3)
estimates = st.builds(
    Estimate, st.none() | st.floats(0, 500), st.none() | money,
    st.sampled_from(["USD", "CNY", "EUR"]), st.sampled_from(["yes", "no", "ask a lawyer"]),
)  # fmt: skip
candidates = st.lists(
    st.builds(
        Candidate, st.sampled_from(NAMES), st.just("backend"), estimates,
        st.sampled_from([(), (), ("it is not set up.",)]), st.none() | st.integers(0, 2**35),
        st.sampled_from(["", "", "it failed"]),
    ),
    max_size=7, unique_by=lambda candidate: candidate.model,
)  # fmt: skip
wishes = st.builds(
    Wishes, tier=st.sampled_from(["", "preview", "standard", "best"]),
    use=st.sampled_from(["private", "shop"]), budget=st.none() | money,
    month_budget=st.none() | money, currency=st.sampled_from(["USD", "CNY"]),
    spent=st.dictionaries(st.sampled_from(["USD", "CNY", "EUR"]), money, max_size=2),
    deadline=st.none() | st.floats(0, 500), free_memory=st.none() | st.integers(0, 2**35),
)  # fmt: skip
ROUTES = read_routes()


@settings(max_examples=400, deadline=None)
@given(candidates, wishes)
def test_what_holds_of_every_plan(found, wanted):
    made = plan(found, wanted, ROUTES, BOOK)
    taken = [verdict.candidate for verdict in made.taken]
    left = [verdict.candidate for verdict in made.left]
    assert sorted(c.model for c in taken + left) == sorted(c.model for c in found)
    assert all(verdict.reason for verdict in (*made.taken, *made.left))
    for candidate in taken:
        estimate = candidate.estimate
        assert not candidate.reasons and not candidate.closed
        assert wanted.use == "private" or estimate.shop == "yes"
        if wanted.deadline is not None:
            assert estimate.seconds is not None and estimate.seconds <= wanted.deadline
        if candidate.memory is not None:
            assert candidate.memory <= (wanted.free_memory or 0)
        if wanted.tier:
            assert ROUTES.tiers[wanted.tier].place(candidate.model) is not None
        _within_the_budget(estimate, wanted)


def _within_the_budget(estimate, wanted):
    if estimate.cost == 0 or (wanted.budget is None and wanted.month_budget is None):
        return
    cost = BOOK.convert(estimate.cost, estimate.currency, wanted.currency)
    assert cost is not None
    assert wanted.budget is None or cost <= wanted.budget
    if wanted.month_budget is not None:
        spent = [BOOK.convert(a, c, wanted.currency) for c, a in wanted.spent.items()]
        assert None not in spent
        assert sum(spent) + cost <= wanted.month_budget


@settings(max_examples=100, deadline=None)
@given(candidates, wishes, st.randoms())
def test_a_plan_is_always_the_same(found, wanted, random):
    first = plan(found, wanted, ROUTES, BOOK)
    assert plan(found, wanted, ROUTES, BOOK) == first
    if wanted.tier:
        mixed = random.sample(found, len(found))
        assert plan(mixed, wanted, ROUTES, BOOK).taken == first.taken


def candidate(name, cost="0", currency="USD", seconds=1.0, shop="yes", **more):
    amount = None if cost is None else D(cost)
    return Candidate(name, name.split("/")[0], Estimate(seconds, amount, currency, shop), **more)


def names(made):
    return [verdict.candidate.model for verdict in made.taken]


def test_standard_takes_the_cheapest_across_currencies():
    found = [candidate("fal/kling", "0.07"), candidate("dashscope/aitryon", "0.20", "CNY"),
             candidate("fashn/tryon-v1.6", "0.075")]  # fmt: skip
    assert names(plan(found, Wishes(), ROUTES, BOOK)) == [
        "dashscope/aitryon", "fal/kling", "fashn/tryon-v1.6",
    ]  # fmt: skip


def test_without_a_rate_what_cannot_be_compared_comes_last():
    found = [candidate("dashscope/aitryon", "0.01", "CNY"), candidate("fal/kling", "0.07")]
    made = plan(found, Wishes(), ROUTES, PriceBook({}, {}, {}))
    assert names(made) == ["fal/kling", "dashscope/aitryon"]
    made = plan(found, Wishes(budget=D(1)), ROUTES, PriceBook({}, {}, {}))
    assert names(made) == ["fal/kling"]
    assert "exchange rate" in made.left[0].reason


def test_best_goes_by_its_list_and_no_tier_by_the_callers_order():
    found = [candidate("fal/kling", "0.07"), candidate("fashn/tryon-max", "0.40")]
    assert names(plan(found, Wishes(tier="best"), ROUTES, BOOK))[0] == "fashn/tryon-max"
    assert names(plan(found, Wishes(tier=""), ROUTES, BOOK)) == ["fal/kling", "fashn/tryon-max"]


def test_what_the_user_cleared_a_shop_may_use():
    found = [candidate("leffa/virtual_tryon", shop="ask a lawyer")]
    assert not names(plan(found, Wishes(use="shop"), ROUTES, BOOK))
    cleared = Routes(ROUTES.tiers, ("leffa/*",))
    assert names(plan(found, Wishes(use="shop"), cleared, BOOK)) == ["leffa/virtual_tryon"]


def test_the_months_budget_counts_other_currencies():
    found = [candidate("fal/kling", "0.07")]
    wanted = Wishes(month_budget=D("1"), spent={"CNY": D("6.70")})
    made = plan(found, wanted, ROUTES, BOOK)
    assert "over the month's budget" in made.left[0].reason


@pytest.mark.parametrize("wanted", [Wishes(tier="finest"), Wishes(use="museum")])
def test_a_tier_or_use_that_is_none_is_refused(wanted):
    with pytest.raises(InputError):
        plan([], wanted, ROUTES, BOOK)


def test_the_users_routes_replace_a_tier(tmp_path):
    own = tmp_path / "routes.toml"
    own.write_text('cleared = ["x/*"]\n[tiers.standard]\nby = "order"\nmodels = ["kling/*"]\n')
    routes = read_routes(own)
    assert routes.tiers["standard"] == Tier(("kling/*",), "order")
    assert routes.cleared == ("x/*",)
    assert "best" in routes.tiers
    own.write_text('[tiers.standard]\nby = "luck"\nmodels = []\n')
    with pytest.raises(InputError, match="price, order"):
        read_routes(own)


# ---------------------------------------------------------------- breaker

MOMENT = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)


def ended(error, seconds_ago, state="failed"):
    return Attempt(state=state, error=error, changed=MOMENT - timedelta(seconds=seconds_ago))


@pytest.mark.parametrize(
    ("attempts", "rests"),
    [
        ([], False),
        ([ended("Unavailable", 1)] * 2, False),
        ([ended("Unavailable", 1)] * 3, True),
        ([ended("Unavailable", 61)] * 3, False),
        ([ended("", 1, "done"), *[ended("Unavailable", 2)] * 5], False),
        ([ended("Unavailable", 1), ended("", 2, "done"), *[ended("Unavailable", 3)] * 5], False),
        ([ended("Refused", 1, "refused"), *[ended("Unavailable", 2)] * 5], False),
        ([ended("OutOfCredit", 500)], True),
        ([ended("OutOfCredit", 700)], False),
        ([ended("RateLimited", 5)], True),
        ([ended("RateLimited", 15)], False),
    ],
)
def test_a_service_rests_after_failures_in_a_row(attempts, rests):
    assert bool(resting(attempts, MOMENT)) is rests


def test_a_price_that_nobody_published_is_unknown_and_never_nothing(tmp_path, monkeypatch):
    import numpy as np
    from fitting_room.services.costs.prices import read_prices
    from fitting_room.services.hosted.registry import hosted_backends
    from fitting_room.services.request import TryOnRequest

    monkeypatch.setenv("FITTING_ROOM_HOME", str(tmp_path))
    book = read_prices()
    assert not {"kling/v1-5", "kling/v1"} & set(book.prices)
    photo = np.zeros((400, 400, 3), np.uint8)
    asked, nothing = TryOnRequest(photo, (photo,)), None
    for each in hosted_backends(nothing, nothing, book, ["kling"], allow_upload=True):
        estimate = each.estimate(asked)
        assert estimate.cost is None
        one = [Candidate(each.model.name, each.name, estimate)]
        free = plan(one, Wishes(tier=""), ROUTES, book).taken[0]
        assert "at an unknown price" in free.reason
        assert free.cost is None and free.facts()["cost"] is None
        bound = plan(one, Wishes(tier="", budget=D(100)), ROUTES, book)
        assert not bound.taken and "price is not known" in bound.left[0].reason
