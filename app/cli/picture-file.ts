import { readFile } from "node:fs/promises"
import type { Result } from "../base/result.ts"

/** A picture somebody named on the command line. */
export async function readPicture(path: string): Promise<Result<Uint8Array>> {
  try {
    return { kind: "ok", value: await readFile(path) }
  } catch (error) {
    return { kind: "failed", why: `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}` }
  }
}
