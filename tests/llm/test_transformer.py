from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

from kgfeatures.errors import DataError
from kgfeatures.llm import text_encoder

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "cup", "tea", "blue"]


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer BERT of nine words: it shows the plumbing, no quality."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    config = BertConfig(
        vocab_size=9,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def test_path_encoder_takes_the_mean_over_the_tokens_of_each_text(tiny_model: Path) -> None:
    encoder = text_encoder(f"path:{tiny_model}")
    found = encoder.encode(["red cup", "red tea cup blue"])
    model = BertModel.from_pretrained(tiny_model).eval()
    for vector, ids in zip(found, [[2, 5, 6, 3], [2, 5, 7, 6, 8, 3]], strict=True):
        mean = model(torch.tensor([ids])).last_hidden_state[0].mean(0).detach().numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_path_encoders_version_changes_with_the_weights(tiny_model: Path) -> None:
    before = text_encoder(f"path:{tiny_model}").version
    config = tiny_model / "config.json"
    config.write_text(config.read_text() + "\n", encoding="utf-8")
    assert text_encoder(f"path:{tiny_model}").version != before


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no config.json"):
        text_encoder(f"path:{tmp_path}")


def test_broken_model_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be loaded"):
        text_encoder(f"path:{tmp_path}")
