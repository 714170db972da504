/**
 * What was seen and what was enrolled, ready to be sealed. Of an enrolment's person, item and end everything in words becomes one
 * JSON object or text in a blob, with digests to find a person again; as in step 6 the values stand in the clear until they are
 * sealed, and a digest is the value itself.
 *
 * Snapshots are sealed by the month in which they were recorded. Whether any is left of a month is read from an index.
 */
export const sealedRecords = `
  create index sightings_by_snapshot_month on sightings (strftime('%Y-%m', recorded_at_ms / 1000, 'unixepoch'))
    where snapshot_bytes is not null;

  drop trigger enrolment_people_forgotten;
  drop index enrolment_people_by_name;
  drop index enrolment_people_unknown;
  drop index enrolment_people_unknown_ids;
  alter table enrolment_people add column details blob not null default x'';
  alter table enrolment_people add column name_digest blob not null default x'';
  alter table enrolment_people add column external_id_digest blob;
  update enrolment_people set
    details = cast(case when external_id is null then json_object('name', name)
      else json_object('name', name, 'externalId', external_id) end as blob),
    name_digest = cast(name as blob),
    external_id_digest = cast(external_id as blob);
  alter table enrolment_people drop column name;
  alter table enrolment_people drop column external_id;
  create index enrolment_people_by_name on enrolment_people (enrolment_number, name_digest, external_id_digest);
  create index enrolment_people_unknown on enrolment_people (name_digest) where subject_id is null;
  create index enrolment_people_unknown_ids on enrolment_people (external_id_digest) where subject_id is null;
  create trigger enrolment_people_forgotten after delete on subjects begin
    delete from enrolment_people where subject_id is null and name_digest = old.name_digest;
    delete from enrolment_people where subject_id is null and external_id_digest = old.external_id_digest;
  end;

  alter table enrolment_items add column details blob not null default x'';
  update enrolment_items set details = cast(json_patch('{}', json_object('file', file, 'why', why,
    'sha256', case when sha256 is null then null else lower(hex(sha256)) end)) as blob);
  alter table enrolment_items drop column file;
  alter table enrolment_items drop column why;
  alter table enrolment_items drop column sha256;

  alter table enrolments add column why_blob blob;
  update enrolments set why_blob = cast(why as blob);
  alter table enrolments drop column why;
  alter table enrolments rename column why_blob to why;
`
