"""Language models behind one door: text encoders (transformers is imported only here)."""

from __future__ import annotations

from kgfeatures.llm.encoders import FORMS, TextEncoder, text_encoder

__all__ = ["FORMS", "TextEncoder", "text_encoder"]
