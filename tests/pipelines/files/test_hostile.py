"""Strangers' weight files: damaged is a state that is told, within bounds of time and memory."""

import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from fitting_room.commands.main import main
from fitting_room.pipelines.catalog.models import VARIANTS
from fitting_room.pipelines.diffusion.networks import read_config
from fitting_room.pipelines.errors import InputError, MissingFiles
from fitting_room.pipelines.files import damage, locate, weights
from fitting_room.pipelines.files.inventory import inventory
from fitting_room.pipelines.files.licences import accept_license, license_accepted
from fitting_room.pipelines.files.pickles import expect_flat, expect_plain_archive
from safetensors.torch import save_file

TENSORS = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.tensor([1.0, -2.0])}


def shared(build, depth):
    """Something in something, twice at each step: small on disk, 2^depth long to walk through."""
    value = build(1, 1)
    for _ in range(depth):
        value = build(value, value)
    return value


def tables(a, b):
    return {"a": a, "b": b}


def safetensors(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + body


@pytest.mark.parametrize("name", ["a.pkl", "a.pth"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_tables_shared_in_tables_are_refused(tmp_path, name, wrapped):
    content = shared(tables, 40)
    content = {"state_dict": content} if wrapped else content
    if name == "a.pkl":
        (tmp_path / name).write_bytes(pickle.dumps(content, 2))
    else:
        torch.save(content, tmp_path / name)
    with pytest.raises(MissingFiles, match="beyond all measure"):
        weights.read_state(tmp_path / name)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["a.pkl", "a.pth", "old.pth"])
def test_a_shared_tuple_as_a_key_takes_no_time(tmp_path, name, protocol):
    """Its hash would take 2^60 steps, inside the unpickler, where nothing can stop it."""
    key = b"(\x85" if protocol < 0 else pickle.dumps(shared(lambda a, b: (a, b), 60), protocol)[:-1]
    data = b"}" + key.removeprefix(b"\x80" + bytes([protocol])) + b"K\x01s."
    if protocol >= 2:
        data = b"\x80" + bytes([protocol]) + data
    if name == "a.pth":
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("archive/data.pkl", data)
            archive.writestr("archive/version", "3")
    else:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(MissingFiles, match="nothing in it was run"):
        weights.read_state(tmp_path / name)


def test_ordinary_pickles_are_flat(tmp_path):
    arrays = {"a": np.arange(6.0), "b": {"c": np.float32(2), "d": np.ones((2, 3), np.int64)}}
    for protocol in range(5):  # later ones ask for another function of numpy's
        (tmp_path / "a.pkl").write_bytes(pickle.dumps({"model": arrays}, protocol))
        with (tmp_path / "a.pkl").open("rb") as file:
            expect_flat(file)
        found = weights.read_state(tmp_path / "a.pkl")
        assert set(found) == {"a", "b.c", "b.d"} and found["b.d"].shape == (2, 3)
    torch.save(TENSORS, tmp_path / "new.pth")
    expect_plain_archive(tmp_path / "new.pth")
    torch.save(TENSORS, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert set(weights.read_state(tmp_path / "old.pth")) == set(TENSORS)


class Asks:
    """A pickle that asks for an array of 32 TB without a byte of contents."""

    def __reduce__(self):
        return np.ndarray, ((2**45,), np.dtype(np.uint8))


class Builds:
    def __reduce__(self):
        return np._core.multiarray._reconstruct, (np.ndarray, (2**45,), b"b")


def test_arrays_without_contents_are_refused(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": Asks()}))
    with pytest.raises(MissingFiles, match="nothing in it was run"):
        weights.read_state(tmp_path / "a.pkl")
    (tmp_path / "b.pkl").write_bytes(pickle.dumps({"a": Builds(), "b": np.ones(3)}))
    assert weights.read_state(tmp_path / "b.pkl")["a"].numel() == 0


def test_a_tensor_larger_than_its_bytes_is_refused(tmp_path):
    """32 TB out of four bytes, as soon as it is brought to another precision."""
    torch.save({"a": torch.ones(1).expand(2**43)}, tmp_path / "a.pth")
    with pytest.raises(MissingFiles, match="larger than its own bytes"):
        weights.read_state(tmp_path / "a.pth")
    torch.save({"ids": torch.arange(77).expand(4, 77)}, tmp_path / "b.pth")
    assert weights.read_state(tmp_path / "b.pth")["ids"].shape == (4, 77)


def test_an_archive_that_unpacks_to_more_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, 2))
        archive.writestr("archive/data/0", bytes(200_000_000))
    assert (tmp_path / "a.pth").stat().st_size < 1_000_000
    with pytest.raises(MissingFiles, match="more than its own size"):
        weights.read_state(tmp_path / "a.pth")


def test_an_archive_behind_a_pickle_hides_nothing(tmp_path):
    """By its end it is an archive, by its beginning a pickle, and PyTorch reads the beginning."""
    key = pickle.dumps(shared(lambda a, b: (a, b), 60), 2)[2:-1]
    torch.save(TENSORS, tmp_path / "good.pth")
    data = b"\x80\x02}" + key + b"K\x01s." + (tmp_path / "good.pth").read_bytes()
    (tmp_path / "a.pth").write_bytes(data)
    assert zipfile.is_zipfile(tmp_path / "a.pth")
    with pytest.raises(MissingFiles, match="nothing in it was run"):
        weights.read_state(tmp_path / "a.pth")


HEADERS = {
    "no end": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, null]}}',
    "text": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": "04"}}',
    "negative": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, -4]}}',
    "backwards": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}',
    "truth": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [false, true]}}',
    "fraction": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4.5]}}',
    "infinite": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1e999]}}',
    "three": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]}}',
    "no table": b"[1, 2]",
    "entry no table": b'{"a": 7}',
    "brackets": b"[" * 200_000,
    "tables": b'{"a":' * 100_000,
    "no text": b"\xff\xfe\x00\x00",
    "long number": b'{"a": {"data_offsets": [0, ' + b"9" * 5_000 + b"]}}",
}


