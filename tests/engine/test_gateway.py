"""ComfyUI's API through the gateway: what one engine answers, the fleet answers."""

import hashlib
import hmac
import io
import json
import time
import uuid
from glob import glob
from urllib.parse import urlencode

import numpy as np
import pytest
from listener import Listener
from PIL import Image

pytest.importorskip("aiohttp")
pytest.importorskip("prometheus_client")

from gateways import (
    SHOP,
    STUDIO,
    GatewayProcess,
    frames_of,
    load,
    no_op,
    pictures_of,
    slow,
    until,
)


@pytest.fixture(scope="module")
def gateway(two_engines, tmp_path_factory):
    """Without keys."""
    addresses = [each.address for each in two_engines]
    with GatewayProcess(tmp_path_factory.mktemp("open"), addresses) as running:
        until(lambda: running.get("/ready")[1]["engines"] == 2, 60)
        yield running


@pytest.fixture(scope="module")
def listener():
    with Listener() as running:
        yield running


WEBHOOK_SECRET = "webhook-secret-0123456789"


@pytest.fixture(scope="module")
def guarded(two_engines, tmp_path_factory, listener):
    """With two keys, small limits, and a webhook for one caller."""
    keys = tmp_path_factory.mktemp("keys") / "keys.toml"
    keys.write_text(
        f'[shop]\nkey = "{SHOP}"\nopen_jobs = 3\nper_minute = 40\n\n'
        f'[studio]\nkey = "{STUDIO}"\npriority = 5\n'
        f'webhook = "{listener.address}"\nwebhook_secret = "{WEBHOOK_SECRET}"\n'
    )
    with GatewayProcess(
        tmp_path_factory.mktemp("guarded"), [each.address for each in two_engines],
        "--keys", str(keys), "--max-upload-mb", "1", "--max-megapixels", "0.2",
        "--inline-kb", "0", "--webhook-seconds", "0.3", "--refuse-node", "ImageInvert",
    ) as running:  # fmt: skip
        until(lambda: running.get("/ready")[1]["engines"] == 2, 60)
        yield running


def png(colour=(200, 30, 30), size=(40, 30)):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def view(gateway, shown, key="", **more):
    query = urlencode({name: shown[name] for name in ("filename", "subfolder", "type")} | more)
    return gateway.get(f"/view?{query}", key=key, raw=True)


def steps_of(frames):
    """Kinds of frames, each once where it comes several times in a row; with the node where a
    frame tells one."""
    found = []
    for kind, data in frames:
        node = data.get("node") if kind in ("executing", "executed") else None
        if not found or found[-1] != (kind, node):
            found.append((kind, node))
    return found


@pytest.mark.parametrize("with_metadata", [True, False])
def test_a_web_socket_gets_the_frames_of_one_engine(gateway, two_engines, with_metadata):
    """Same kinds, same order, same fields; and the picture is there when its frame comes."""
    mark = uuid.uuid4().hex
    _, direct = frames_of(two_engines[0].address, slow(5, 0.1, mark), with_metadata=with_metadata)
    _, through = frames_of(gateway.address, slow(5, 0.1, f"g{mark}"), with_metadata=with_metadata)
    assert steps_of(through) == steps_of(direct)
    previews = 4 if with_metadata else 1
    assert sum(kind == previews for kind, _ in through) == 5
    assert {kind for kind, _ in through if isinstance(kind, int)} == {previews}
    fields = {kind: set(data) for kind, data in direct if isinstance(data, dict)}
    assert fields == {kind: set(data) for kind, data in through if isinstance(data, dict)}
    preview = next(data for kind, data in through if kind == previews)
    picture = preview[preview.index(b"\xff\xd8") :]
    assert Image.open(io.BytesIO(picture)).size == (64, 64)
    (shown,) = [data for kind, data in through if kind == "executed"]
    assert view(gateway, shown["output"]["images"][0])[0] == 200
    assert "fitting_room_gateway" not in json.dumps([each for each in through if each[0] != 4][1:],
                                                    default=str)  # fmt: skip


