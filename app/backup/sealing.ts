/**
 * What may be done to a copy of the database before it leaves as a backup: encrypting it. Both work on the file at `path` in
 * place, and leave it whole or throw.
 */
export interface Sealing {
  /** Stands in the manifest, so that a backup sealed otherwise is refused by name. */
  readonly name: string
  seal(path: string): Promise<void>
  unseal(path: string): Promise<void>
}

/** The plain database. The file is private to its user; whoever reads it reads everything. */
export const unsealed: Sealing = { name: "none", seal: async () => undefined, unseal: async () => undefined }
