"""How a job gives its rows out: as SQL, in batches, each vector once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from kgfeatures.db.connection import open_connection
from tests.features.offline_store.conftest import MARKS, labels, utc

pytestmark = MARKS


def test_the_sql_of_a_job_runs_by_itself(store, dsn) -> None:
    asked = labels(y=[1.5, None, 3, 4], words=[["p'"], [], None, ["q", "r"]])
    references = ["profile:spent", "profile:tags", "taste:v"]
    ranges = {"start_date": utc(2024, 1, 1), "end_date": utc(2024, 1, 3)}
    jobs = [
        store.get_historical_features(asked, references),
        store.get_historical_features(
            "select * from f.customer where made < '2024-01-04'".replace("*", "customer_id, at"),
            references,
        ),
        store.get_historical_features(features=references, **ranges),
        store.get_historical_features(features=references[:2], **ranges),
    ]
    for job in jobs:
        with open_connection(dsn) as conn:
            rows = conn.execute(job.to_sql()).fetchall()
        expected = job.to_arrow().to_pylist()
        for row, wanted in zip(rows, expected, strict=True):
            for found, value in zip(row, wanted.values(), strict=True):
                assert (list(found) if isinstance(found, np.ndarray) else found) == value


def test_vectors_may_stay_dictionaries_or_come_in_batches(make_store, store) -> None:
    asked = pd.concat([labels()] * 3, ignore_index=True)
    plain = store.get_historical_features(asked, ["taste:v", "taste:r"]).to_arrow()
    folded = make_store(dictionary_vectors=True).get_historical_features(asked, ["taste:v"])
    column = folded.to_arrow().column("v").combine_chunks()
    assert pa.types.is_dictionary(column.type)
    assert len(column.dictionary) == 2
    assert column.dictionary_decode().to_pylist() == plain.column("v").to_pylist()
    parts = list(store.get_historical_features(asked, ["taste:v", "taste:r"]).batches(5))
    assert [part.num_rows for part in parts] == [5, 5, 2]
    assert pa.concat_tables(parts).to_pylist() == plain.to_pylist()


def test_labels_that_found_the_same_vector_share_it(store) -> None:
    got = store.get_historical_features(labels(), ["taste:v"]).to_df()
    assert got["v"][1] is got["v"][3]


def test_half_precision_vectors_are_lists_too(store) -> None:
    got = store.get_historical_features(labels(), ["taste:h"]).to_arrow()
    assert got.column("h").to_pylist() == [None, [0.5, 1], None, [0.5, 1]]