def test_a_frame_of_the_end_comes_after_the_history(gateway):
    name, _ = frames_of(gateway.address, no_op(3))
    entry = gateway.get(f"/history/{name}")[1][name]
    assert entry["status"]["status_str"] == "success"


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_history_queue_and_jobs_tell_what_an_engine_tells(gateway, two_engines, prefix):
    graph = no_op(17)
    name = gateway.send(graph, extra_data={"extra_pnginfo": {"workflow": {"id": "w-1"}}})
    entry = gateway.ended(name)
    engine = two_engines[0].run(graph)
    assert set(entry) == set(engine)
    number, told, shown, extra, outputs = entry["prompt"]
    assert (told, shown, outputs) == (name, graph, ["2"])
    assert extra["create_time"] > 0 and isinstance(number, int)
    kinds = [kind for kind, _ in entry["status"]["messages"]]
    assert kinds == [kind for kind, _ in engine["status"]["messages"]]
    (picture,) = pictures_of(entry)
    assert picture["subfolder"] == name.replace("-", "")
    status, data = view(gateway, picture)
    assert status == 200 and Image.open(io.BytesIO(data)).getpixel((0, 0)) == (0, 0, 17)
    _, job = gateway.get(f"{prefix}/jobs/{name}")
    direct = two_engines[0].get(f"/api/jobs/{engine['prompt'][1]}")
    assert set(job) - {"workflow_id"} == set(direct)
    assert (job["status"], job["outputs_count"], job["workflow_id"]) == ("completed", 1, "w-1")
    assert job["preview_output"]["filename"] == picture["filename"]
    _, listed = gateway.get(f"{prefix}/jobs?status=completed&workflow_id=w-1&limit=1")
    assert set(listed["jobs"][0]) == set(job) - {"outputs", "execution_status", "workflow"}
    assert listed["pagination"]["limit"] == 1 and listed["pagination"]["total"] >= 1
    assert gateway.get(f"{prefix}/queue")[1] == {"queue_running": [], "queue_pending": []}
    assert gateway.get(f"{prefix}/prompt")[1] == {"exec_info": {"queue_remaining": 0}}


def test_nothing_of_a_run_is_left_on_the_engines(gateway, two_engines):
    name = gateway.send(no_op(18))
    gateway.ended(name)
    until(
        lambda: (
            not any(each.get(f"/history/{name}") for each in two_engines)
            and not any(
                list((each.base / "output").rglob(f"*{name.replace('-', '')}*/*"))
                for each in two_engines
            )
        ),
        20,
    )


def test_a_cached_run_returns_its_outputs(gateway):
    graph = slow(2, 0.0, uuid.uuid4().hex)
    graph["4"] = {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}}
    for _ in range(3):  # both engines have it after two
        entry = gateway.ended(gateway.send(graph))
        assert entry["status"]["status_str"] == "success"
        saved, shown = (
            [each for each in pictures_of(entry) if each["type"] == kind]
            for kind in ("output", "temp")
        )
        assert len(saved) == len(shown) == 1
        assert view(gateway, saved[0])[0] == view(gateway, shown[0])[0] == 200
    cached = [data for kind, data in entry["status"]["messages"] if kind == "execution_cached"]
    assert "3" in cached[0]["nodes"]


def test_what_is_invalid_is_refused_in_the_engines_words(gateway, two_engines):
    missing = {"1": {"class_type": "NobodyHasThis", "inputs": {}}}
    wrong = no_op()
    wrong["1"]["inputs"]["width"] = 10**9
    for graph in (missing, wrong, {}, load("nowhere.png")):
        direct = two_engines[0].post("/prompt", {"prompt": graph})
        assert gateway.post("/prompt", {"prompt": graph}) == direct
        assert direct[0] == 400
    assert gateway.post("/prompt", {})[0] == 400
    assert gateway.post("/prompt", {"prompt": []})[0] == 400
    status, told = gateway.post("/prompt", {"prompt": no_op(), "prompt_id": "not-a-uuid"})
    assert status == 400 and told["error"]["type"] == "invalid_prompt_id"


def test_a_prompt_with_one_good_output_runs_and_names_the_bad_one(gateway):
    graph = no_op(5)
    graph["9"] = {"class_type": "SaveImage", "inputs": {"filename_prefix": "x"}}
    status, told = gateway.post("/prompt", {"prompt": graph})
    assert status == 200 and list(told["node_errors"]) == ["9"]
    assert pictures_of(gateway.ended(told["prompt_id"]))


