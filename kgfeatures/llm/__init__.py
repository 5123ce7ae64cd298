"""Language models behind one door: text encoders (transformers is imported only here)."""

from __future__ import annotations

from kgfeatures.llm.base import TextEncoder
from kgfeatures.llm.encoders import FORMS, encoder_version, text_encoder

__all__ = ["FORMS", "TextEncoder", "encoder_version", "text_encoder"]
