"""The arithmetic of making pictures oneself, and of having them made. All of it is exact (Decimal).

A month has 30 days of 24 hours. p: pictures a month, s: seconds a picture, u: the share of time
that a card is in use, h: the price of an hour.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

HOURS = Decimal(720)
SECONDS = HOURS * 3600
YEAR_MONTHS = 12


def gpu_hours(pictures: int, seconds: Decimal) -> Decimal:
    """p s / 3600."""
    return pictures * seconds / 3600


def most_pictures(seconds: Decimal, use: Decimal = Decimal(1)) -> int:
    """What one card makes in a month, one picture after the other: 2,592,000 u / s."""
    return int(SECONDS * use / seconds)


def cards_needed(pictures: int, seconds: Decimal, use: Decimal = Decimal(1)) -> int:
    """Whole cards, busy no more than `use` of the month."""
    return int((pictures * seconds / (SECONDS * use)).to_integral_value(ROUND_CEILING))


def a_thousand(hourly: Decimal, seconds: Decimal) -> Decimal:
    """The price of a thousand pictures on a card by the hour."""
    return 1000 * seconds / 3600 * hourly


def month_of_use(hourly: Decimal, hours_a_day: Decimal = Decimal(24)) -> Decimal:
    """A card for so many hours on each of 30 days."""
    return hourly * hours_a_day * 30


def break_even(
    fixed: Decimal, price: Decimal, own: Decimal = Decimal(0)
) -> Decimal | None:  # fmt: skip
    """Pictures a month from which a fixed monthly cost beats a price a picture; None for never.

    own: what a picture costs besides the fixed cost.
    """
    gained = price - own
    return fixed / gained if gained > 0 else None


def payback_months(
    bought: Decimal, pictures: int, price: Decimal, monthly: Decimal = Decimal(0),
    own: Decimal = Decimal(0),
) -> Decimal | None:  # fmt: skip
    """Months until a bought card has earned its price against a price a picture; None for never.

    monthly: what it costs a month. It must not contain the card's depreciation, or the card is
    counted twice.
    """
    saved = pictures * (price - own) - monthly
    return bought / saved if saved > 0 else None


def electricity(watts: int, seconds: Decimal, kilowatt_hour: Decimal) -> Decimal:
    """Of one picture."""
    return Decimal(watts) / 1000 * seconds / 3600 * kilowatt_hour


def depreciation(price: Decimal, pictures: int) -> Decimal:
    """A machine's share in each of the pictures of its life."""
    return price / pictures


def batch_gain(alone: Decimal, together: Decimal, count: int) -> Decimal:
    """The share of time that a batch of `count` saves for each picture."""
    return 1 - together / count / alone
