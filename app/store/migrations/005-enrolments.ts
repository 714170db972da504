/**
 * Jobs that enrol many at once, with a row for each of their pictures, and of every face the checksum of what it came from.
 *
 * Of the positions in an archive all below `done_before` are done, whether their rows are still there or left with a person. Names
 * stand in `enrolment_people` alone: a person who is deleted takes the row along, and with it what the reports say. Where a job
 * left all pictures of somebody out, and they became known in another way, the name is all that tells them: those rows leave by a
 * trigger, a namesake's among them.
 */
export const enrolments = `
  create table enrolments (
    number integer primary key autoincrement,
    id text not null unique,
    format text not null check (format in ('zip', 'tar', 'ndjson')),
    state text not null check (state in ('waiting', 'running', 'finished', 'failed', 'cancelled')),
    why text,
    requested_by text not null,
    groups text not null,
    bytes integer not null,
    sha256 blob not null,
    total integer,
    done_before integer not null default 0,
    done integer not null default 0,
    enrolled integer not null default 0,
    duplicates integer not null default 0,
    refused integer not null default 0,
    look_alikes integer not null default 0,
    people_added integer not null default 0,
    created_at_ms integer not null,
    started_at_ms integer,
    ended_at_ms integer
  ) strict;
  create index enrolments_active on enrolments (number) where state in ('waiting', 'running');

  create table enrolment_people (
    number integer primary key,
    enrolment_number integer not null references enrolments (number) on delete cascade,
    name text not null,
    external_id text,
    subject_id text references subjects (id) on delete cascade
  ) strict;
  create index enrolment_people_by_name on enrolment_people (enrolment_number, name, external_id);
  create index enrolment_people_by_subject on enrolment_people (subject_id);
  create index enrolment_people_unknown on enrolment_people (name) where subject_id is null;
  create index enrolment_people_unknown_ids on enrolment_people (external_id) where subject_id is null;
  create trigger enrolment_people_forgotten after delete on subjects begin
    delete from enrolment_people where subject_id is null and name = old.name;
    delete from enrolment_people where subject_id is null and external_id = old.external_id;
  end;

  create table enrolment_items (
    enrolment_number integer not null references enrolments (number) on delete cascade,
    position integer not null,
    person_number integer references enrolment_people (number) on delete cascade,
    file text not null,
    sha256 blob,
    result text not null,
    why text,
    face_id text,
    primary key (enrolment_number, position)
  ) strict, without rowid;
  create index enrolment_items_by_result on enrolment_items (enrolment_number, result, position);
  create index enrolment_items_refused on enrolment_items (enrolment_number, position)
    where result not in ('enrolled', 'duplicate');
  create index enrolment_items_by_person on enrolment_items (person_number);

  create table enrolment_look_alikes (
    enrolment_number integer not null,
    position integer not null,
    subject_id text not null references subjects (id) on delete cascade,
    similarity real not null,
    decision text not null check (decision in ('match', 'uncertain')),
    primary key (enrolment_number, position, subject_id),
    foreign key (enrolment_number, position) references enrolment_items (enrolment_number, position) on delete cascade
  ) strict, without rowid;
  create index enrolment_look_alikes_by_subject on enrolment_look_alikes (subject_id);

  create table face_sources (
    face_number integer primary key references faces (number) on delete cascade,
    sha256 blob not null
  ) strict;
  create index face_sources_by_checksum on face_sources (sha256);
`
