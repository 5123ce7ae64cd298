-- Texts that people wrote: reviews, questions, answers, notes.

-- name: find
-- Those that hold all tokens, the shortest first. One row per document.
-- Params: tokens text[], k int, kind, product_id text (null = any), known_at timestamptz (null =
-- now).
select
    document_kind as kind,
    document_product_id as product_id,
    customer_id,
    body,
    occurred_at,
    rating
from raw.find_documents(
    tokens => %(tokens)s::text[],
    k => %(k)s,
    kind => %(kind)s::text,
    product_id => %(product_id)s::text,
    known_at => coalesce(%(known_at)s::timestamptz, now())
);
