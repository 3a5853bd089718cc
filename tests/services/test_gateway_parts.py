"""The gateway's parts without an engine: callers, the queue in both databases, names, files."""

import os
import threading
import time
import uuid

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("alembic")
pytest.importorskip("aiohttp")

from fitting_room.pipelines.errors import InputError
from fitting_room.services.database import now, open_database
from fitting_room.services.gateway.callers import Callers, read_callers
from fitting_room.services.gateway.files import Files, OutsideFolder, StoredInput
from fitting_room.services.gateway.graphs import (
    NOWHERE,
    ROOM,
    RefusedGraph,
    adopted,
    hidden,
    kinds_of,
    model_key,
    translated,
)
from fitting_room.services.gateway.lock import QueueTaken, holding
from fitting_room.services.gateway.prompts import (
    CANCELLED,
    DONE,
    QUEUED,
    RUNNING,
    JobList,
    Open,
    Prompt,
    PromptQueue,
)
from fitting_room.services.gateway.server import check_exposure
from fitting_room.services.gateway.shapes import failed_entry, state_of, summary
from sqlalchemy import text

KEY, OTHER = "k" * 20, "o" * 20


# --- callers -------------------------------------------------------------------------------------


@pytest.fixture
def keys(tmp_path, monkeypatch):
    monkeypatch.delenv("FITTING_ROOM_KEYS", raising=False)

    def write(text):
        path = tmp_path / "keys.toml"
        path.write_text(text)
        return read_callers(path)

    return write


def test_keys_come_from_a_file_and_the_environment(keys, monkeypatch):
    monkeypatch.setenv("FITTING_ROOM_KEYS", f"studio={OTHER}")
    callers = keys(f'[shop]\nkey = "{KEY}"\npriority = 3\n')
    assert callers.with_key(KEY).name == "shop" and callers.with_key(KEY).priority == 3
    assert callers.with_key(OTHER).name == "studio"
    assert callers.with_key("x" * 20) is None and callers.with_key("") is None
    assert KEY not in repr(callers.with_key(KEY)) and callers.with_key(KEY).digest not in repr(
        callers.with_key(KEY)
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[shop]\nkey = "short"\n', "at least 16"),
        ('["Big Shop"]\nkey = "kkkkkkkkkkkkkkkkkkkk"\n', "small letters"),
        ('[shop]\nkey = "kkkkkkkkkkkkkkkkkkkk"\ncolour = 1\n', "nothing else"),
        ('[shop]\nkey = "kkkkkkkkkkkkkkkkkkkk"\npriority = "high"\n', "whole numbers"),
        ('[shop]\nkey_sha256 = "abc"\n', "64 hexadecimal"),
        ('[shop]\nkey = "kkkkkkkkkkkkkkkkkkkk"\nwebhook = "https://a.b"\n', "webhook_secret"),
        (
            '[a]\nkey = "kkkkkkkkkkkkkkkkkkkk"\n[b]\nkey = "kkkkkkkkkkkkkkkkkkkk"\n',
            "the same key",
        ),
    ],
)
def test_keys_that_cannot_be_used_are_refused_without_being_told(keys, text, words):
    with pytest.raises(InputError, match=words) as told:
        keys(text)
    assert KEY not in str(told.value)


def test_a_file_of_keys_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_callers(tmp_path / "nowhere.toml")


def test_a_cookie_is_its_callers_and_tells_no_key(keys):
    callers = keys(f'[shop]\nkey = "{KEY}"\n[studio]\nkey = "{OTHER}"\n')
    cookie = callers.cookie_of(callers.named("shop"))
    assert KEY not in cookie and callers.with_cookie(cookie).name == "shop"
    assert callers.with_cookie(cookie.replace("shop", "studio")) is None
    assert callers.with_cookie("shop.") is None and callers.with_cookie("") is None


def test_a_signed_link_opens_one_file_until_it_ends(keys):
    callers = keys(f'[shop]\nkey = "{KEY}"\n')
    query = {"type": "output", "subfolder": "a", "filename": "b.png", "caller": "shop",
             "expires": str(int(time.time()) + 60)}  # fmt: skip
    query["signature"] = callers.link_signature(callers.named("shop"), query)
    assert callers.with_link(query).name == "shop"
    assert callers.with_link({**query, "filename": "c.png"}) is None
    late = {**query, "expires": str(int(time.time()) - 1)}
    late["signature"] = callers.link_signature(callers.named("shop"), late)
    assert callers.with_link(late) is None


