/**
 * People, their faces, and the log of changes from which the indexes follow. `number` is never used again after a deletion
 * (autoincrement), so an index may name a face by it. Vectors are unit length, float32, little-endian.
 */
export const gallery = `
  create table subjects (
    id text primary key,
    name text not null,
    created_at_ms integer not null,
    updated_at_ms integer not null
  ) strict, without rowid;
  create index subjects_by_name on subjects (name);

  create table spaces (
    number integer primary key,
    name text not null unique
  ) strict;

  create table faces (
    number integer primary key autoincrement,
    id text not null unique,
    subject_id text not null references subjects (id) on delete cascade,
    space_number integer not null references spaces (number),
    vector blob not null,
    source text not null check (source in ('picture', 'vector')),
    quality text,
    created_at_ms integer not null
  ) strict;
  create index faces_by_subject on faces (subject_id);
  create index faces_by_space on faces (space_number, number);

  create table changes (
    seq integer primary key autoincrement,
    entity text not null check (entity in ('subject', 'face')),
    kind text not null check (kind in ('added', 'changed', 'deleted')),
    entity_id text not null,
    face_number integer,
    space_number integer,
    at_ms integer not null
  ) strict;
  create index changes_by_space on changes (space_number, seq) where space_number is not null;
`
