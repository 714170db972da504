import type { Result } from "../../app/base/result.ts"
import type { LayoutEntry } from "../../app/cli/install/layout.ts"

/** What lies at a path of a system: what flashing is compared by. */
export type Found =
  | { readonly kind: "folder"; readonly mode: number; readonly owner: number }
  | { readonly kind: "file"; readonly mode: number; readonly owner: number; readonly sha256: string }
  | { readonly kind: "link"; readonly target: string }
  | { readonly kind: "other" }

/** A system that lies still: a folder with its root file system, or an image of it. Paths are as the system itself sees them. */
export interface FlashTarget {
  /** In words, for whoever flashes. */
  readonly where: string
  /** The names in a folder; none where there is no folder. */
  names(folder: string): Promise<readonly string[]>
  /** The bytes of a file, links followed; `undefined` where there is none. */
  read(path: string): Promise<Uint8Array | undefined>
  /** Makes the entries and removes these paths. What belongs to the owner and is there stays. */
  place(entries: readonly LayoutEntry[], program: string, removed: readonly string[]): Promise<Result<void>>
  /** What is there now; read anew, and the last part of the path is not followed. */
  look(path: string): Promise<Found | undefined>
  /** Whether the file system is sound, in words. */
  check(): Promise<Result<string>>
}
