/**
 * What a box of a site keeps of the talk with its hub (app/sync/store). On a box that belongs to no site all of it stays empty, but
 * for the one row of `sync_state`.
 *
 * `sync_rows` has the one version of each entity; `entity` is its path, 16 bytes for each id, so that what lies below it follows it.
 * The bytes of a record stand apart, under a number of each version: how far the hub is with a record is written often, and what
 * was replaced is never written over in place. `sync_counts` counts the rows as they come and go.
 *
 * `sync_cursors` tells up to which change a target has read: the hub, a bundle's receiver. `sync_lives` are the lives of the box,
 * and from which sighting on each of them speaks.
 *
 * A change of a face says whose it is, or was: what followed from it is looked for by person.
 */
export const sync = `
  alter table changes add column subject_id text;

  create table sync_state (
    only integer primary key check (only = 1),
    box text,
    incarnation text,
    change integer not null,
    sequence integer not null,
    must_read_erasures integer not null check (must_read_erasures in (0, 1)),
    change_seq integer not null,
    backlog text
  ) strict;
  insert into sync_state values (1, null, null, 0, 0, 0, 0, null);

  create table sync_rows (
    number integer primary key,
    entity blob not null unique,
    kind text not null check (kind in ('put', 'del', 'erase')),
    stream text not null check (stream in ('records', 'erasures')),
    stamp integer not null,
    origin text not null,
    sequence integer not null,
    change integer not null,
    hub_sequence integer not null,
    standing text not null check (standing in ('held', 'due', 'doubtful')),
    bytes_number integer not null
  ) strict;
  create index sync_rows_by_change on sync_rows (stream, change);
  create index sync_rows_by_hub on sync_rows (stream, hub_sequence) where hub_sequence > 0;
  create index sync_rows_doubtful on sync_rows (stream, number) where standing = 'doubtful';
  create index sync_rows_due on sync_rows (stream, change) where standing = 'due';

  create table sync_bytes (
    number integer primary key autoincrement,
    bytes blob not null
  ) strict;

  create table sync_counts (
    kind text not null,
    depth integer not null,
    rows integer not null,
    primary key (kind, depth)
  ) strict, without rowid;

  create table sync_streams (
    stream text primary key,
    position integer not null,
    markers text not null
  ) strict, without rowid;

  create table sync_cursors (
    target text primary key,
    change integer not null
  ) strict, without rowid;

  create table sync_settings (
    name text primary key,
    value blob not null
  ) strict, without rowid;

  create table sync_refused (
    number integer primary key autoincrement,
    stream text not null,
    hub_sequence integer not null,
    key text not null,
    kind text not null,
    why text not null,
    at_ms integer not null,
    unique (stream, hub_sequence)
  ) strict;

  create table sync_future (
    entity blob primary key,
    stamp integer not null,
    origin text not null,
    at_ms integer not null
  ) strict, without rowid;

  create table sync_conflicts (
    number integer primary key autoincrement,
    kind text not null,
    subject_id text not null references subjects (id) on delete cascade,
    other_id text not null,
    at_ms integer not null,
    unique (kind, subject_id, other_id)
  ) strict;
  create index sync_conflicts_by_other on sync_conflicts (other_id);

  create table sync_lives (
    number integer primary key,
    origin text not null unique,
    after_sighting integer not null,
    stored_sighting integer not null,
    dropped integer not null
  ) strict;
`