def test_an_unknown_prompt_is_unknown(gateway):
    name = str(uuid.uuid4())
    assert gateway.get(f"/history/{name}") == (200, {})
    assert gateway.get(f"/api/jobs/{name}") == (404, {"error": "Job not found"})
    unknown = (404, {"prompt_id": name, "status": "unknown"})
    assert gateway.get(f"/fitting_room/result/{name}") == unknown
    assert gateway.post(f"/api/jobs/{name}/cancel", {}) == (200, {"cancelled": False})


def test_the_same_prompt_sent_again_runs_once(gateway):
    name = str(uuid.uuid4())
    first = gateway.post("/prompt", {"prompt": no_op(7), "prompt_id": name})
    again = gateway.post("/prompt", {"prompt": no_op(7), "prompt_id": name})
    assert first == again and first[0] == 200
    other = gateway.post("/prompt", {"prompt": no_op(8), "prompt_id": name})
    assert other[0] == 400
    gateway.ended(name)
    _, listed = gateway.get("/api/jobs")
    assert [each["id"] for each in listed["jobs"]].count(name) == 1


def test_an_upload_is_read_wherever_the_prompt_runs(gateway):
    status, kept = gateway.upload("person.png", png((1, 2, 3)))
    assert (status, kept) == (200, {"name": "person.png", "subfolder": "", "type": "input"})
    assert gateway.upload("person.png", png((1, 2, 3)))[1]["name"] == "person.png"
    assert gateway.upload("person.png", png((9, 9, 9)))[1]["name"] == "person (1).png"
    gateway.upload("garment.png", png((4, 5, 6)), subfolder="of/mine")
    names = [gateway.send(load(name)) for name in ("person.png", "of/mine/garment.png") * 2]
    for name, colour in zip(names, [(1, 2, 3), (4, 5, 6)] * 2, strict=True):
        _, data = view(gateway, pictures_of(gateway.ended(name))[0])
        assert Image.open(io.BytesIO(data)).getpixel((0, 0)) == colour
    choices = gateway.get("/object_info/LoadImage")[1]["LoadImage"]["input"]["required"]["image"][0]
    assert "person.png" in choices and "fitting_room_person.jpg" in choices
    result = pictures_of(gateway.ended(names[0]))[0]
    again = gateway.send(load(f"{result['subfolder']}/{result['filename']} [output]"))
    assert pictures_of(gateway.ended(again))


def test_views_and_masks_are_an_engines(gateway, two_engines):
    mask = Image.new("RGBA", (40, 30), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 20, 30))
    out = io.BytesIO()
    mask.save(out, "PNG")
    gateway.upload("base.png", png((10, 200, 30)))
    reference = json.dumps({"filename": "base.png", "type": "input", "subfolder": ""})
    status, kept = gateway.upload(
        "drawn.png", out.getvalue(), path="/upload/mask", original_ref=reference,
        type="input", subfolder="clipspace",
    )  # fmt: skip
    assert (status, kept["subfolder"]) == (200, "clipspace")
    shown = {"filename": "drawn.png", "subfolder": "clipspace", "type": "input"}
    drawn = np.asarray(Image.open(io.BytesIO(view(gateway, shown)[1])))
    assert (drawn[0, 0] == (10, 200, 30, 0)).all() and drawn[0, 39, 3] == 255
    sample = {"filename": "fitting_room_person.jpg", "subfolder": "", "type": "input"}
    place = two_engines[0].base / "input" / "clipspace"
    place.mkdir(exist_ok=True)
    (place / "drawn.png").write_bytes(view(gateway, shown)[1])
    for each in (shown, sample):
        for more in ({}, {"channel": "rgb"}, {"channel": "a"}, {"preview": "webp;60"}):
            direct = two_engines[0].get_bytes("/view?" + urlencode(each | more))
            through = view(gateway, each, **more)[1]
            one, other = (np.asarray(Image.open(io.BytesIO(got))) for got in (direct, through))
            assert np.array_equal(one, other), more
    assert view(gateway, {**shown, "filename": "nowhere.png"})[0] == 404
    for name in ("../../../etc/passwd", "/etc/passwd"):
        assert view(gateway, {**shown, "filename": name})[0] == 400
    assert view(gateway, {**shown, "subfolder": "../.."})[0] == 403


