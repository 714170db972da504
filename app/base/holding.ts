/** One person, as the tables know them. */
export interface HeldPerson {
  readonly subjectId: string
  /** Of every face they have. */
  readonly faceIds: readonly string[]
}

/** One file of what is held of a person, for the person to read. */
export interface HeldFile {
  /** Path in the export: `sightings/0190….json`. */
  readonly name: string
  readonly bytes: Uint8Array
}

/**
 * What one folder holds of a person, and how it is told and taken away. Every table that refers to people stands in a holding:
 * tests/people/holdings.test.ts reads the schema, and fails when one is forgotten.
 */
export interface Holding {
  readonly name: string
  /** By their names in the database. */
  readonly tables: readonly string[]
  /** Everything of the person, a file at a time. What it tells of other people is left out. */
  files(person: HeldPerson): Iterable<HeldFile> | AsyncIterable<HeldFile>
  /**
   * Erases a bounded part in one transaction, so that others are answered in between. The rows it took; 0 when nothing is left.
   * Absent where everything leaves with the row of the person.
   */
  erase?(person: HeldPerson): number
  /**
   * What refers to one person refers to another from now on, in the caller's transaction. What is returned puts it back, as JSON.
   * Absent where it leaves with the person, or moves with something else.
   */
  move?(fromId: string, toId: string): unknown
  /** In the caller's transaction, from whom it went to. What has left meanwhile, or is somebody else's, is passed over. */
  moveBack?(moved: unknown, fromId: string, toId: string): void
  /** What was copied out of the tables: caches, indexes, files. Called after the last row is gone. */
  eraseCopies?(): Promise<void>
}

/** Read by people and programs alike. */
export function jsonFile(name: string, value: unknown): HeldFile {
  return { name, bytes: Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`) }
}
