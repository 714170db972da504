/**
 * A face that another network has embedded again, from the picture that is kept of it, has a twin in the other network's space: a row
 * of its own, found by searches there, and told to nobody. It is named as the face it is the twin of, and leaves with it.
 *
 * `flipped_sets` has a row for a model set in whose place another one serves, until it is flipped back.
 */
export const twins = `
  alter table faces add column twin_of text references faces (id) on delete cascade;
  create unique index faces_by_twin on faces (twin_of, space_number) where twin_of is not null;
  create index faces_twins_by_subject on faces (subject_id) where twin_of is not null;

  create table flipped_sets (
    from_set text primary key,
    to_set text not null
  ) strict, without rowid;
`