def test_a_queued_prompt_is_taken_out_and_a_running_one_stopped(gateway):
    """Both engines work, so that the third waits; what is deleted never runs."""
    names = [gateway.send(slow(2000, 0.05, uuid.uuid4().hex)) for _ in range(2)]
    until(lambda: len(gateway.get("/queue")[1]["queue_running"]) == 2, 30)
    waiting = [gateway.send(no_op(each), front=each == 2) for each in range(3)]
    pending = gateway.get("/queue")[1]["queue_pending"]
    assert [each[1] for each in pending] == [waiting[2], waiting[0], waiting[1]]
    assert gateway.get("/prompt")[1]["exec_info"]["queue_remaining"] == 5
    states = gateway.get("/api/jobs?status=in_progress,pending")[1]
    assert states["pagination"]["total"] == 5
    gateway.post("/queue", {"delete": [waiting[0]]})
    assert gateway.get(f"/api/jobs/{waiting[0]}")[0] == 404
    assert gateway.post(f"/api/jobs/{waiting[1]}/cancel", {})[1] == {"cancelled": True}
    gateway.post("/interrupt", {"prompt_id": names[0]})
    assert gateway.ended(names[0])["status"]["status_str"] == "error"
    assert gateway.get(f"/api/jobs/{names[0]}")[1]["status"] == "cancelled"
    gateway.ended(waiting[2])
    assert gateway.get(f"/api/jobs/{names[1]}")[1]["status"] == "in_progress"
    gateway.post("/interrupt", {})
    gateway.ended(names[1])


def test_a_failed_node_is_told(gateway):
    entry = gateway.ended(gateway.send(slow(1, 0.0, "fail")))
    kind, data = entry["status"]["messages"][-1]
    assert kind == "execution_error" and "told to fail" in data["exception_message"]
    _, job = gateway.get(f"/api/jobs/{entry['prompt'][1]}")
    assert job["status"] == "failed" and job["execution_error"]["node_id"] == "3"


def test_history_is_cleared_and_cut(gateway):
    names = [gateway.send(no_op(each)) for each in (61, 62)]
    for name in names:
        gateway.ended(name)
    assert list(gateway.get("/history?max_items=1")[1])[0] in names
    gateway.post("/history", {"delete": [names[0]]})
    assert gateway.get(f"/history/{names[0]}")[1] == {}
    gateway.post("/history", {"clear": True})
    assert gateway.get("/history")[1] == {}


def test_two_callers_see_nothing_of_each_other(guarded, two_engines):
    colour = (77, 1, 1)
    guarded.upload("secret.png", png(colour), key=SHOP)
    name = guarded.send(load("secret.png"), key=SHOP)
    picture = pictures_of(guarded.ended(name, key=SHOP))[0]
    assert view(guarded, picture, key=SHOP)[0] == 200
    assert view(guarded, picture, key=STUDIO)[0] == 404
    upload = {"filename": "secret.png", "subfolder": "", "type": "input"}
    assert view(guarded, upload, key=SHOP)[0] == 200
    assert view(guarded, upload, key=STUDIO)[0] == 404
    status, told = guarded.post("/prompt", {"prompt": load("secret.png")}, key=STUDIO)
    assert status == 400 and "Invalid image file" in json.dumps(told)
    on_engine = [path for each in two_engines for path in (each.base / "input").rglob("secret.png")]
    assert on_engine
    for path in on_engine:  # whoever knew the name on the engine would not get it either
        known = path.relative_to(path.parents[2]).as_posix()
        assert guarded.post("/prompt", {"prompt": load(known)}, key=STUDIO)[0] == 400
        folder = path.parent.relative_to(path.parents[2]).as_posix()
        shown = {"filename": path.name, "subfolder": folder, "type": "input"}
        assert view(guarded, shown, key=STUDIO)[0] == 404
    assert guarded.get(f"/history/{name}", key=STUDIO)[1] == {}
    assert guarded.get("/history", key=STUDIO)[1] == {}
    assert guarded.get(f"/api/jobs/{name}", key=STUDIO)[0] == 404
    assert guarded.get("/api/jobs", key=STUDIO)[1]["jobs"] == []
    choices = guarded.get("/object_info/LoadImage", key=STUDIO)[1]
    assert "secret.png" not in json.dumps(choices)
    assert "secret.png" not in json.dumps(guarded.get("/internal/files/input", key=STUDIO)[1])
    guarded.post("/settings", {"Comfy.Mine": 1}, key=SHOP)
    assert guarded.get("/settings", key=SHOP)[1] == {"Comfy.Mine": 1}
    assert guarded.get("/settings", key=STUDIO)[1] == {}
    guarded.post("/userdata/workflows%2Fa.json", {"a": 1}, key=SHOP)
    assert guarded.get("/userdata?dir=workflows", key=SHOP)[1] == ["a.json"]
    assert guarded.get("/userdata/workflows%2Fa.json", key=SHOP)[1] == {"a": 1}
    assert guarded.get("/userdata?dir=workflows", key=STUDIO)[0] == 404
    assert guarded.get("/userdata/..%2F..%2Fshop%2Fuser%2Fworkflows%2Fa.json", key=STUDIO)[0] == 403


