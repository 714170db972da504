import { readFile } from "node:fs/promises"
import type { Result } from "../../base/result.ts"
import type { LocatedModel } from "../manifest.ts"

/**
 * The bytes of one weights file, checked as they were read: what runs is what was checked, whatever happens to the file
 * meanwhile.
 */
export async function readWeights({ manifest, paths }: LocatedModel, fileName: string): Promise<Result<Buffer>> {
  const file = manifest.files.find(({ name }) => name === fileName)
  const path = paths[fileName]
  if (file === undefined || path === undefined) {
    return failed(`${manifest.name} ${manifest.version} has no file ${fileName}; prepare the models again`)
  }
  const bytes = await readFile(path).catch((error: unknown) => String(error))
  if (typeof bytes === "string") return failed(`${path} cannot be read (${bytes}); prepare the models again`)
  if (bytes.length !== file.bytes) {
    return failed(`${path} has ${bytes.length} bytes, its manifest says ${file.bytes}; remove it and prepare the models again`)
  }
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex")
  if (sha256 !== file.sha256) {
    return failed(`${path} has SHA-256 ${sha256}, its manifest says ${file.sha256}; remove it and prepare the models again`)
  }
  return { kind: "ok", value: bytes }
}

function failed(why: string): Result<never> {
  return { kind: "failed", why }
}
