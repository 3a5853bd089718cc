"""$FITTING_ROOM_REQUIRE: what must be there, so that its tests fail where they would be skipped.

FITTING_ROOM_REQUIRE=engine,browser,postgres,ray python -m pytest
"""

import os

import pytest

SUITES = ("engine", "browser", "postgres", "ray")


def required() -> set[str]:
    """Of SUITES. Raises UsageError for other words: a misspelt one would require nothing."""
    words = {word.strip() for word in os.environ.get("FITTING_ROOM_REQUIRE", "").split(",")} - {""}
    if unknown := words - set(SUITES):
        raise pytest.UsageError(
            f"FITTING_ROOM_REQUIRE names {', '.join(sorted(unknown))}; it knows {', '.join(SUITES)}"
        )
    return words


def refuse_skip(report: pytest.TestReport, *suites: str) -> None:
    """Makes a failure of a skipped test that belongs to a suite that must run."""
    for suite in suites:
        if not report.skipped or suite not in required():
            continue
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"FITTING_ROOM_REQUIRE names {suite}, and this was skipped: {reason}"
