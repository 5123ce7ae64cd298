"""Encoders that run a transformer: mean of the last layer over a text's tokens, normalised.

Reimers, Gurevych 2019, "Sentence-BERT".
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.errors import DataError, MissingExtraError
from kgfeatures.llm.minilm import sha256
from kgfeatures.llm.tokens import MAX_TOKENS, TokenEncoder
from kgfeatures.threads import torch_threads

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from kgfeatures.types import FloatArray


def load(scheme: str, rest: str, threads: int) -> TransformerEncoder:
    """Return the encoder of `hf:<id>@<revision>` or `path:<folder>`.

    Parameters
    ----------
    scheme : "hf" or "path".
    rest : `<id>@<revision>` of a model on the hub, or a folder.
    threads : of the processor, that torch may use.

    Raises
    ------
    DataError : no model can be loaded from there.
    MissingExtraError : torch or transformers is not installed.
    """
    if (
        importlib.util.find_spec("transformers") is None
        or importlib.util.find_spec("torch") is None
    ):
        raise MissingExtraError(
            f"{scheme}:{rest} needs torch and transformers; pip install 'kgfeatures[ml]'"
        )
    version = version_of(scheme, rest)
    if scheme == "hf":
        model, _, revision = rest.partition("@")
        return TransformerEncoder(f"hf:{rest}", model, version, revision=revision, threads=threads)
    folder = str(Path(rest).expanduser())
    return TransformerEncoder(f"path:{rest}", folder, version, threads=threads)


def version_of(scheme: str, rest: str) -> str:
    """Return what changes with the weights: their hash, or the revision of a hub model.

    Parameters
    ----------
    scheme : "hf" or "path".
    rest : `<id>@<revision>` of a model on the hub, or a folder.

    Raises
    ------
    DataError : a folder holds no model.
    """
    if scheme == "hf":
        return rest.partition("@")[2]
    folder = Path(rest).expanduser()
    if not (folder / "config.json").is_file():
        raise DataError(
            f"{folder} holds no config.json; path:<folder> names a saved transformers model"
        )
    return weights_sha256(folder)[:16]


def weights_sha256(folder: Path) -> str:
    """Return one SHA-256 over the names and bytes of a model folder's files."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    listing = {path.name: sha256(path) for path in files}
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


class TransformerEncoder(TokenEncoder):
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

    def tokenize(self, texts: Sequence[str]) -> Mapping[str, list[list[int]]]:
        """Return what the model takes, by name: one list of numbers per text."""
        limit = min(MAX_TOKENS, int(self._tokenizer.model_max_length))
        return self._tokenizer(texts, truncation=True, max_length=limit)

    def means(self, tokens: Mapping[str, list[list[int]]]) -> FloatArray:
        """Return the means of the last hidden states over all tokens of texts of one length."""
        import torch

        with torch.inference_mode(), torch_threads(self.threads):
            states = self._model(**{name: torch.tensor(rows) for name, rows in tokens.items()})
            mean = states.last_hidden_state.mean(1)
        return np.asarray(mean.numpy(), dtype=np.float32)

    def special_tokens(self) -> tuple[int | None, list[int]]:
        """Return the token of what the model does not know, and those that stand for no text."""
        unknown: int | None = self._tokenizer.unk_token_id
        return unknown, [at for at in self._tokenizer.all_special_ids if at != unknown]


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
