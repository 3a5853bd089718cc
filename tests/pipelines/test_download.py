"""Fetching and converting weight files: the real client, a hub on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from fitting_room.pipelines import convert, download, locate, weights
from fitting_room.pipelines.errors import InputError, MissingFiles
from safetensors.torch import load_file, save

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
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
                return
            self.wfile.write(content)

    return Handler


REPOSITORY = "Falconsai/nsfw_image_detection"
CONTENT = save({"weight": torch.rand(64, 64, generator=torch.Generator().manual_seed(0))})
NAME = "safety/falconsai"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine with no models at all."""
    from huggingface_hub import constants

    monkeypatch.setenv("FITTING_ROOM_MODELS", str(tmp_path / "home"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "home"


@pytest.fixture
def hub():
    """The files of the safety classifier, small."""
    files = {"config.json": b"{}", "preprocessor_config.json": b"{}", "model.safetensors": CONTENT}
    with serving(Hub({f"{REPOSITORY}/{name}": content for name, content in files.items()})) as hub:
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
        [sys.executable, "-c", script, str(Path(__file__).resolve().parent.parent), *arguments],
        env=environment | settings, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=300,
    )  # fmt: skip


def test_from_the_command_line(hub, home):
    done = run(hub, home, "download", NAME, "--json")
    assert done.returncode == 0, done.stderr
    root = home / "safety" / "falconsai"
    assert json.loads(done.stdout)["models"] == {NAME: [str(root)]}
    assert (root / "model.safetensors").read_bytes() == CONTENT
    assert "3/3: preprocessor_config.json" in done.stderr
    asked = len(hub.requests)
    download.download(NAME, home, endpoint=hub.address)
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
    done = run(hub, home, "download", NAME, HF_HUB_OFFLINE="1")
    assert done.returncode == 3
    assert "HF_HUB_OFFLINE is set" in done.stderr and "--list" in done.stderr
    listed = run(hub, home, "download", NAME, "--list", HF_HUB_OFFLINE="1")
    address = f"{hub.address}/{REPOSITORY}/resolve/04367978d3474804ab1a00a9bd6548b741764069"
    assert f"{address}/model.safetensors\n  -> {home / 'safety'}" in listed.stdout
    assert hub.requests == []


def test_cut_connection_is_resumed_by_the_client(hub, home):
    from huggingface_hub.constants import DOWNLOAD_CHUNK_SIZE as PIECE

    content = save({"weight": torch.rand(PIECE // 2)})  # twice a piece, and a header
    hub.files[f"{REPOSITORY}/model.safetensors"] = content
    hub.cut_after = PIECE + PIECE // 2
    download.download(NAME, home, endpoint=hub.address)
    assert hub.gets("model.safetensors") == [None, f"bytes={PIECE}-"]
    assert (home / "safety/falconsai/model.safetensors").read_bytes() == content


def test_cut_download_goes_on_in_another_run(hub, home):
    """As after closing the program: the part on the disk is not fetched again."""
    hub.said_sizes["model.safetensors"] = len(CONTENT) + 1  # the answer stays one byte short
    with pytest.raises(MissingFiles, match=r"did not arrive whole[\s\S]*To go on: fitting-room"):
        download.download(NAME, home, endpoint=hub.address)
    (part,) = (home / "safety/falconsai").glob("*.part")
    part.write_bytes(CONTENT[:5000])
    hub.said_sizes.clear()
    download.download(NAME, home, endpoint=hub.address)
    assert hub.gets("model.safetensors")[-1] == "bytes=5000-"
    assert (home / "safety/falconsai/model.safetensors").read_bytes() == CONTENT
    assert not part.exists()


def test_damage_on_the_way_is_seen(hub, home):
    hub.damage = True
    with pytest.raises(MissingFiles, match="was damaged on the way"):
        download.download(NAME, home, endpoint=hub.address)
    assert not (home / "safety/falconsai/model.safetensors").exists()
    assert not list((home / "safety/falconsai").glob("model*.part"))


def test_replaced_file_is_refused_before_its_transfer(hub, home):
    hub.files["franciszzj/Leffa/openpose/body_pose_model.pth"] = CONTENT
    with pytest.raises(MissingFiles, match="209,267,595 bytes wanted, 16,4.*offered.*25a948c1"):
        download.download("openpose", home, endpoint=hub.address)
    assert hub.gets("pth") == []
    located = download.download("openpose", home, take_changed=True, endpoint=hub.address)
    assert located.root == home / "openpose" / "openpose"
    assert locate.find("openpose").root == located.root


def test_other_form_of_the_same_weights(hub, home, monkeypatch):
    """The repository of the DressCode UNet was not seen: .bin or .safetensors, both are taken."""
    variant = locate.variant_named("idm_vton/dresscode")
    hub.files |= {
        "yisol/IDM-VTON-DC/unet/config.json": b"{}",
        "yisol/IDM-VTON-DC/unet/diffusion_pytorch_model.safetensors": CONTENT,
    }
    with pytest.raises(MissingFiles):  # the shared part is not on this hub
        download.download(variant.name, home, endpoint=hub.address)
    assert locate.problems(variant.sources[0], home / "idm_vton_dc") == []


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


# ---------------------------------------------------------------------------------- converting


def test_convert_halves_and_keeps_names(tmp_path):
    state = {
        "b.weight": torch.randn(5, 3),
        "a.bias": torch.randn(7, dtype=torch.float64),
        "ids": torch.arange(4),
        "scalar": torch.tensor(2.5),
        "none": torch.zeros(0, 3),
    }
    torch.save({"state_dict": state}, tmp_path / "model.pth")
    target = tmp_path / "model.bf16.safetensors"
    seen = []
    convert.convert_file(tmp_path / "model.pth", target, torch.bfloat16, lambda *p: seen.append(p))
    found = load_file(target)
    assert set(found) == set(state)
    assert all(torch.equal(found[n], t.to(found[n].dtype)) for n, t in state.items())
    assert {t.dtype for t in found.values()} == {torch.bfloat16, torch.int64}
    assert seen[-1] == ("model.pth", 5, 5)
    assert locate.safetensors_length(target) == target.stat().st_size


def test_values_too_large_for_half_are_told(tmp_path):
    torch.save({"a": torch.tensor([7e4])}, tmp_path / "model.pth")
    target = tmp_path / "model.fp16.safetensors"
    with pytest.raises(InputError, match="70000.*bf16"):
        convert.convert_file(tmp_path / "model.pth", target, torch.float16)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pth"]


def test_convert_variant_and_load_from_it(home):
    root = home / "openpose"
    root.mkdir(parents=True)
    state = {"conv1_1.weight": torch.randn(4, 3, 3, 3)}
    torch.save(state, root / "body_pose_model.pth")
    located = locate.adopt("openpose", root)
    (written,) = convert.convert_variant(located, "fp16", delete_originals=True)
    assert [path.name for path in root.glob("body*")] == ["body_pose_model.fp16.safetensors"]
    located = locate.find("openpose")  # the converted file stands for the published one
    assert convert.convert_variant(located, "fp16") == []
    path = locate.weight_file(located.root / "body_pose_model.pth", torch.float16)
    assert path == written
    loaded = weights.read_state(path)["conv1_1.weight"]
    assert torch.equal(loaded, state["conv1_1.weight"].half())


def test_stopping_leaves_nothing_behind(tmp_path):
    torch.save({"a": torch.ones(3), "b": torch.ones(3)}, tmp_path / "model.pth")

    def stop(*_progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert.convert_file(
            tmp_path / "model.pth", tmp_path / "model.fp32.safetensors", torch.float32, stop
        )
    assert [path.name for path in tmp_path.iterdir()] == ["model.pth"]