def test_a_stranger_stops_nothing_and_hears_nothing(guarded):
    """Under the same clientId too."""
    mark = uuid.uuid4().hex
    name = guarded.send(slow(2000, 0.05, mark), key=SHOP, client_id="page")
    until(lambda: guarded.get("/queue", key=SHOP)[1]["queue_running"], 30)
    assert guarded.get("/queue", key=STUDIO)[1] == {"queue_running": [], "queue_pending": []}
    assert guarded.get("/prompt", key=STUDIO)[1]["exec_info"]["queue_remaining"] == 0
    for path, body in (
        ("/interrupt", {}), ("/interrupt", {"prompt_id": name}), ("/queue", {"clear": True}),
        (f"/api/jobs/{name}/cancel", {}), ("/history", {"clear": True}),
    ):  # fmt: skip
        assert guarded.post(path, body, key=STUDIO)[0] == 200
    mine, got = frames_of(guarded.address, no_op(91), key=STUDIO, client="page")
    prompts = {
        data["prompt_id"] for _, data in got if isinstance(data, dict) and "prompt_id" in data
    }
    assert prompts == {mine}
    assert all(kind != 4 for kind, _ in got)
    assert [data["status"]["exec_info"]["queue_remaining"] for kind, data in got
            if kind == "status"] == [0, 1, 1, 0]  # fmt: skip
    assert guarded.get("/queue", key=SHOP)[1]["queue_running"][0][1] == name
    assert guarded.post("/interrupt", {"prompt_id": name}, key=SHOP)[0] == 200
    assert guarded.ended(name, key=SHOP)["status"]["status_str"] == "error"


def test_without_a_key_nothing_is_told(guarded):
    for path in ("/prompt", "/history", "/object_info", "/ws", "/metrics", "/view?filename=a.png",
                 "/api/jobs", "/extensions"):  # fmt: skip
        status, told = guarded.get(path)
        assert status == 401 and "Bearer" in told["error"]["message"], path
    assert guarded.get("/prompt", key="wrong-key-0123456789abcdef")[0] == 401
    assert guarded.get(f"/prompt?key={SHOP}")[0] == 200
    assert guarded.get("/health")[0] == 200
    html = guarded.get("/", headers={"Accept": "text/html"}, raw=True)
    assert html[0] == 401 and b"<form" in html[1]
    log = guarded.log.read_text("utf-8")
    assert SHOP not in log and STUDIO not in log


def test_limits_are_told_in_a_sentence(guarded):
    status, told = guarded.upload("big.bin", b"0" * 1_500_000, key=SHOP)
    assert status == 413 and "smaller" in told["error"]["message"]
    status, told = guarded.upload("wide.png", png(size=(600, 500)), key=SHOP)
    assert status == 413 and "0.2 megapixels" in told["error"]["message"]
    assert guarded.upload("fine.png", png(size=(400, 400)), key=SHOP)[0] == 200
    assert guarded.upload("broken.png", png()[:20], key=SHOP)[0] == 400
    names = [guarded.send(slow(2000, 0.05, uuid.uuid4().hex), key=SHOP) for _ in range(3)]
    status, told = guarded.post("/prompt", {"prompt": no_op()}, key=SHOP)
    assert status == 429 and "3 prompts" in told["error"]["message"]
    until(lambda: len(guarded.get("/queue", key=SHOP)[1]["queue_running"]) == 2, 30)
    fast = guarded.send(no_op(3), key=STUDIO)  # first of all when an engine is free
    guarded.post("/interrupt", {"prompt_id": names[0]}, key=SHOP)
    guarded.ended(fast, key=STUDIO)
    assert guarded.get(f"/history/{names[2]}", key=SHOP)[1] == {}
    guarded.post("/queue", {"clear": True}, key=SHOP)
    guarded.post("/interrupt", {}, key=SHOP)
    until(lambda: not guarded.get("/queue", key=SHOP)[1]["queue_running"], 60)


