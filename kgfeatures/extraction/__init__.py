"""Triples from text: pure functions from titles to frames. See docs/extraction.md."""
