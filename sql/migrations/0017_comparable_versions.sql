-- Which versions of vectors can be compared (docs/adr/0013).

alter table emb.model add column comparable_id int;
comment on column emb.model.comparable_id is
'The first of the versions that can be compared with each other: their vectors may stand in one column. Null = this one itself.';
comment on column emb.model.predecessor_id is
'The version that the training started from, or that an update added new entities to; null = none, or it was dropped.';
comment on column emb.model.alignment_residual is
'How far the vectors lie from the predecessor''s: root of the squared distances between the entities that both have, over that of the predecessor''s vectors from their mean (from 0 for models that see shifts). 0 = equal, about 1 = nothing in common.';
comment on column emb.model.retired_at is
'When its alias was pointed to another version, by the clock of the server; null = in use, or never was.';

-- A version may be dropped while later ones stay.
alter table emb.model drop constraint model_predecessor_id_fkey;
alter table emb.model add constraint model_predecessor_id_fkey
foreign key (predecessor_id) references emb.model on delete set null;
