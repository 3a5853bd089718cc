"""What a number of pictures a month would cost, by every way that the price book knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ...pipelines.errors import InputError
from .arithmetic import (
    HOURS,
    YEAR_MONTHS,
    a_thousand,
    break_even,
    cards_needed,
    electricity,
    gpu_hours,
    most_pictures,
    payback_months,
)  # fmt: skip
from .prices import Gpu, Machine, Price, PriceBook

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Option:
    """One way. kind: "service", "hired by the hour", "hired all month" or "own machine". monthly:
    in `currency`, and `compared` the same in the plan's currency, None where no rate was given.
    usable: whether it makes try-ons and programs can ask it. note: what else to know."""

    name: str
    kind: str
    monthly: Decimal
    currency: str
    compared: Decimal | None
    usable: bool
    cards: int
    note: str
    stale: bool

    def a_picture(self, pictures: int) -> Decimal:
        return self.monthly / pictures

    def facts(self, pictures: int) -> dict[str, Any]:
        return {
            "name": self.name, "kind": self.kind, "monthly": text_of(self.monthly),
            "a_picture": text_of(self.a_picture(pictures), 5), "currency": self.currency,
            "compared": None if self.compared is None else text_of(self.compared),
            "usable": self.usable, "cards": self.cards, "note": self.note, "stale": self.stale,
        }  # fmt: skip


@dataclass(frozen=True)
class CostPlan:
    """break_even: service -> pictures a month from which the hired card beats it, None for never.
    payback: (machine, service) -> months, None for never. impossible: what one card cannot do."""

    pictures: int
    seconds: Decimal
    use: Decimal
    gpu: Gpu
    currency: str
    hours: Decimal
    cards: int
    one_card: int
    a_thousand: Decimal
    options: tuple[Option, ...]
    break_even: dict[str, Decimal | None]
    payback: dict[tuple[str, str], Decimal | None]
    impossible: str
    recommendation: str

    def facts(self) -> dict[str, Any]:
        return {
            "pictures": self.pictures, "seconds": str(self.seconds), "use": str(self.use),
            "gpu": self.gpu.name, "hourly": text_of(self.gpu.hourly), "currency": self.currency,
            "hours": text_of(self.hours, 1), "cards": self.cards,
            "one_card_makes": self.one_card, "a_thousand": text_of(self.a_thousand),
            "options": [option.facts(self.pictures) for option in self.options],
            "break_even": {n: None if v is None else round(v) for n, v in self.break_even.items()},
            "payback_months": [
                {"machine": m, "service": s, "months": None if v is None else text_of(v, 1)}
                for (m, s), v in self.payback.items()
            ],
            "impossible": self.impossible, "recommendation": self.recommendation,
        }  # fmt: skip


def plan_costs(
    book: PriceBook, pictures: int, seconds: Decimal, gpu: str, *, use: Decimal = Decimal("0.7"),
    currency: str = "", today: date | None = None,
) -> CostPlan:  # fmt: skip
    """use: share of the month that a card hired for all of it is busy. currency: in which options
    are compared, the card's where none is named. Raises InputError for what cannot be planned."""
    if pictures < 1 or seconds <= 0 or not 0 < use <= 1:
        raise InputError(
            "A plan needs at least one picture a month, more than 0 seconds a picture, and a share "
            f"of use over 0 and up to 1; {pictures}, {seconds} and {use} came."
        )
    if gpu not in book.gpus:
        raise InputError(f"No card {gpu} is in the price book. There are: {', '.join(book.gpus)}.")
    card, day = book.gpus[gpu], today or date.today()
    currency = currency or card.currency
    cards = cards_needed(pictures, seconds, use)
    options = [
        *(_service(book, each, pictures, currency, day) for each in _a_picture(book)),
        *_hired(book, card, pictures, seconds, cards, currency, day),
        *(_own(book, each, pictures, seconds, use, currency, day)
          for each in book.machines.values()),
    ]  # fmt: skip
    options.sort(key=lambda o: (o.compared is None, o.compared or Decimal(0), o.name))
    one = most_pictures(seconds, use)
    impossible = ""
    if pictures > one:
        impossible = (
            f"{pictures:,} pictures are more than one card makes: {one:,} a month at "
            f"{seconds} s each and {use:.0%} of the time; {cards} cards are needed."
        )
    return CostPlan(
        pictures, seconds, use, card, currency, gpu_hours(pictures, seconds), cards, one,
        a_thousand(card.hourly, seconds), tuple(options),
        _break_evens(book, card), _paybacks(book, pictures, seconds), impossible,
        _recommended(options, pictures, currency, one),
    )  # fmt: skip


def text_of(amount: Decimal, digits: int = 2) -> str:
    """Rounded for people; the arithmetic goes on with the exact value."""
    return f"{amount:.{digits}f}"