@pytest.mark.parametrize("name", HEADERS)
def test_damaged_headers_are_a_state_and_no_exception(tmp_path, name, monkeypatch, capsys):
    monkeypatch.setenv("FITTING_ROOM_MODELS", str(tmp_path))
    source = VARIANTS["leffa/virtual_tryon"].sources[0]
    path = tmp_path / source.folder / source.below / "model.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(safetensors(HEADERS[name], bytes(4)))
    assert locate.safetensors_length(path) == 0
    with pytest.raises(MissingFiles):
        weights.read_state(path)


@pytest.mark.parametrize("length", [2**45, 2**63, 101_000_000])
def test_a_header_beyond_all_measure_is_not_read(tmp_path, length):
    """In a file with a hole of as many bytes: reading it asked for 32 TB of memory."""
    path = tmp_path / "a.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", length) + b"{}")
        file.truncate(min(length + 8, 2**43))
    assert locate.safetensors_length(path) == 0


@pytest.fixture
def damaged_models(tmp_path, monkeypatch):
    """A models folder in which one file of every model is there, and is damaged."""
    monkeypatch.setenv("FITTING_ROOM_MODELS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    for variant in VARIANTS.values():
        for source in variant.sources:
            root = tmp_path / source.folder / source.below
            for file in source.files:
                path = root / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                if path.suffix == ".safetensors":
                    path.write_bytes(safetensors(HEADERS["no end"]))
            root.mkdir(parents=True, exist_ok=True)
            (root / locate.RECEIPT).write_text("[" * 100_000)
    (tmp_path / "licences.json").write_text("[]")
    return tmp_path


def test_doctor_tells_of_damage_and_goes_on(damaged_models, capsys, monkeypatch):
    monkeypatch.setattr("fitting_room.services.engine.find_engine", lambda: None)
    assert {each.state for each in inventory([damaged_models])} <= {"damaged", "absent"}
    main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert any(model["state"] == "damaged" for model in told["models"])
    main(["doctor"])
    assert "damaged" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["[]", "7", '{"a": 1}', "[" * 100_000, "\udcff", "", "null"])
def test_a_damaged_record_of_licences_counts_as_none(tmp_path, monkeypatch, content):
    monkeypatch.setenv("FITTING_ROOM_MODELS", str(tmp_path))
    (tmp_path / "licences.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    name = next(name for name, variant in VARIANTS.items() if variant.licence.must_accept)
    assert not license_accepted(name, [tmp_path])
    accept_license(name, tmp_path)
    assert license_accepted(name, [tmp_path])


@pytest.mark.parametrize("content", [b"[" * 100_000, b"{", b"\xff", b"[]", b"7"])
def test_damaged_configurations_are_told(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(MissingFiles, match="is damaged"):
        read_config(tmp_path / "config.json")


# What is no damage


def test_no_memory_is_not_told_as_damage(tmp_path, monkeypatch):
    save_file(TENSORS, tmp_path / "a.safetensors")
    for error in (
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: not enough memory: "
                     "you tried to allocate 64 bytes."),
    ):  # fmt: skip

        def fail(path, error=error):
            raise error

        monkeypatch.setattr(weights, "_read_safetensors", fail)
        with pytest.raises(InputError, match="not enough memory") as caught:
            weights.read_state(tmp_path / "a.safetensors")
        assert not isinstance(caught.value, MissingFiles) and "Delete" not in str(caught.value)


def test_a_file_that_asks_for_terabytes_is_damaged(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"x" * 100)
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate "
                         "35184372088832 bytes. Error code 12")  # fmt: skip
    told = damage.unreadable(tmp_path / "a.pth", error)
    assert isinstance(told, MissingFiles) and "many times the memory" in str(told)


@pytest.mark.parametrize("number", [13, 5, 24])
def test_a_file_that_may_not_be_read_is_not_to_be_deleted(tmp_path, monkeypatch, number):
    save_file(TENSORS, tmp_path / "a.safetensors")

    def fail(path):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(weights, "_read_safetensors", fail)
    with pytest.raises(InputError, match="may be good") as caught:
        weights.read_state(tmp_path / "a.safetensors")
    assert "Delete" not in str(caught.value)


def test_the_words_survive_a_file_that_went_away(tmp_path):
    told = damage.unreadable(tmp_path / "gone.pth", RuntimeError("x"))
    assert "0 bytes" in str(told) and "went away" in str(told)
    damage.unreadable(tmp_path / ("n" * 300), ValueError("x"))
    damage.unreadable(tmp_path / "nul\0", ValueError("x"))


def test_advice_to_switch_a_protection_off_reaches_nobody(tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.system, ("true",)

    torch.save({"a": Hostile()}, tmp_path / "a.pth")
    with pytest.raises(MissingFiles) as caught:
        weights.read_state(tmp_path / "a.pth")
    assert not any(word in str(caught.value) for word in ("weights_only", "trust", "arbitrary"))
    told = damage.in_our_words(ValueError("Please pass the argument `trust_remote_code=True`"))
    assert told == "it asks for code of its own or for a pickle, and neither is ever run"
