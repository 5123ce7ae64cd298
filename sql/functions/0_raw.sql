-- Neither strict nor with a pinned search_path, so that kg.fact inlines it.
create or replace function raw.relation_of(event text) returns text
language sql immutable parallel safe
return case event when 'purchase' then 'bought' when 'return' then 'returned' else event end;
comment on function raw.relation_of(text) is
'The relation that an interaction''s event is called in the graph: purchase -> bought, return -> returned, else its own word.';

comment on column raw.description.n is
'How much it counts beside other values for the same: the number of rows in a file of a pattern, else the rank, 1 for the least frequent.';