def test_without_keys_only_the_loopback(keys):
    check_exposure("127.0.0.1", Callers([]))
    check_exposure("0.0.0.0", keys(f'[shop]\nkey = "{KEY}"\n'))
    with pytest.raises(InputError, match="this machine only"):
        check_exposure("0.0.0.0", Callers([]))


# --- the queue -----------------------------------------------------------------------------------


@pytest.fixture
def prompts(ledger_address):
    database = open_database(ledger_address)
    yield PromptQueue(database)
    database.close()


def prompt(caller="shop", number=1.0, **more):
    settings = {
        "id": str(uuid.uuid4()), "caller": caller, "number": number, "state": QUEUED,
        "body": {"prompt": {"1": {}}}, "created": now(), "outputs": ["1"], **more,
    }  # fmt: skip
    return Prompt(**settings)


def begin(prompts, caller, engine):
    """The caller's next prompt, on that engine; None where none waits."""
    first = prompts.first(caller)
    return first and prompts.begin(first[0], engine)


MESSAGES = [["execution_start", {"timestamp": 1000}], ["execution_success", {"timestamp": 3500}]]
ENTRY = {"outputs": {}, "status": {"status_str": "success", "messages": MESSAGES}}


def test_prompts_begin_by_number_and_end_once(prompts):
    late, front = prompt(number=2.0), prompt(number=-1.0)
    prompts.add(late)
    prompts.add(front)
    prompts.add(prompt("studio"))
    begun = begin(prompts, "shop", "http://a")
    assert (begun.id, begun.state, begun.tries) == (front.id, RUNNING, 1)
    assert prompts.open_counts() == {"shop": Open(1, 1), "studio": Open(1, 0)}
    assert prompts.end(front.id, DONE, ENTRY, summary(ENTRY), None)
    assert not prompts.end(front.id, DONE, ENTRY, summary(ENTRY), None)
    kept = prompts.get(front.id, "shop")
    assert (kept.state, kept.duration, kept.entry) == (DONE, 2500.0, ENTRY)
    assert prompts.get(front.id, "studio") is None
    assert [each.id for each in prompts.history("shop", None, -1)] == [front.id]
    assert begin(prompts, "shop", "http://a").id == late.id
    assert begin(prompts, "shop", "http://a") is None


def test_a_prompt_whose_engine_ended_waits_again(prompts):
    mine = prompt(secrets={"api_key_comfy_org": "s"})
    prompts.add(mine)
    begin(prompts, "shop", "http://a")
    prompts.again(mine.id)
    kept = prompts.get(mine.id)
    assert (kept.state, kept.tries, kept.engine) == (QUEUED, 1, "http://a")
    begin(prompts, "shop", "http://b")
    assert [each.id for each in prompts.running()] == [mine.id]
    entry = failed_entry(mine.id, "Interrupted", "It was interrupted.", 5)
    assert state_of(entry) == CANCELLED
    prompts.end(mine.id, CANCELLED, entry, summary(entry), None)
    assert prompts.get(mine.id).secrets == {}


def test_what_is_asked_again_as_its_answer_was_lost_is_done_once(prompts):
    mine = prompt()
    again = prompt(id=mine.id, created=mine.created)
    assert prompts.add(mine) is None and prompts.add(again) is None
    other = prompts.add(prompt(id=mine.id))  # another request under the same id
    assert other.id == mine.id and other.created == mine.created
    for _ in range(2):
        begun = prompts.begin(mine.id, "http://a")
        assert (begun.id, begun.state, begun.tries) == (mine.id, RUNNING, 1)
    assert prompts.begin(mine.id, "http://b") is None
    assert prompts.open_counts() == {"shop": Open(0, 1)}
    prompts.end(mine.id, DONE, ENTRY, summary(ENTRY), None)
    assert prompts.begin(mine.id, "http://a") is None


def test_only_ones_own_are_dropped(prompts):
    first, second = prompt(), prompt("studio")
    prompts.add(first)
    prompts.add(second)
    assert prompts.drop("shop", [QUEUED], [second.id]) == []
    assert prompts.drop("shop", [QUEUED], None) == [first.id]
    assert prompts.get(second.id) is not None


