/**
 * What was seen. `number` is the order of recording and is never used again after a deletion (autoincrement): listeners go on
 * from it. Names are not here: a face refers to its subject, and loses it when the subject is deleted.
 *
 * `camera` and `captured_at_ms` stand with the faces too, so that every filter of the list walks one index in the order of the
 * answer. Snapshots have a table of their own, so that walking the sightings reads no pictures.
 *
 * `sighting_totals` is one row, kept by triggers: the budgets ask for it after each recording.
 */
export const sightings = `
  create table sightings (
    number integer primary key autoincrement,
    id text not null unique,
    camera text not null,
    request_id text not null,
    captured_at_ms integer not null,
    recorded_at_ms integer not null,
    image_width integer not null,
    image_height integer not null,
    snapshot_bytes integer
  ) strict;
  create index sightings_by_time on sightings (captured_at_ms, number);
  create index sightings_by_camera on sightings (camera, captured_at_ms, number);
  create index sightings_by_snapshot on sightings ((snapshot_bytes is null), captured_at_ms, number);

  create table sighting_faces (
    sighting_number integer not null references sightings (number) on delete cascade,
    position integer not null,
    camera text not null,
    captured_at_ms integer not null,
    x real not null,
    y real not null,
    width real not null,
    height real not null,
    score real not null,
    quality_score real not null,
    decision text not null check (decision in ('match', 'uncertain', 'unknown')),
    subject_id text references subjects (id) on delete set null,
    similarity real,
    primary key (sighting_number, position)
  ) strict, without rowid;
  create index sighting_faces_by_subject on sighting_faces (subject_id, captured_at_ms, sighting_number)
    where subject_id is not null;
  create index sighting_faces_by_decision on sighting_faces (decision, captured_at_ms, sighting_number);
  create index sighting_faces_by_camera on sighting_faces (camera, decision, captured_at_ms, sighting_number);

  create table sighting_snapshots (
    sighting_number integer primary key references sightings (number) on delete cascade,
    jpeg blob not null
  ) strict;

  create table sighting_totals (
    only integer primary key check (only = 1),
    sightings integer not null,
    snapshot_bytes integer not null,
    trusted_at_ms integer
  ) strict;
  insert into sighting_totals values (1, 0, 0, null);
  create trigger sighting_counted after insert on sightings begin
    update sighting_totals set sightings = sightings + 1, snapshot_bytes = snapshot_bytes + coalesce(new.snapshot_bytes, 0);
  end;
  create trigger sighting_discounted after delete on sightings begin
    update sighting_totals set sightings = sightings - 1, snapshot_bytes = snapshot_bytes - coalesce(old.snapshot_bytes, 0);
  end;
`
