"""Every reader with damaged files: a result or an InputError, whatever the file."""

import json

import numpy as np
import pytest
from fitting_room.commands.inspect import lines
from fitting_room.pipelines.diffusion.networks import read_config
from fitting_room.pipelines.errors import InputError, readable
from fitting_room.pipelines.files import locate, weights
from fitting_room.pipelines.files.licences import license_accepted
from fitting_room.pipelines.images import read_picture, write_picture
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.pipelines.marks.metadata import read_xmp
from fitting_room.pipelines.marks.redaction import clean, places_of_secrets, without_secrets
from fitting_room.services.request import TryOnRequest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import PICTURES, TEXTS, WEIGHTS, examples, mutated

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=300)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=examples(150))
@given(mutated(PICTURES))
def test_pictures(tmp_path_factory, file):
    name, data = file
    path = tmp_path_factory.getbasetemp() / f"fuzz-{name}"
    path.write_bytes(data)
    try:
        assert read_picture(path).mode in ("RGB", "RGBA")
    except InputError as error:
        str(error).encode("utf-8")
    try:
        found = inspect_picture(path)
    except InputError as error:
        str(error).encode("utf-8")
    else:
        json.dumps(found)
        "\n".join(map(readable, lines(found))).encode("utf-8")


@settings(max_examples=examples(150))
@given(mutated(WEIGHTS))
def test_weights(tmp_path_factory, file):
    name, data = file
    path = tmp_path_factory.getbasetemp() / f"fuzz-{name}"
    path.write_bytes(data)
    try:
        state = weights.read_state(path)
        assert sum(t.numel() * t.element_size() for t in state.values()) < 10_000_000
    except InputError as error:
        assert "weights_only" not in str(error)
    if path.suffix == ".safetensors":
        assert locate.safetensors_length(path) >= 0


@settings(max_examples=examples(100))
@given(mutated(TEXTS))
def test_tables(tmp_path_factory, file):
    folder = tmp_path_factory.getbasetemp() / "fuzz-tables"
    folder.mkdir(exist_ok=True)
    for name in ("config.json", "licences.json", locate.RECEIPT):
        (folder / name).write_bytes(file[1])
    for read in (
        lambda: read_config(folder / "config.json"),
        lambda: locate.read_receipt(folder),
        lambda: license_accepted("leffa/virtual_tryon", [folder]),
    ):
        try:
            read()
        except InputError as error:
            str(error).encode("utf-8")


@settings(max_examples=examples(100))
@given(JSON)
def test_any_json_is_cleaned(value):
    json.dumps(without_secrets(value))
    assert all(isinstance(place, str) for place in places_of_secrets(value))


@settings(max_examples=examples(100))
@given(ANY_TEXT | st.binary(max_size=300))
def test_any_text_is_searched(text):
    read_xmp(text)
    if isinstance(text, str):
        assert clean(clean(text)) == clean(text)


@settings(max_examples=examples(100))
@given(JSON | st.fixed_dictionaries({"pictures": JSON}))
def test_any_json_for_a_request(tmp_path_factory, told):
    with pytest.raises(InputError):
        TryOnRequest.from_json(told, tmp_path_factory.getbasetemp())


@settings(max_examples=examples(60))
@given(
    st.text(max_size=60), st.sampled_from((".png", ".jpg", ".webp", ".JPEG", ".eps", "")),
    st.sampled_from(((8, 8), (8, 8, 3), (8, 8, 4), (1, 1, 3), (2, 17_000, 3))),
)  # fmt: skip
def test_any_name_to_write_to(tmp_path_factory, name, ending, shape):
    folder = tmp_path_factory.getbasetemp() / "fuzz-out"
    folder.mkdir(exist_ok=True)
    try:
        write_picture(folder / (name.replace("/", "_").replace("..", "_") + ending),
                      np.zeros(shape, np.uint8))  # fmt: skip
    except InputError as error:
        str(error).encode("utf-8")
    assert not list(folder.glob(".unfinished*"))
