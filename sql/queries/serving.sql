-- Serving graph vectors: what TransR needs beside its vectors, and questions from Python.

-- name: add_projections
-- Params: model_id, dim int: numbers of emb.m_<id>.projected.
select emb.add_projections(%(model_id)s, %(dim)s);

-- name: index_projections
-- Params: model_id int.
select emb.index_projections(%(model_id)s);
