/**
 * Who was erased, so that nobody comes back with an older backup: a random id that is nobody's any more, and the receipt once all
 * is gone. And what it takes to undo a merge or a split: `memo` is sealed with the person's key, and leaves with the person.
 */
export const rights = `
  create table erasures (
    subject_id text primary key,
    asked_at_ms integer not null,
    receipt text
  ) strict, without rowid;

  create table rearrangements (
    number integer primary key autoincrement,
    id text not null unique,
    kind text not null check (kind in ('merge', 'split')),
    subject_id text not null references subjects (id) on delete cascade,
    other_id text not null,
    memo blob not null,
    at_ms integer not null
  ) strict;
  create index rearrangements_by_subject on rearrangements (subject_id, number);
`
