/**
 * “This is not X”: faces of others that a person at the box said are not the subject's, though near enough to be taken for theirs.
 * A row is about its subject and sealed with the subject's key; it leaves with the subject.
 */
export const impostors = `
  create table impostors (
    number integer primary key autoincrement,
    id text not null unique,
    subject_id text not null references subjects (id) on delete cascade,
    space_number integer not null references spaces (number),
    vector blob not null,
    source text not null check (source in ('picture', 'vector', 'sighting')),
    created_at_ms integer not null
  ) strict;
  create index impostors_by_subject on impostors (subject_id, id);
`
