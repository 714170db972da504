/**
 * What seals the rest. `vault` has one row from the day the folder is sealed; none means that everything lies in the clear. `sealing`
 * is 1 until nothing is left in the clear: while it is, nobody serves from the folder.
 *
 * A row of `data_keys` is the key of one owner (`subject/<id>`, `sightings/2026-03`, `site/…`), wrapped by the master key that it
 * names. Deleting it shreds all that the owner's key sealed, in every copy. `site_secrets` are the box's own, sealed like the rest.
 */
export const keyTables = `
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

/**
 * Ready to be sealed. What names or describes a person becomes one JSON object in `details`, with digests to find people by the
 * whole of a name or a number; what belongs to a chip but its picture becomes one JSON object, too. SQL cannot seal: here these
 * columns hold the values in the clear, as they stay in a folder without a master key, and a digest is the value itself.
 */
export const vault = `
${keyTables}
  alter table subjects add column details blob not null default x'';
  alter table subjects add column name_digest blob not null default x'';
  alter table subjects add column external_id_digest blob;
  update subjects set
    details = cast('{"name":' || json_quote(name) || ',"externalId":' || json_quote(external_id)
      || ',"metadata":' || coalesce(metadata, 'null') || ',"consentNote":' || json_quote(consent_note) || '}' as blob),
    name_digest = cast(name as blob),
    external_id_digest = cast(external_id as blob);
  drop trigger enrolment_people_forgotten;
  drop index subjects_by_name;
  drop index subjects_by_external_id;
  alter table subjects drop column name;
  alter table subjects drop column external_id;
  alter table subjects drop column metadata;
  alter table subjects drop column consent_note;
  create index subjects_by_name on subjects (name_digest);
  create unique index subjects_by_external_id on subjects (external_id_digest) where external_id_digest is not null;
  create trigger enrolment_people_forgotten after delete on subjects begin
    delete from enrolment_people where subject_id is null and name = cast(old.name_digest as text);
    delete from enrolment_people where subject_id is null and external_id = cast(old.external_id_digest as text);
  end;

  create table chips (
    face_number integer primary key references faces (number) on delete cascade,
    jpeg blob not null,
    about blob not null
  ) strict;
  insert into chips select face_number, jpeg,
    cast('{"size":{"width":' || width || ',"height":' || height || '},"landmarks":' || landmarks || '}' as blob)
    from face_chips order by face_number;
  drop table face_chips;
  alter table chips rename to face_chips;

  alter table creates add column sealed_note blob;
  update creates set sealed_note = cast(note as blob);
  alter table creates drop column note;
  alter table creates rename column sealed_note to note;
`
