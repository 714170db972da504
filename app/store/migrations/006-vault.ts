/**
 * What seals the rest. `vault` has one row from the day the folder is sealed; none means that everything lies in the clear. `sealing`
 * is 1 until nothing is left in the clear: while it is, nobody serves from the folder.
 *
 * A row of `data_keys` is the key of one owner (`subject/<id>`, `sightings/2026-03`, `site/…`), wrapped by the master key that it
 * names. Deleting it shreds all that the owner's key sealed, in every copy. `site_secrets` are the box's own, sealed like the rest.
 */
export const vault = `
  create table vault (
    only integer primary key check (only = 1),
    suite text not null check (suite in ('aes', 'gm')),
    master_id text not null,
    recovery_public_key blob,
    recovery_envelope blob,
    retired_id text,
    retired_material blob,
    sealing integer not null default 0 check (sealing in (0, 1))
  ) strict;
  create table data_keys (
    owner text primary key,
    id text not null,
    master_id text not null,
    wrapped blob not null
  ) strict, without rowid;
  create index data_keys_by_master on data_keys (master_id, owner);
  create table site_secrets (
    name text primary key,
    secret blob not null
  ) strict, without rowid;
`
