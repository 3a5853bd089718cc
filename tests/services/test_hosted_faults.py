"""Everything that goes wrong at a service: the right end for the user, nothing paid twice, no key
told. The plans are those of the stand-ins; each is checked against what the stand-in billed."""

import logging

import pytest
from double_services import (
    FINDS,
    SERVICES,
    bill,
    environment,
    needs_doubles,
    request,
    running_double,
)  # fmt: skip

pytest.importorskip("sqlalchemy")

from fitting_room.services.costs.prices import read_prices
from fitting_room.services.errors import (
    BackendError,
    OutOfCredit,
    RateLimited,
    Refused,
    Unavailable,
    Undecided,
)  # fmt: skip
from fitting_room.services.hosted import course, submit, watch
from fitting_room.services.hosted.registry import hosted_backends
from fitting_room.services.hosted.wire import pause
from fitting_room.services.ledger import open_ledger
from fitting_room.services.results import ResultStore

pytestmark = needs_doubles
QUICKER = 8
"""The stand-ins are that much quicker than a service, and so are the waits between calls."""
LOST = ("hang", "reset", "drop", "not_json", "empty")


@pytest.fixture(scope="module")
def server():
    with running_double(run_seconds=0.1, queue_seconds=0.02) as double:
        yield double


@pytest.fixture
def run(server, tmp_path, monkeypatch, caplog):
    """Runs one request at a service while this goes wrong; gives the picture or the error, after
    checking what holds whatever happens."""
    server.reset()
    for name, value in environment(server, tmp_path).items():
        monkeypatch.setenv(name, value)
    for module in (course, submit, watch):
        monkeypatch.setattr(module, "pause", lambda wait, stop: pause(wait / QUICKER, stop))
    caplog.set_level(logging.DEBUG)
    ledger = open_ledger()

    def attempt(service, *faults, limit=10, again=False, model=""):
        server.plan({"faults": [{"service": service, **fault} for fault in faults]})
        backend = hosted_backends(
            ledger, ResultStore(), read_prices(), [model or SERVICES[service]],
            allow_upload=True, limit_seconds=limit, again=again,
        )[0]  # fmt: skip
        try:
            end = backend.run(request())
        except BackendError as error:
            end = error
        _check(server, end, ledger, caplog)
        return end

    yield attempt
    ledger.database.close()


def _check(server, end, ledger, caplog):
    import time

    for _ in range(40):  # accepted jobs run to their end
        if not server.jobs()["still_open"]:
            break
        time.sleep(0.05)
    told = server.jobs()
    paid = [job for job in told["jobs"] if job["billed"]]
    assert not told["paid_twice"]
    assert len(paid) <= 1
    assert not server.log()["key_leaks"]
    keys = [v for n, v in environment(server, "").items() if "KEY" in n or "TOKEN" in n]
    shown = f"{caplog.text} {end}"
    assert not [key for key in keys if key in shown]
    if isinstance(end, BackendError):
        assert end.billed or not paid, "it was billed, and the user is not told"
    else:
        assert len(paid) == 1
    last = ledger.attempts(*_days())[-1]
    assert last.billed == (end.billed if isinstance(end, BackendError) else True)


def _days():
    from datetime import timedelta

    from fitting_room.services.database import now

    today = now().date()
    return today - timedelta(days=1), today + timedelta(days=1)


def is_picture(end):
    return not isinstance(end, BackendError)


