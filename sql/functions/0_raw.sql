-- Neither strict nor with a pinned search_path, so that kg.fact inlines it.
create or replace function raw.relation_of(event text) returns text
language sql immutable parallel safe
return case event when 'purchase' then 'bought' when 'return' then 'returned' else event end;
comment on function raw.relation_of(text) is
'The relation that an interaction''s event is called in the graph: purchase -> bought, return -> returned, else its own word.';