def test_refused_nodes_and_addresses(guarded):
    graph = no_op()
    graph["3"] = {"class_type": "FittingRoomPictureFolder", "inputs": {"folder": "x"}}
    status, told = guarded.post("/prompt", {"prompt": graph}, key=SHOP)
    assert status == 400 and "FittingRoomPictureFolder" in told["error"]["message"]
    graph["3"] = {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}}
    assert guarded.post("/prompt", {"prompt": graph}, key=SHOP)[0] == 400
    outside = no_op()
    outside["2"]["inputs"]["filename_prefix"] = "../out"
    assert guarded.post("/prompt", {"prompt": outside}, key=SHOP)[0] == 400
    assert guarded.get("/manager/reboot", key=SHOP)[0] == 404
    assert guarded.get("/internal/logs/raw", key=SHOP)[0] == 403
    assert guarded.get("/models/../internal/logs", key=SHOP)[0] in (403, 404)
    assert guarded.post("/fitting_room/engine/forget", {"hours": 0}, key=SHOP)[0] == 405
    assert guarded.get("/api/assets", key=SHOP)[0] == 503


def test_other_web_sites_make_a_browser_send_nothing(guarded):
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://elsewhere.example"}):
        assert guarded.post("/prompt", {"prompt": no_op()}, key=SHOP, headers=headers)[0] == 403
    own = {"Origin": guarded.address}
    assert guarded.get("/prompt", key=SHOP, headers=own)[0] == 200


def test_a_large_result_is_a_link_that_needs_no_key(guarded):
    name = guarded.send(no_op(40), key=SHOP)
    guarded.ended(name, key=SHOP)
    status, told = guarded.get(f"/fitting_room/result/{name}", key=SHOP)
    assert (status, told["status"]) == (200, "completed")
    (file,) = told["files"]
    assert "data" not in file and file["bytes"] > 0
    link = file["url"].removeprefix(guarded.address)
    status, data = guarded.get(link, raw=True)
    assert status == 200 and len(data) == file["bytes"]
    assert guarded.get(link.replace("expires=1", "expires=2"))[0] == 401
    assert guarded.get(link.replace(".png", "x.png"))[0] == 401


def test_a_webhook_is_signed_and_repeated_until_it_is_answered(guarded, listener):
    listener.came.clear()
    listener.refusals = 2
    name = guarded.send(no_op(51), key=STUDIO)
    mine = until(
        lambda: (
            len(found := [each for each in listener.came if name.encode() in each[2]]) == 3
            and found
        ),
        60,
    )
    assert len({body for _, _, body in mine}) == 1
    for _, headers, body in mine:
        moment, signed = (part[2:] for part in headers["X-Fitting-Room-Signature"].split(","))
        text = moment.encode() + b"." + body
        wanted = hmac.new(WEBHOOK_SECRET.encode(), text, hashlib.sha256).hexdigest()
        assert signed.removeprefix("=") == wanted
    first, second, third = (moment for moment, _, _ in mine)
    assert third - second > (second - first) * 0.9  # later each time
    told = json.loads(mine[0][2])
    assert (told["prompt_id"], told["status"]) == (name, "completed")
    link = told["files"][0]["url"].removeprefix(guarded.address)
    assert guarded.get(link, raw=True)[0] == 200
    time.sleep(1.5)
    assert len([each for each in listener.came if name.encode() in each[2]]) == 3


def test_prompts_come_no_faster_than_a_caller_may_send(guarded):
    """The shop may send 40 a minute."""
    names, told = [], None
    for mark in range(45):
        until(lambda: guarded.get("/prompt", key=SHOP)[1]["exec_info"]["queue_remaining"] < 3, 60)
        status, told = guarded.post("/prompt", {"prompt": no_op(mark)}, key=SHOP)
        if status != 200:
            break
        names.append(told["prompt_id"])
    assert status == 429 and "40 prompts a minute" in told["error"]["message"]
    for name in names:
        guarded.ended(name, key=SHOP)


