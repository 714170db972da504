/**
 * What was asked for could not be read from the disk or written to it: it is full, broken, or held by another process. No bug of
 * ours, and nothing that was written before has changed. `message` is for a person.
 */
export class StorageTrouble extends Error {
  override name = "StorageTrouble"
}