def _a_picture(book: PriceBook) -> list[Price]:
    return [price for price in book.prices.values() if price.kind in ("try-on", "text to image")]


def _service(
    book: PriceBook, price: Price, pictures: int, currency: str, day: date
) -> Option:  # fmt: skip
    monthly = price.a_picture * pictures
    usable = price.kind == "try-on" and price.api and price.backend
    problems = [
        *([f"{price.kind}, no try-on"] if price.kind != "try-on" else []),
        *(["no backend here"] if not price.backend else []),
        *(["no public API was found"] if not price.api else []),
        *([price.note] if price.note else []),
    ]
    return Option(
        price.name, "service", monthly, price.currency,
        book.convert(monthly, price.currency, currency), usable, 0, "; ".join(problems),
        price.stale(day),
    )  # fmt: skip


def _hired(
    book: PriceBook, card: Gpu, pictures: int, seconds: Decimal, cards: int, currency: str,
    day: date,
) -> list[Option]:  # fmt: skip
    hours = gpu_hours(pictures, seconds)
    by_hour, all_month = hours * card.hourly, cards * card.hourly * HOURS
    doubt = f"; {card.doubtful}" if card.doubtful else ""
    span = f"{text_of(hours * card.low)} to {text_of(hours * card.high)} by the range of its price"
    return [
        Option(
            card.name, "hired by the hour", by_hour, card.currency,
            book.convert(by_hour, card.currency, currency), True, cards,
            f"{text_of(hours, 1)} hours that are paid only while it works; {span}{doubt}",
            card.stale(day),
        ),
        Option(
            card.name, "hired all month", all_month, card.currency,
            book.convert(all_month, card.currency, currency), True, cards,
            f"{cards} of them, at {text_of(card.hourly)} an hour{doubt}", card.stale(day),
        ),
    ]  # fmt: skip


def _own(
    book: PriceBook, machine: Machine, pictures: int, seconds: Decimal, use: Decimal,
    currency: str, day: date,
) -> Option:  # fmt: skip
    count = cards_needed(pictures, seconds, use)
    depreciation = count * machine.price / (machine.years * YEAR_MONTHS)
    power = pictures * electricity(machine.watts, seconds, machine.electricity)
    monthly = depreciation + power
    return Option(
        machine.name, "own machine", monthly, machine.currency,
        book.convert(monthly, machine.currency, currency), True, count,
        f"{count} bought for {count * machine.price} and worn out in {machine.years} years, "
        f"{text_of(power)} of it electricity; space, repair and work come besides",
        (day - machine.day).days > 180,
    )  # fmt: skip


def _break_evens(book: PriceBook, card: Gpu) -> dict[str, Decimal | None]:
    """Against one card hired all month."""
    found = {}
    for price in _a_picture(book):
        dear = book.convert(price.a_picture, price.currency, card.currency)
        if dear is not None:
            found[price.name] = break_even(card.hourly * HOURS, dear)
    return found


def _paybacks(
    book: PriceBook, pictures: int, seconds: Decimal
) -> dict[tuple[str, str], Decimal | None]:  # fmt: skip
    found = {}
    for machine in book.machines.values():
        own = electricity(machine.watts, seconds, machine.electricity)
        for price in _a_picture(book):
            dear = book.convert(price.a_picture, price.currency, machine.currency)
            if dear is None or not price.api or price.kind != "try-on":
                continue
            count = cards_needed(pictures, seconds)
            found[machine.name, price.name] = payback_months(
                count * machine.price, pictures, dear, own=own
            )  # fmt: skip
    return found


def _recommended(
    options: list[Option], pictures: int, currency: str, one_card: int
) -> str:  # fmt: skip
    fit = [option for option in options if option.usable and option.compared is not None]
    if not fit:
        return f"Nothing can be compared in {currency}: give exchange rates in prices.toml."
    best = fit[0]
    price = f"{text_of(best.monthly)} {best.currency} a month"
    said = (
        f"Cheapest for {pictures:,} a month: {best.name}, {best.kind}, at {price} "
        f"({text_of(best.a_picture(pictures), 4)} a picture)."
    )
    services = [option for option in fit if option.kind == "service"]
    if best.kind != "service" and services:
        said += (
            f" The cheapest service, {services[0].name}, takes "
            f"{text_of(services[0].monthly)} {services[0].currency}; keep it as a fallback."
        )
    if best.kind == "hired by the hour":
        said += " By the hour, nothing is paid while nothing is made, and a start takes minutes."
    if pictures < 1000:
        said += " Below a thousand a month, a service is less work than any card."
    if pictures > one_card:
        said += " More than one card is needed: see what is impossible on one."
    said += " Make drafts with the embedded preview, which is free, and pay only for what you keep."
    left = [option.name for option in options if option.usable and option.compared is None]
    if left:
        said += f" Not compared, for want of an exchange rate: {', '.join(left)}."
    return said
