"""Messages that any log, terminal and client can take, whatever they quote."""

import json
import pickle

import pytest
from fitting_room.pipelines.errors import (
    LONGEST_MESSAGE,
    InputError,
    MissingFiles,
    NobodyFound,
    NoGarmentFound,
    readable,
)
from hypothesis import given
from hypothesis import strategies as st

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=60)


@given(ANY_TEXT)
@pytest.mark.parametrize("kind", [InputError, NobodyFound, NoGarmentFound, MissingFiles])
def test_every_message_can_be_encoded_and_moves_no_terminal(kind, text):
    told = str(kind(f"It is {text}."))
    told.encode("utf-8")
    assert all(letter >= " " or letter in "\n\t" for letter in told)
    assert not any("\x7f" <= letter <= "\x9f" for letter in told)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs")), max_size=60))
def test_ordinary_text_stays_as_it_is(text):
    assert readable(text) == text


def test_escapes_say_what_was_there():
    told = str(InputError("label \ud800, colour \x1b[31m, backwards \u202e"))
    assert told == "label \\ud800, colour \\x1b[31m, backwards \\u202e"
    assert json.loads(json.dumps(told)) == told


def test_a_message_is_bounded():
    told = str(InputError("x" * 5_000_000))
    assert len(told) < LONGEST_MESSAGE + 100 and "5,000,000 characters" in told


def test_an_error_survives_its_way_to_another_process():
    error = pickle.loads(pickle.dumps(MissingFiles("nothing at \ud800")))
    assert (type(error), str(error)) == (MissingFiles, "nothing at \\ud800")
