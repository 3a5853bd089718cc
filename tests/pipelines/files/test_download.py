"""Fetching weight files: the real client, a hub on this machine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import filelock
import pytest
import torch
from fitting_room.pipelines.catalog.models import VARIANTS
from fitting_room.pipelines.catalog.types import APACHE, File, Part, Source, Variant
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.files import download, locate, locks, transfer
from safetensors.torch import save

PIECE = 50_000
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """A hub that speaks as much of the protocol as a download needs: what it serves, and what it
    was asked. Files by "repository/path"."""

    files: dict[str, bytes]
    large: int = 100  # bytes from which a file's tag is its sha256, as for LFS files
    cut_after: int | None = None  # close the connection after so many bytes of each answer
    damage: bool = False  # turn a byte of each answer
    said_sizes: dict[str, int] = field(default_factory=dict)
    drip: float = 0.0  # seconds before each 50 kB
    refused: set[str] = field(default_factory=set)  # repositories that answer 401
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    address: str = ""

    def gets(self, ending: str) -> list[str | None]:
        """The Range of every GET for a file of this ending."""
        return [r for method, path, r in self.requests if method == "GET" and path.endswith(ending)]


@contextmanager
def serving(hub: Hub):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args):
            pass

        def do_HEAD(self):
            self._answer(body=False)

        def do_GET(self):
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            span = self.headers.get("Range")
            hub.requests.append((self.command, self.path, span))
            match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
            if match and match[1] in hub.refused:
                self._refuse(401, "RepoNotFound")
                return
            content = hub.files.get(f"{match[1]}/{match[3]}") if match else None
            if content is None:
                self._refuse(404, "EntryNotFound")
                return
            tag = hashlib.sha256(content).hexdigest()
            if len(content) < hub.large:
                tag = hashlib.sha1(content).hexdigest()
            said = hub.said_sizes.get(match[3], len(content))
            start = int(re.match(r"bytes=(\d+)-", span)[1]) if span else 0
            self.send_response(206 if span else 200)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{tag}"')
            self.send_header("X-Linked-Size", str(said))
            self.send_header("Accept-Ranges", "bytes")
            if span:
                self.send_header("Content-Range", f"bytes {start}-{said - 1}/{said}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            if body:
                self._send(content[start:])

        def _refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, content: bytes) -> None:
            if hub.damage:
                content = bytes([content[0] ^ 1]) + content[1:]
            if hub.cut_after is not None and len(content) > hub.cut_after:
                self.wfile.write(content[: hub.cut_after])
                self.close_connection = True
                self.connection.close()
                return
            for place in range(0, len(content), PIECE):
                time.sleep(hub.drip)
                self.wfile.write(content[place : place + PIECE])

    return Handler


FALCONSAI = "Falconsai/nsfw_image_detection"
REPOSITORY = "somebody/something"
NAMES = ("config.json", "preprocessor_config.json", "model.safetensors")
SMALL = Variant(
    "test/small", "Small", "Nothing.", "tool", APACHE,
    (Source(REPOSITORY, "small", tuple(File(name) for name in NAMES)),), (Part("all", 4096),),
)  # fmt: skip
CONTENT = save({"weight": torch.rand(64, 64, generator=torch.Generator().manual_seed(0))})
NAME = SMALL.name


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine with no models at all."""
    from huggingface_hub import constants

    monkeypatch.setenv("FITTING_ROOM_MODELS", str(tmp_path / "home"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setitem(VARIANTS, NAME, SMALL)
    return tmp_path / "home"


@pytest.fixture
def hub():
    """Two repositories, each with a small model."""
    files = dict(zip(NAMES, (b"{}", b"{}", CONTENT), strict=True))
    repositories = {f"{r}/{n}": c for r in (REPOSITORY, FALCONSAI) for n, c in files.items()}
    with serving(Hub(repositories)) as hub:
        yield hub


def run(hub, home, *arguments, **settings):
    """The command line in a process of its own, with the hub as its mirror."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import conftest\n"
        "from fitting_room.commands import convert, download, main\n"
        "main.COMMANDS.update(download=download, convert=convert)\n"
        "sys.exit(main.main(sys.argv[2:]))"
    )
    environment = os.environ | {"HF_ENDPOINT": hub.address, "FITTING_ROOM_MODELS": str(home)}
    return subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).resolve().parents[2]), *arguments],
        env=environment | settings, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=300,
    )  # fmt: skip


def test_from_the_command_line(hub, home):
    refused = run(hub, home, "download", "safety/falconsai", "--json")
    assert refused.returncode == 3
    assert "724 bytes wanted, 2 offered" in json.loads(refused.stdout)["error"]
    done = run(hub, home, "download", "safety/falconsai", "--json", "--take-changed")
    assert done.returncode == 0, done.stderr
    root = home / "safety" / "falconsai"
    assert json.loads(done.stdout)["models"] == {"safety/falconsai": [str(root)]}
    assert (root / "model.safetensors").read_bytes() == CONTENT
    assert "3/3: preprocessor_config.json" in done.stderr
    asked = len(hub.requests)
    download.download("safety/falconsai", home, endpoint=hub.address)
    assert len(hub.requests) == asked  # all there: the hub is not asked again
    assert [path.name for path in root.rglob("*.part")] == []


def test_terms_come_first(hub, home):
    done = run(hub, home, "download", "ootdiffusion/hd")
    assert done.returncode == 1
    assert "CC BY-NC-SA 4.0" in done.stdout and "--accept-license" in done.stderr
    assert hub.requests == []
    agreed = run(hub, home, "download", "ootdiffusion/hd", "--accept-license")
    assert agreed.returncode == 3  # agreed, but this hub has no such repository
    assert "ootdiffusion/hd" in json.loads((home / "licences.json").read_text())


def test_without_network(hub, home):
    done = run(hub, home, "download", "safety/falconsai", HF_HUB_OFFLINE="1")
    assert done.returncode == 3
    assert "HF_HUB_OFFLINE is set" in done.stderr and "--list" in done.stderr
    listed = run(hub, home, "download", "safety/falconsai", "--list", HF_HUB_OFFLINE="1")
    address = f"{hub.address}/{FALCONSAI}/resolve/04367978d3474804ab1a00a9bd6548b741764069"
    assert f"{address}/model.safetensors\n  -> {home / 'safety'}" in listed.stdout
    assert hub.requests == []


def test_cut_connection_is_resumed_by_the_client(hub, home):
    content = save({"weight": torch.rand(2_000_000)})
    hub.files[f"{REPOSITORY}/model.safetensors"] = content
    hub.cut_after = 6_000_000
    download.download(NAME, home, endpoint=hub.address)
    first, second = hub.gets("model.safetensors")
    assert first is None and 0 < int(second.removeprefix("bytes=")[:-1]) <= hub.cut_after
    assert (home / "small/model.safetensors").read_bytes() == content


def test_a_hub_that_cuts_every_transfer_is_given_up(hub, home, monkeypatch):
    """It was asked again without end, as each answer brought something."""
    monkeypatch.setattr(transfer, "PAUSE", 0)
    hub.cut_after = 10
    with pytest.raises(MissingFiles, match=r"attempts in a row[\s\S]*To go on: fitting-room"):
        download.download(NAME, home, endpoint=hub.address)
    assert len(hub.gets("model.safetensors")) == transfer.MOST_FAILURES


def test_more_than_was_promised_is_not_written(hub, home):
    """40 MB came for a promised 300 kB."""
    hub.said_sizes["model.safetensors"] = 300
    with pytest.raises(MissingFiles, match="more than the 300 bytes"):
        download.download(NAME, home, endpoint=hub.address)
    assert sum(path.stat().st_size for path in home.rglob("*model*")) <= 300


def test_a_hub_that_drips_is_given_up(hub, home, monkeypatch):
    monkeypatch.setattr(transfer, "PAUSE", 0)
    monkeypatch.setattr(transfer, "PATIENCE", 0.05)
    monkeypatch.setattr(transfer, "SLOWEST", 10**9)
    hub.drip = 0.02
    hub.files[f"{REPOSITORY}/model.safetensors"] = save({"weight": torch.rand(2_000_000)})
    with pytest.raises(MissingFiles, match="did not arrive whole"):
        download.download(NAME, home, endpoint=hub.address)


def test_the_name_of_a_content_leads_nowhere(tmp_path):
    part = download.Transfer(File("a"), "", "../../x/y", 1, tmp_path / "a.bin", {}).part
    assert part == tmp_path / "a.bin.xy.part"


def test_two_downloads_of_one_model_do_not_destroy_each_other(hub, home):
    """The second waits, says for whom, and finds all there."""
    content = save({"weight": torch.rand(500_000)})
    hub.files[f"{REPOSITORY}/model.safetensors"] = content
    hub.drip = 0.01
    told, failed = [[], []], []

    def work(lines):
        try:
            download.download(NAME, home, lines.append, endpoint=hub.address)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(lines,)) for lines in told]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failed
    assert (home / "small/model.safetensors").read_bytes() == content
    assert len(hub.gets("model.safetensors")) == 1
    waited = [line for lines in told for line in lines if "Waiting" in line]
    assert waited and f"process {os.getpid()}" in waited[0] and f"downloads {NAME}" in waited[0]


def test_an_owner_that_just_took_the_lock_is_named(home):
    """Between taking it and writing its name a moment passes."""
    home.mkdir(exist_ok=True)
    owner = home / "small.lock.owner"
    writing = threading.Timer(0.5, owner.write_text, ["process 7, which works"])
    with filelock.FileLock(home / "small.lock"):
        writing.start()
        with (
            pytest.raises(InputError, match="by process 7, which works"),
            locks.locked(home / "small", "comes later", wait=False),
        ):
            pass
    writing.join()


def test_a_lock_of_a_program_that_died_holds_nobody(home, hub):
    script = (
        "import sys, os; sys.path.insert(0, sys.argv[1]); import conftest\n"
        "from pathlib import Path\n"
        "from fitting_room.pipelines.files.locks import locked\n"
        "with locked(Path(sys.argv[2]), 'dies'):\n    os._exit(1)"
    )
    tests = str(Path(__file__).resolve().parents[2])
    subprocess.run([sys.executable, "-c", script, tests, str(home / "small")], timeout=120)
    assert (home / "small.lock.owner").exists(), "it did not clean up"
    download.download(NAME, home, endpoint=hub.address)
    with (
        locks.locked(home / "small", "works"),
        pytest.raises(InputError, match="which works"),
        locks.locked(home / "small", "comes later", wait=False),
    ):
        pass


def test_a_folder_that_cannot_be_written_is_told(hub, tmp_path, home):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file and no folder"):
        download.download(NAME, tmp_path / "file" / "models", endpoint=hub.address)


def test_cut_download_goes_on_in_another_run(hub, home):
    """As after closing the program: the part on the disk is not fetched again."""
    hub.said_sizes["model.safetensors"] = len(CONTENT) + 1  # the answer stays one byte short
    with pytest.raises(MissingFiles, match=r"did not arrive whole[\s\S]*To go on: fitting-room"):
        download.download(NAME, home, endpoint=hub.address)
    (part,) = (home / "small").glob("*.part")
    part.write_bytes(CONTENT[:5000])
    hub.said_sizes.clear()
    download.download(NAME, home, endpoint=hub.address)
    assert hub.gets("model.safetensors")[-1] == "bytes=5000-"
    assert (home / "small/model.safetensors").read_bytes() == CONTENT
    assert not part.exists()


def test_damage_on_the_way_is_seen(hub, home):
    hub.damage = True
    with pytest.raises(MissingFiles, match="was damaged on the way"):
        download.download(NAME, home, endpoint=hub.address)
    assert not (home / "small/model.safetensors").exists()
    assert not list((home / "small").glob("model*.part"))


def test_replaced_file_is_refused_before_its_transfer(hub, home):
    hub.files["franciszzj/Leffa/openpose/body_pose_model.pth"] = CONTENT
    with pytest.raises(MissingFiles, match="209,267,595 bytes wanted, 16,4.*offered.*25a948c1"):
        download.download("openpose", home, endpoint=hub.address)
    assert hub.gets("pth") == []
    located = download.download("openpose", home, take_changed=True, endpoint=hub.address)
    assert located.root == home / "openpose" / "openpose"
    assert locate.find("openpose").root == located.root


def test_other_form_of_the_same_weights(hub, home, monkeypatch):
    """Authors who add .safetensors and remove .bin do not break the download."""
    source = Source(REPOSITORY, "small", (File("model.bin"), File("config.json")))
    monkeypatch.setitem(VARIANTS, NAME, dataclasses.replace(SMALL, sources=(source,)))
    located = download.download(NAME, home, endpoint=hub.address)
    assert sorted(path.name for _, path in located.files()) == ["config.json", "model.safetensors"]


def test_private_or_gone(hub, home):
    hub.refused.add(REPOSITORY)
    with pytest.raises(MissingFiles, match="private, gated or gone.*HF_TOKEN"):
        download.download(NAME, home, endpoint=hub.address)
    hub.refused.clear()
    del hub.files[f"{REPOSITORY}/config.json"]
    with pytest.raises(MissingFiles, match="has no config.json"):
        download.download(NAME, home, endpoint=hub.address)


def test_no_connection(home):
    with pytest.raises(MissingFiles, match="cannot be reached.*HF_ENDPOINT"):
        download.download(NAME, home, endpoint="http://127.0.0.1:9")


def test_no_room(hub, home, monkeypatch):
    hub.said_sizes["model.safetensors"] = 10**15
    with pytest.raises(InputError, match=r"1,000,000.0 GB are to be fetched.*--to"):
        download.download(NAME, home, endpoint=hub.address)
    assert hub.gets("model.safetensors") == []
