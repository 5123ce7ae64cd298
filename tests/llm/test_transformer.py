from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

from kgfeatures.errors import DataError
from kgfeatures.llm import TextEncoder, text_encoder, transformer

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "cup", "tea", "blue"]


@pytest.fixture(scope="module")
def minilm() -> TextEncoder:
    return text_encoder("builtin:minilm")


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


def test_minilm_finds_the_paraphrase(minilm: TextEncoder) -> None:
    cup, mug, card = minilm.encode(["red tea cup", "crimson mug for tea", "happy birthday card"])
    assert minilm.dim == 384
    assert cup @ mug > 2 * (cup @ card)


def test_minilm_gives_the_published_similarities(minilm: TextEncoder) -> None:
    # From the model card of sentence-transformers on semantic similarity with this model.
    texts = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    vectors = minilm.encode(texts)
    expected = [[1, 0.6660, 0.1046], [0.6660, 1, 0.1411], [0.1046, 0.1411, 1]]
    np.testing.assert_allclose(vectors @ vectors.T, expected, atol=1e-3)


def test_minilm_warns_of_text_that_it_does_not_know(minilm: TextEncoder) -> None:
    with pytest.warns(UserWarning, match="does not know .*use builtin:chargram"):
        minilm.encode(["红色茶杯陶瓷厨房", "蓝色雨伞"])


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="has SHA-256 44136fa3.*reinstall"):
        transformer.check_sha256(tmp_path, transformer.MINILM_SHA256)


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has SHA-256 missing"):
        transformer.check_sha256(tmp_path, {"model.safetensors": "00"})


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


def test_a_vector_does_not_depend_on_company_order_or_threads(minilm: TextEncoder) -> None:
    rng = np.random.default_rng(0)
    words = ["red", "tea", "party", "umbrella", "42", "T-LIGHT", "crème"]
    texts = [" ".join(rng.choice(words, n)) for n in [3, 3, 5, 16, 300]]
    other = text_encoder("builtin:minilm", threads=2)
    together = minilm.encode(texts)
    shuffled = rng.permutation(len(texts))
    again = minilm.encode([texts[at] for at in shuffled])
    np.testing.assert_array_equal(again, together[shuffled])
    for at in (0, 2):
        np.testing.assert_array_equal(other.encode([texts[at]])[0], together[at])