@pytest.mark.parametrize("kind", [*LOST, "html"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_submission_whose_answer_is_lost_is_found_or_not_sent_again(run, service, kind):
    fault = {"on": "submit", "kind": kind, "after_accept": True, "seconds": 0.3}
    end = run(service, fault)
    if service in FINDS:
        assert is_picture(end)
        return
    assert isinstance(end, Undecided)
    assert "not sent again" in str(end)
    second = run(service)
    assert isinstance(second, Undecided), "the same request must not be sent by itself"


AFTER_500 = [("error", 500), ("error", 502), ("error", 503), ("error", 504), ("html", 500),
             ("html", 503), ("html", 504), ("error", 409)]  # fmt: skip


@pytest.mark.parametrize(("kind", "status"), AFTER_500)
@pytest.mark.parametrize("service", SERVICES)
def test_a_job_that_was_taken_before_the_service_broke_is_found_or_told(
    run, server, service, kind, status
):
    """The service has the job and answers with its own error, or its gateway with a page."""
    fault = {"on": "submit", "kind": kind, "status": status, "after_accept": True}
    end = run(service, fault)
    assert len(bill(server)) == 1
    if service in FINDS:
        assert is_picture(end)
        return
    assert isinstance(end, Undecided)
    assert "may be billed" in str(end)
    assert isinstance(run(service), Undecided), "the same request must not be sent by itself"
    assert len(bill(server)) == 1


@pytest.mark.parametrize("service", FINDS)
@pytest.mark.parametrize("retry_after", [None, 1])
@pytest.mark.parametrize("kind", ["error", "html"])
def test_a_busy_service_that_took_the_job_all_the_same_is_asked_before_it_is_sent_again(
    run, service, kind, retry_after
):
    fault = {"on": "submit", "kind": kind, "status": 503, "after_accept": True,
             "retry_after": retry_after}  # fmt: skip
    assert is_picture(run(service, fault))


@pytest.mark.parametrize("service", ["fal", "fashn", "dashscope"])
@pytest.mark.parametrize("kind", ["error", "html"])
def test_who_says_when_to_come_again_may_have_taken_it_all_the_same(run, server, service, kind):
    """The service in its own words, or its gateway with a page; and nobody can look."""
    fault = {"on": "submit", "kind": kind, "status": 503, "after_accept": True,
             "retry_after": 0.3}  # fmt: skip
    assert isinstance(run(service, fault), Undecided)
    assert isinstance(run(service), Undecided)
    assert len(bill(server)) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_a_gateway_that_turns_away_is_asked_again_where_one_can_look(run, server, service):
    fault = {"on": "submit", "kind": "html", "status": 503, "retry_after": 0.3, "times": 2}
    end = run(service, fault, limit=20)
    assert is_picture(end) if service in FINDS else isinstance(end, Undecided)
    assert len(bill(server)) == (service in FINDS)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_down_is_never_asked_more_than_it_can_be_looked_for(run, service):
    end = run(service, {"on": "submit", "kind": "error", "status": 500, "times": -1}, limit=30)
    assert isinstance(end, Undecided) is (service not in FINDS)
    assert isinstance(end, Unavailable)
    assert end.billed is (service not in FINDS)


@pytest.mark.parametrize(("service", "looking"), [("replicate", "info"), ("kling", "status")])
def test_a_job_that_cannot_be_looked_for_either_is_not_sent_again(run, server, service, looking):
    """The answer is lost, and so is whatever the service says of its jobs."""
    end = run(
        service,
        {"on": "submit", "kind": "error", "status": 500, "after_accept": True},
        {"on": looking, "kind": "error", "status": 500, "times": -1},
        limit=15,
    )
    assert isinstance(end, Undecided)
    assert "could not be looked for" in str(end)
    assert len(bill(server)) == 1


@pytest.mark.parametrize("service", FINDS)
@pytest.mark.parametrize("kind", ["reset", "html"])
def test_a_submission_that_never_arrived_is_sent_again_after_looking(run, service, kind):
    assert is_picture(run(service, {"on": "submit", "kind": kind, "seconds": 0.3}))


@pytest.mark.parametrize("service", ["fal", "fashn", "dashscope"])
def test_what_may_be_lost_is_sent_again_when_the_user_says_so(run, service):
    assert isinstance(run(service, {"on": "submit", "kind": "reset"}), Undecided)
    assert is_picture(run(service, again=True))


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("operation", ["upload", "status", "file", "result"])
@pytest.mark.parametrize("kind", ["reset", "html"])
def test_calls_that_cost_nothing_are_made_again(run, service, operation, kind):
    assert is_picture(run(service, {"on": operation, "kind": kind}))


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_a_passing_refusal_to_tell_how_a_paid_job_stands_is_outlived(run, service, status):
    assert is_picture(run(service, {"on": "status", "kind": "error", "status": status, "times": 2}))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_never_tells_leaves_a_job_that_is_resumed(run, service):
    end = run(service, {"on": "status", "kind": "error", "status": 500, "times": -1}, limit=2)
    assert isinstance(end, Undecided)
    assert "fitting-room jobs" in str(end)
    assert is_picture(run(service))


@pytest.mark.parametrize("service", SERVICES)
def test_too_many_requests_are_waited_for_as_the_service_says(run, service):
    fault = {"on": "submit", "kind": "error", "status": 429, "retry_after": 0.2, "times": 2}
    assert is_picture(run(service, fault))


@pytest.mark.parametrize("service", SERVICES)
def test_a_wait_longer_than_the_limit_is_left_to_the_router(run, service):
    fault = {"on": "submit", "kind": "error", "status": 429, "retry_after": 600, "times": -1}
    end = run(service, fault)
    assert isinstance(end, RateLimited)
    assert end.retry_after or service == "replicate"


@pytest.mark.parametrize(
    ("service", "name", "status", "kind", "cure"),
    [
        ("fashn", "RateLimitExceeded", 429, RateLimited, "more slowly"),
        ("fashn", "ConcurrencyLimitExceeded", 429, RateLimited, "fewer at once"),
        ("fashn", "OutOfCredits", 429, OutOfCredit, "Buy credits"),
        ("kling", "1302", 429, RateLimited, "more slowly"),
        ("kling", "1303", 429, RateLimited, "fewer at once"),
        ("kling", "1101", 429, OutOfCredit, "Pay"),
        ("kling", "1102", 429, OutOfCredit, "resource pack"),
        ("kling", "1304", 429, Unavailable, "address"),
        ("kling", "1301", 400, Refused, ""),
        ("dashscope", "Arrearage", 400, OutOfCredit, "Pay"),
        ("dashscope", "Throttling.RateQuota", 429, RateLimited, "a second"),
        ("dashscope", "DataInspectionFailed", 400, Refused, ""),
        ("fal", "", 403, OutOfCredit, "balance"),
        ("replicate", "", 402, OutOfCredit, "credit"),
        ("replicate", "", 422, Unavailable, "version"),
    ],
)
def test_each_kind_of_refusal_has_its_own_cure(run, service, name, status, kind, cure):
    fault = {"on": "submit", "kind": "error", "status": status, "name": name, "times": -1,
             "retry_after": 99}  # fmt: skip
    end = run(service, fault)
    assert type(end) is kind, end
    assert cure in str(end)
    assert not end.billed


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("reason", ["moderation", "pose", "internal", "third_party", "timeout"])
def test_a_failed_job_is_told_with_its_reason(run, service, reason):
    end = run(service, {"on": "job", "kind": "fail", "reason": reason})
    refused = reason in ("moderation", "pose")
    assert isinstance(end, Refused if refused else Unavailable), end
    assert not isinstance(end, Undecided)


@pytest.mark.parametrize("service", SERVICES)
def test_a_forgotten_job_is_not_sent_again(run, service):
    assert isinstance(run(service, {"on": "job", "kind": "forget"}), Undecided)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "value",
    [None, {"a": 1}, 42, [{"url": 7}], ["data:image/png;base64,AAAA"]],
    ids=str,
)
def test_an_answer_without_a_picture_is_no_success(run, service, value, monkeypatch):
    monkeypatch.setattr("fitting_room.services.hosted.watch.FETCHES", 2)
    end = run(service, {"on": "job", "kind": "output", "value": value}, limit=2)
    assert isinstance(end, Undecided)


@pytest.mark.parametrize("service", ["fashn", "fal"])
@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/a.png",
     "https://[fd00::1]/a.png", "https://user:word@example.com/a.png", "gopher://x/"],
)  # fmt: skip
def test_links_to_elsewhere_are_not_followed(run, service, url, monkeypatch):
    monkeypatch.setattr("fitting_room.services.hosted.watch.FETCHES", 2)
    end = run(service, {"on": "job", "kind": "result_url", "url": url})
    assert isinstance(end, Undecided)
    assert "not followed" in str(end)


@pytest.mark.parametrize(
    "kind", ["missing", "expired", "html_page", "truncated", "huge", "redirect", "bomb",
             "not_a_picture"]
)  # fmt: skip
def test_a_file_that_is_no_picture_is_refused(run, kind, monkeypatch):
    monkeypatch.setattr("fitting_room.services.hosted.watch.FETCHES", 2)
    end = run("fashn", {"on": "file", "kind": kind, "times": -1})
    assert isinstance(end, Undecided)


def test_a_trickle_ends_with_the_time(run, monkeypatch):
    monkeypatch.setattr(watch, "LAST_FETCH_SECONDS", 2.0)
    end = run("fal", {"on": "file", "kind": "trickle", "times": -1, "seconds": 60}, limit=2)
    assert isinstance(end, Undecided)


def test_a_picture_is_told_by_its_content(run):
    assert is_picture(run("fashn", {"on": "file", "kind": "wrong_type", "times": -1}))


def test_a_picture_of_another_size_is_told_to_be_doubtful(run):
    end = run("kling", {"on": "file", "kind": "other_size", "times": -1})
    assert is_picture(end)
    assert "doubtful" in str(end.fit)
    assert end.picture.shape == (640, 480, 3)
