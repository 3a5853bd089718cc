"""Networks and tokenizers that transformers reads from a folder, with its protections on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import InputError, MissingFiles
from .damage import in_our_words, memory_told
from .json_files import read_json

NETWORK, TOKENIZER, PROCESSOR = "config.json", "vocab.json", "preprocessor_config.json"
FILES = {
    NETWORK: "config.json, preprocessor_config.json and model.safetensors",
    TOKENIZER: "vocab.json and merges.txt",
    PROCESSOR: "preprocessor_config.json",
}
"""What tells of a folder what it is -> the files that belong to it."""

MOST_LAYERS = 1_000
"""What a configuration may ask for under a name that ends in "layers": the largest has some 80."""


def load_published(kind: Any, folder: Path | str, wanted: str, file: str = NETWORK) -> Any:
    """`kind.from_pretrained(folder)`: from the disk alone, nothing of the folder's own code run,
    weights from .safetensors files only.

    wanted: what it is for the user ("a parsing network"). file: the one that says what it is:
    NETWORK, TOKENIZER or PROCESSOR. Raises MissingFiles for a folder that does not hold one,
    InputError where memory does not do.
    """
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    if file == NETWORK:
        options["use_safetensors"] = True
    expect_sane(Path(folder) / file)
    if file == TOKENIZER:
        expect_vocabulary(Path(folder) / file)
    try:
        with memory_told(str(folder)):
            return kind.from_pretrained(str(folder), **options)
    except InputError:
        raise
    except Exception as error:  # the libraries below have exception types of their own
        raise MissingFiles(
            f"{folder} does not hold {wanted} of transformers ({in_our_words(error)}). It must "
            f"be a folder with {FILES[file]}."
        ) from error


def expect_sane(path: Path) -> None:
    """Raises MissingFiles for a configuration that would keep the machine busy for ever."""
    waiting, seen = [read_json(path)], 0
    while waiting and seen < 100_000:
        value = waiting.pop()
        seen += 1
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            for name, inner in value.items():
                if name.endswith("layers") and isinstance(inner, int) and inner > MOST_LAYERS:
                    raise MissingFiles(f"{path} asks for {inner:,} {name}: it is damaged.")


def expect_vocabulary(path: Path) -> None:
    """Raises MissingFiles for a file that does not number words, which some versions of
    transformers take for an empty vocabulary."""
    words = read_json(path)
    if not isinstance(words, dict) or not all(type(number) is int for number in words.values()):
        raise MissingFiles(f"{path} is damaged: words and their numbers were wanted.")