def test_small_results_are_inside(gateway):
    import base64

    name = gateway.send(no_op(41))
    gateway.ended(name)
    (file,) = gateway.get(f"/fitting_room/result/{name}")[1]["files"]
    assert Image.open(io.BytesIO(base64.b64decode(file["data"]))).size == (32, 32)


def test_both_engines_work(gateway):
    """Two slow prompts run at once, and both are counted."""
    names = [gateway.send(slow(40, 0.05, uuid.uuid4().hex)) for _ in range(2)]
    until(lambda: len(gateway.get("/queue")[1]["queue_running"]) == 2, 30)
    for name in names:
        gateway.ended(name)
    both_idle(gateway)
    status, text = gateway.get("/metrics", raw=True)
    assert status == 200
    assert b'fitting_room_prompts_ended_total{state="done"}' in text
    stats = gateway.get("/system_stats")[1]
    assert len(stats["devices"]) == 2 and stats["system"]["comfyui_version"]


def test_a_prompt_goes_to_the_engine_that_has_its_model(gateway, two_engines):
    """Also after prompts without one; and nobody waits longer for it: prompts begin in their order.
    A file of weights among a node's inputs is what a model is known by."""
    one, other = (f"{uuid.uuid4().hex}.safetensors" for _ in range(2))
    names = [gateway.send(slow(10, 0.05, mark)) for mark in (one, other)]
    for name in names:
        gateway.ended(name)

    def taken_by(graph):
        both_idle(gateway)
        before = [prompts_of(each) for each in two_engines]
        gateway.ended(gateway.send(graph))
        after = [prompts_of(each) for each in two_engines]
        (found,) = [place for place in range(2) if after[place] > before[place]]
        return found

    home = {mark: taken_by(slow(10, 0.05, mark)) for mark in (one, other)}
    assert set(home.values()) == {0, 1}
    for number, mark in enumerate((other, one, one, other, other, one, one)):
        taken_by(no_op(number))
        assert taken_by(slow(10, 0.05, mark)) == home[mark]
    queued = [
        gateway.send(slow(4, 0.05, one if place != 4 else f"{uuid.uuid4().hex}.ckpt"))
        for place in range(9)
    ]
    began = [
        next(data["timestamp"] for kind, data in gateway.ended(name)["status"]["messages"]
             if kind == "execution_start")
        for name in queued
    ]  # fmt: skip
    assert max(began[:3]) <= began[4] <= min(began[6:])


def both_idle(gateway):
    """Waits until both engines have put away what they worked on."""
    idle = b'fitting_room_engines{state="idle"} 2.0'
    until(lambda: idle in gateway.get("/metrics", raw=True)[1], 30)


def prompts_of(engine):
    """How many prompts an engine has taken in."""
    return engine.log.read_text("utf-8", "replace").count("got prompt")


def test_photos_and_results_go_after_the_set_time(two_engines, tmp_path):
    addresses = [each.address for each in two_engines]
    with GatewayProcess(tmp_path, addresses, "--keep-hours", "0.002") as gateway:
        gateway.upload("goes.png", png((3, 3, 3)))
        name = gateway.send(load("goes.png"))
        gateway.ended(name)
        gateway.post("/settings", {"Comfy.Mine": 1})

        def gone():
            # Not rglob, which fails at a folder that goes away under it.
            here = glob(f"{tmp_path}/gateway/**/*.png", recursive=True)
            there = [glob(f"{each.base}/**/goes.png", recursive=True) for each in two_engines]
            return not here and not any(there)

        until(gone, 60)
        until(lambda: gateway.get(f"/api/jobs/{name}")[0] == 404, 30)
        assert gateway.get("/settings")[1] == {"Comfy.Mine": 1}
        assert gateway.post("/prompt", {"prompt": load("goes.png")})[0] == 400


def test_a_second_gateway_on_the_same_queue_is_refused(gateway, two_engines):
    other = GatewayProcess(gateway.home, [two_engines[0].address])
    other.log = gateway.home / "second.log"
    other.start(ready=False)
    assert other.process.wait(60) == 1
    assert "Another gateway" in other.log.read_text("utf-8")
    assert gateway.get("/health")[0] == 200
