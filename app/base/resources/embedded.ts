import type { Filter } from "./filters.ts"

/** One file inside the compiled program, as a zstd frame of its own in the payload. */
export interface EmbeddedFile {
  /** Where it lies below `resourcesFolder()`; the same as in a checkout. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  /** Of the frame: where in the payload it begins, and its length. */
  readonly packedAt: number
  readonly packedBytes: number
  /** How it was rewritten before it was compressed. */
  readonly filter?: Filter
}

/** What cannot be used from inside a compiled program: native libraries, models, and whatever is large and compresses well. */
export interface Embedded {
  /** Version, processor family and the start of a hash over all contents: equal ids hold equal files. */
  readonly id: string
  /** Path of the payload in the file system inside the program. */
  readonly payload: string
  readonly files: readonly EmbeddedFile[]
}

/** `build.ts` puts a module with the contents of the program in the place of this one. A checkout has nothing embedded. */
export const embedded: Embedded | undefined = undefined
