-- What a run cost beside its seconds, and which shop this database holds.

alter table ops.run
add column peak_memory_bytes bigint,
add column output_bytes bigint;

comment on column ops.run.peak_memory_bytes is
'The most memory that the process held during the run; the server''s is not in it. Null where the system does not tell.';
comment on column ops.run.output_bytes is
'Disk that the tables it wrote take up after it, with their indexes.';

create table ops.shop (
    only_one boolean primary key default true check (only_one),
    name text not null,
    folder text not null
);
comment on table ops.shop is
'The shop in this database and the folder of its dataset.yaml: where `kgfeatures refresh` looks. At most one row.';
