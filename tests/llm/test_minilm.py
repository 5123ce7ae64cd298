from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kgfeatures.errors import DataError
from kgfeatures.llm import TextEncoder, text_encoder
from kgfeatures.llm import minilm as minilm_files
from kgfeatures.llm.bert import gelu

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT_TORCH = """
import sys
from kgfeatures.llm import text_encoder
text_encoder("builtin:minilm").encode(["red cup"])
print(*{"torch", "transformers"} & set(sys.modules))
"""


@pytest.fixture(scope="module")
def minilm() -> TextEncoder:
    return text_encoder("builtin:minilm")


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
        minilm_files.check_sha256(tmp_path, minilm_files.SHA256)


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has SHA-256 missing"):
        minilm_files.check_sha256(tmp_path, {"model.safetensors": "00"})


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


def test_minilm_equals_the_same_weights_in_transformers(minilm: TextEncoder) -> None:
    odd = ["white hanging heart T-LIGHT", "naïve café ½ №", "红色 tea", "A" * 2000, "w " * 400, ""]
    other = text_encoder(f"path:{minilm_files.minilm_folder()}")
    np.testing.assert_allclose(minilm.encode(odd), other.encode(odd), atol=1e-6)


def test_minilm_is_computed_without_torch() -> None:
    command = [sys.executable, "-c", WITHOUT_TORCH]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert not done.stdout.strip()


def test_gelu_is_the_share_of_a_normal_distribution() -> None:
    x = np.linspace(-6, 6, 101, dtype=np.float32)
    expected = [z * (1 + math.erf(z / math.sqrt(2))) / 2 for z in x.tolist()]
    np.testing.assert_allclose(gelu(x), expected, atol=1e-6)
