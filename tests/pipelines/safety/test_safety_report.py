"""What the safety filter tells: text, JSON, and how reports are put together."""

import json
import math

import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.safety.filter import ACTIONS, KINDS, MODELS, SafetyVerdict
from fitting_room.pipelines.safety.report import SafetyReport
from hypothesis import given, settings
from hypothesis import strategies as st

JUDGED_LEVELS = ("strict", "standard", "catalogue")

unhurried = settings(max_examples=60, deadline=None)  # machines that test are often busy


def verdict(flagged, index=0, score=0.9, level="standard", kind="person"):
    return SafetyVerdict(index, kind, "open_nsfw", level, score, score, 0.5, flagged)


verdicts_of_any_kind = st.builds(
    SafetyVerdict,
    index=st.integers(0, 50),
    kind=st.sampled_from(KINDS),
    model=st.sampled_from(MODELS),
    level=st.sampled_from(JUDGED_LEVELS),
    score=st.floats(0, 1) | st.just(math.nan),
    whole=st.floats(0, 1),
    limit=st.floats(0, 1),
    flagged=st.booleans(),
) | st.builds(
    SafetyVerdict,
    index=st.integers(0, 50),
    kind=st.sampled_from(KINDS),
    model=st.just("none"),
    level=st.just("off"),
    score=st.none(),
    whole=st.none(),
    limit=st.none(),
    flagged=st.just(False),
)


@unhurried
@given(st.lists(verdicts_of_any_kind, max_size=6), st.sampled_from(ACTIONS))
def test_report_tells_everything_once(verdicts, action):
    report = SafetyReport(tuple(verdicts), action)
    read = json.loads(report.to_json())
    assert read["flagged"] == any(v.flagged for v in verdicts) == report.flagged
    assert [p["flagged"] for p in read["pictures"]] == list(report.flags)
    assert read["action"] == action
    for language in ("en", "zh"):
        lines = report.text(language).splitlines()
        assert len(lines) == 1 + len(verdicts)
        for line, found in zip(lines[1:], verdicts, strict=True):
            assert str(found.index + 1) in line
    assert [p["score"] for p in read["pictures"]] == [
        None if v.score is None or math.isnan(v.score) else v.score for v in verdicts
    ]


def test_report_joins_the_kinds_of_a_run():
    person = SafetyReport((verdict(False, score=0.1),), "blur")
    result = SafetyReport((verdict(True, kind="result"),), "blur")
    whole = person.joined([result])
    assert whole.flags == (False, True)
    assert whole.text() == (
        "Safety filter: 1 of 2 pictures flagged.\n"
        "person 1: open_nsfw, level standard, score 0.100, limit 0.500: passed\n"
        "result 1: open_nsfw, level standard, score 0.900, limit 0.500: flagged, blurred"
    )
    assert "结果 1" in whole.text("zh")
    with pytest.raises(InputError, match="en or zh"):
        whole.text("de")
