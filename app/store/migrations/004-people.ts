/**
 * What integrators know of a person, the pictures faces were taken from, and the creates that must not happen twice. `version`
 * rises with every change of a subject or of its faces. `metadata` is a JSON object; absent for none.
 */
export const people = `
  alter table subjects add column external_id text;
  alter table subjects add column metadata text;
  alter table subjects add column valid_from_ms integer;
  alter table subjects add column valid_until_ms integer;
  alter table subjects add column consent_note text;
  alter table subjects add column version integer not null default 1;
  create index subjects_by_end on subjects (valid_until_ms);
  create unique index subjects_by_external_id on subjects (external_id) where external_id is not null;

  create table subject_groups (
    name text not null,
    subject_id text not null references subjects (id) on delete cascade,
    primary key (name, subject_id)
  ) strict, without rowid;
  create index subject_groups_by_subject on subject_groups (subject_id, name);

  create table face_chips (
    face_number integer primary key references faces (number) on delete cascade,
    jpeg blob not null,
    width integer not null,
    height integer not null,
    landmarks text not null
  ) strict;

  drop index faces_by_subject;
  create index faces_by_subject on faces (subject_id, id);

  create table creates (
    number integer primary key autoincrement,
    key_hash blob not null unique,
    request_hash blob not null,
    entity_id text not null,
    note text,
    created_at_ms integer not null
  ) strict;
  create index creates_by_time on creates (created_at_ms);
`