def test_the_list_of_jobs_is_sorted_and_cut(prompts):
    for place in range(5):
        each = prompt(number=float(place), workflow="w" if place % 2 else "")
        prompts.add(each)
        begin(prompts, "shop", "http://a")
        entry = {"status": {"status_str": "success", "messages": [
            ["execution_start", {"timestamp": 1}],
            ["execution_success", {"timestamp": 1 + (place * 7) % 5}]]}}  # fmt: skip
        prompts.end(each.id, DONE, entry, summary(entry), None)
    page, total = prompts.jobs("shop", JobList([DONE], by_duration=True, limit=2, offset=1))
    assert total == 5 and [each.duration for each in page] == [3.0, 2.0]
    page, total = prompts.jobs("shop", JobList([DONE], workflow="w", descending=False))
    assert total == 2 and [each.number for each in page] == [1.0, 3.0]
    assert prompts.jobs("studio", JobList([DONE])) == ([], 0)
    newest = prompts.history("shop", 2, -1)
    assert [each.number for each in newest] == [3.0, 4.0]
    assert prompts.forget(0.0) == 5 and prompts.history("shop", None, -1) == []


def test_numbers_go_on_after_a_restart(prompts):
    prompts.add(prompt(number=41.0))
    assert PromptQueue(prompts.database).number == 42


def test_one_gateway_holds_the_queue(prompts, ledger_address):
    other = open_database(ledger_address)
    refused = pytest.raises(InputError, match="Another gateway")
    with holding(prompts.database), refused, holding(other):
        pass
    with holding(other):
        pass
    other.close()


def test_a_lock_that_went_with_its_server_is_taken_again_before_anything_else(postgres_url):
    """A standby that is faster has the queue, and the old gateway reads and writes nothing."""
    first, standby = open_database(postgres_url), open_database(postgres_url)
    queue = PromptQueue(first)
    with holding(first):
        queue.add(prompt())
        with standby.reading() as session:
            session.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                     "WHERE datname = current_database() AND pid != pg_backend_pid()")
            )  # fmt: skip
        with holding(standby):
            for _ in range(2):
                with pytest.raises(QueueTaken):
                    queue.add(prompt())
            assert PromptQueue(standby).open_counts() == {"shop": Open(1, 0)}
        assert queue.open_counts() == {"shop": Open(1, 0)}
        with pytest.raises(InputError, match="Another gateway"), holding(standby):
            pass
    first.close()
    standby.close()


# --- names ---------------------------------------------------------------------------------------

JOB = "a" * 32
INFO = {
    "LoadImage": {"input": {"required": {"image": [["x.png"], {"image_upload": True}]}}},
    "Text": {"input": {"required": {"text": ["STRING", {}]}}},
    "SaveImage": {"input": {"required": {"filename_prefix": ["STRING", {}]}}},
}


def node(kind, **inputs):
    return {"1": {"class_type": kind, "inputs": inputs}}


def through(graph, tmp_path, known=("input/mine.png",)):
    def find(kind, name):
        path = tmp_path / name
        return StoredInput(f"{kind}/{name}", path, "b" * 32) if f"{kind}/{name}" in known else None

    return translated(graph, kinds_of(INFO), JOB, find)


def test_own_files_get_the_engines_names(tmp_path):
    passed = through(node("LoadImage", image="mine.png"), tmp_path)
    assert passed.graph["1"]["inputs"]["image"] == f"{ROOM}/in_{'b' * 32}/mine.png"
    assert [each.name for each in passed.inputs] == ["input/mine.png"]
    again = through(passed.graph, tmp_path)  # as a picture's metadata keep it
    assert again.graph == passed.graph
    sample = node("LoadImage", image="sample.png")
    assert through(sample, tmp_path).graph == sample


@pytest.mark.parametrize(
    "value",
    [f"{ROOM}/in_{'c' * 32}/other.png", f"x/../{ROOM}/in_{'c' * 32}/other.png",
     f"{ROOM}/infitting_room_gateway/none/_{'c' * 32}/other.png",
     f"{ROOM}/none/{ROOM}/../../in_{'c' * 32}/other.png",
     "ComfyUI_00001_.png [output]", "ComfyUI_temp_abcde_00001_.png [temp]"],
)  # fmt: skip
def test_nobody_elses_file_can_be_named(tmp_path, value):
    named = through(node("LoadImage", image=value), tmp_path).graph["1"]["inputs"]["image"]
    assert ROOM not in named.removeprefix(NOWHERE) and ".." not in named.removeprefix("x/..")
    assert named in ("other.png", "x/../other.png") or named.startswith(NOWHERE)


