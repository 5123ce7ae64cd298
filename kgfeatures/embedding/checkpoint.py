"""Checkpoints: the state of a training in one .npz file without pickles.

A run that goes on from a checkpoint gives the same bits as one that was never interrupted.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kgfeatures.embedding.training import Trainer
    from kgfeatures.types import IntArray

FILE = "training.npz"


def fingerprint(trainer: Trainer, valid: IntArray | None, budget: object) -> dict[str, Any]:
    """Return what a checkpoint must have in common with the run that goes on from it."""
    parts: dict[str, Any] = {"model": trainer.name, **asdict(trainer.settings)}
    parts["entities"], parts["relations"] = trainer.sizes
    parts["budget"] = budget
    for name, triples in (("triples", trainer.sampler.triples), ("valid", valid)):
        data = b"" if triples is None else np.ascontiguousarray(triples, dtype="<i4").data
        parts[name] = hashlib.sha256(data).hexdigest()
    start = hashlib.sha256()
    if trainer.given is not None:
        for table in (trainer.given.entities, trainer.given.relations):
            start.update(np.ascontiguousarray(table, dtype="<f4").data)
    parts["start"] = start.hexdigest()
    return parts


def save(
    folder: Path, trainer: Trainer, made_of: Mapping[str, Any], extra: Mapping[str, Any]
) -> Path:
    """Write the state of a training; a reader sees the old file or the new one, never half of it.

    Parameters
    ----------
    made_of : see `fingerprint`.
    extra : more to remember; JSON, or arrays.

    Raises
    ------
    OSError : the file could not be written; the one before is still there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: value for name, value in extra.items() if isinstance(value, np.ndarray)}
    for name, table in trainer.tables.items():
        arrays |= {name: table.table.numpy(), f"{name}_squares": table.squares.numpy()}
    state = {name: value for name, value in extra.items() if name not in arrays}
    state |= {"steps": trainer.steps, "done": trainer.done, "visits": trainer.visits}
    state |= {"losses": trainer.losses, "loss_sum": trainer.loss_sum, "made_of": dict(made_of)}
    path = folder / FILE
    unfinished = path.with_suffix(".unfinished")
    try:
        with unfinished.open("wb") as file:
            np.savez(file, allow_pickle=False, state=np.array(json.dumps(state)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def load(folder: Path, trainer: Trainer, made_of: Mapping[str, Any]) -> dict[str, Any]:
    """Put a trainer into the state of a checkpoint; return what was remembered with it.

    Raises
    ------
    DataError : the file is none of ours, or of other settings or triples; it says which.
    """
    path = folder / FILE
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        state = json.loads(str(arrays.pop("state")))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as exc:
        raise DataError(f"{path} is no checkpoint of a training; remove it to start anew") from exc
    differing = sorted(name for name in made_of if state["made_of"].get(name) != made_of[name])
    if differing:
        raise DataError(
            f"{path} belongs to a training with other {', '.join(differing)}; "
            "pass the same, another folder, or resume=False to start anew"
        )
    for name, table in trainer.tables.items():
        table.table.copy_(torch.from_numpy(arrays.pop(name)))
        table.squares.copy_(torch.from_numpy(arrays.pop(f"{name}_squares")))
    for name in ("steps", "done", "visits", "losses", "loss_sum"):
        setattr(trainer, name, state.pop(name))
    return {**state, **arrays}
