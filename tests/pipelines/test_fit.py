"""The fit report: ok, doubtful or refused, never without a reason."""

import pytest
from fitting_room.pipelines.fit import FitReport, doubtful


def test_the_worse_level_wins_and_every_reason_stays_once():
    one, other = doubtful(["Straps are guessed.", "The hem is cut."]), FitReport()
    assert one.and_then(other) == one and other.and_then(one) == one
    refused = FitReport("refused", ("Nobody is there.", "The hem is cut."))
    both = one.and_then(refused)
    assert both.level == "refused"
    assert both.reasons == ("Straps are guessed.", "The hem is cut.", "Nobody is there.")
    assert str(both).startswith("refused: Straps are guessed.") and str(FitReport()) == "ok"


def test_a_level_goes_with_its_reasons():
    assert doubtful([]) == FitReport()
    for level, reasons in (("fine", ()), ("doubtful", ()), ("ok", ("but",))):
        with pytest.raises(ValueError, match="fit"):
            FitReport(level, reasons)
