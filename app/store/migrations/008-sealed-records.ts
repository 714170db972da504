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
`