def test_texts_are_left_alone_and_results_go_to_the_jobs_folder(tmp_path):
    text = node("Text", text="mine.png")
    assert through(text, tmp_path).graph == text
    with pytest.raises(RefusedGraph, match="reserved"):
        through(node("Text", text=f"/input/{ROOM}/in_x"), tmp_path)
    saved = through(node("SaveImage", filename_prefix="a/b"), tmp_path).graph
    assert saved["1"]["inputs"]["filename_prefix"] == f"{ROOM}/{JOB}/a/b"
    assert through(saved, tmp_path).graph == saved
    for outside in ("../x", "/x", "a/../../x", "C:/x"):
        with pytest.raises(RefusedGraph, match="output folder"):
            through(node("SaveImage", filename_prefix=outside), tmp_path)


def test_results_are_shown_in_the_jobs_folder():
    saved = {"filename": "a.png", "subfolder": f"{ROOM}/{JOB}/x", "type": "output"}
    preview = {"filename": "t.png", "subfolder": "", "type": "temp"}
    told = {"images": [saved], "more": [preview], "text": ["b"]}
    shown, files = adopted(told, JOB, {})
    assert shown["images"][0]["subfolder"] == f"{JOB}/x" and shown["more"][0]["subfolder"] == JOB
    assert [(each.kind, each.subfolder, each.name) for each in files] == [
        ("output", f"{ROOM}/{JOB}/x", f"{JOB}/x/a.png"), ("temp", "", f"{JOB}/t.png")]  # fmt: skip
    source = {"filename": "m.png", "subfolder": f"{ROOM}/in_{'b' * 32}", "type": "input"}
    shown, files = adopted(source, JOB, {"b" * 32: "input/of/mine/m.png"})
    assert shown["subfolder"] == "of/mine" and not files


def test_an_engines_names_are_hidden():
    text = f"No file {ROOM}/in_{'b' * 32}/m.png in {ROOM}/{JOB}/x, {NOWHERE}/n.png, {ROOM}"
    assert hidden(text) == f"No file m.png in {JOB}/x, n.png, "


def test_a_model_is_known_by_what_loads_it():
    one = node("CheckpointLoaderSimple", ckpt_name="a.safetensors")
    assert model_key(one) == model_key({"9": one["1"]}) != ""
    assert model_key(one) != model_key(node("CheckpointLoaderSimple", ckpt_name="b.safetensors"))
    assert model_key(node("Text", text="a word")) == ""


# --- files ---------------------------------------------------------------------------------------


def test_old_files_go_except_what_waits(tmp_path):
    files = Files(tmp_path)
    for name in ("old.png", "waits.png", "new.png"):
        files.upload("shop", "input", "sub", name, b"x", False)
    files.keep("shop", "output", f"{JOB}/r.png", b"x")
    files.place("shop", "user", "settings.json").parent.mkdir()
    files.place("shop", "user", "settings.json").write_bytes(b"{}")
    long_ago = time.time() - 7200
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != "new.png":
            os.utime(path, (long_ago, long_ago))
    assert files.sweep(1.0, {("shop", "input/sub/waits.png")}) == 2
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"waits.png", "new.png", "settings.json"}
    assert not (tmp_path / "shop" / "output" / JOB).exists()


def test_names_stay_in_their_folder(tmp_path):
    files = Files(tmp_path)
    for names in (("../x",), ("/etc/passwd",), ("a", "../../x"), ("a\0b",), ("..\\..\\x",)):
        with pytest.raises(OutsideFolder):
            files.place("shop", "input", *names)
        assert files.find("shop", "input", *names) is None


def test_two_uploads_of_one_name_at_once_are_both_kept(tmp_path):
    files, names = Files(tmp_path), []
    threads = [
        threading.Thread(
            target=lambda n=n: names.append(files.upload("a", "input", "", "p.png", n, False))
        )
        for n in (b"one", b"two", b"one")
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert set(names) == {"p.png", "p (1).png"}
    kept = {path.read_bytes() for path in (tmp_path / "a" / "input").iterdir()}
    assert kept == {b"one", b"two"}
