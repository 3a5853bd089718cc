"""The arithmetic of the price pages, number by number."""

from decimal import Decimal as D

import pytest
from fitting_room.services.costs.arithmetic import (
    a_thousand,
    batch_gain,
    break_even,
    cards_needed,
    depreciation,
    electricity,
    gpu_hours,
    month_of_use,
    most_pictures,
    payback_months,
)  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "use", "pictures"),
    [(15, "1", 172_800), (5, "1", 518_400), (15, "0.7", 120_960), (5, "0.7", 362_880)],
)
def test_what_one_card_makes_in_a_month(seconds, use, pictures):
    assert most_pictures(D(seconds), D(use)) == pictures


@pytest.mark.parametrize(
    ("pictures", "seconds", "hours", "low", "high"),
    [
        (10_000, 5, 13.9, 21, None), (10_000, 15, 41.7, None, 104),
        (100_000, 5, 139, 208, None), (100_000, 15, 417, None, 1042),
    ],
)  # fmt: skip
def test_hours_and_their_price(pictures, seconds, hours, low, high):
    found = gpu_hours(pictures, D(seconds))
    assert float(found) == pytest.approx(hours, rel=0.005)
    for price, rate in ((low, "1.5"), (high, "2.5")):
        if price is not None:
            assert float(found * D(rate)) == pytest.approx(price, rel=0.01)


def test_a_million_needs_several_cards():
    assert (cards_needed(10**6, D(5)), cards_needed(10**6, D(15))) == (2, 6)
    assert (cards_needed(10**6, D(5), D("0.7")), cards_needed(10**6, D(15), D("0.7"))) == (3, 9)


@pytest.mark.parametrize(
    ("price", "pictures"), [("0.01", 150_000), ("0.20", 7_500), ("0.50", 3_000), ("0", None)]
)
def test_a_hired_card_against_a_price_a_picture(price, pictures):
    assert break_even(D(1500), D(price)) == pictures


@pytest.mark.parametrize(
    ("hourly", "seconds", "cost"),
    [("3.20", "28.6", 25.4), ("4.80", "19.3", 25.7), ("7.50", "15.1", 31.5),
     ("18.00", "9.7", 48.5), ("32.00", "6.2", 55.1)],
)  # fmt: skip
def test_a_thousand_pictures_by_the_hour(hourly, seconds, cost):
    assert float(a_thousand(D(hourly), D(seconds))) == pytest.approx(cost, abs=0.05)


@pytest.mark.parametrize(("price", "pictures"), [("0.040", 3_421), ("0.003", 130_000)])
def test_an_owned_card_with_a_cost_of_its_own(price, pictures):
    assert round(break_even(D(130), D(price), D("0.002"))) == pictures


@pytest.mark.parametrize(
    ("pictures", "own", "months"),
    [(5_000, "0", 22.9), (5_000, "0.002", 26.7), (10_000, "0", 5.9), (10_000, "0.002", 6.4)],
)
def test_payback_of_a_card(pictures, own, months):
    found = payback_months(D(1600), pictures, D("0.040"), D(130), D(own))
    assert float(found) == pytest.approx(months, abs=0.05)


def test_a_card_that_saves_nothing_is_never_paid_back():
    assert payback_months(D(1600), 3_000, D("0.040"), D(130)) is None
    assert break_even(D(130), D("0.002"), D("0.002")) is None


def test_a_machine_over_its_life():
    assert float(depreciation(D(17_300), 100 * 365 * 3)) == pytest.approx(0.158, abs=0.0005)
    assert float(depreciation(D(17_300), 500 * 36)) == pytest.approx(0.961, abs=0.0005)
    assert electricity(450, D(15), D("1.2")) == D("0.00225")


def test_five_hundred_a_month_against_pictures_at_four():
    saved = 500 * D(4) - 501
    assert float(payback_months(D(17_300), 500, D(4), D(501))) == pytest.approx(11.5, abs=0.05)
    assert saved == 1499
    assert (500 * D("2.5"), 500 * D(4)) == (1250, 2000)


def test_a_batch_of_two_gains_little():
    assert float(batch_gain(D("2.46"), D("4.64"), 2)) == pytest.approx(0.06, abs=0.005)


def test_cards_by_the_day_and_the_month():
    assert month_of_use(D("3.20"), D(8)) == 768
    assert month_of_use(D("4.80")) == 3456
    assert month_of_use(D("18.00")) == 12_960
