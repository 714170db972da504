import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs"
import { join } from "node:path"
import type { Result } from "../base/result.ts"
import { claimCodeFileBytesMax, parseClaimCode } from "./claim-code.ts"

/**
 * Where a box that was flashed finds its code: what `GATEHOUSE_CLAIM_CODE_FILE` names, else the systemd credential `claim-code`.
 *
 * @returns `undefined` when nobody has given one: no file, or one that says so
 */
export function readClaimCodeFile(env: Readonly<Record<string, string | undefined>> = process.env): Result<string> | undefined {
  const path = pathFrom(env)
  if (path === undefined) return undefined
  let file: number | undefined
  try {
    if (!existsSync(path)) return undefined
    file = openSync(path, "r")
    if (fstatSync(file).size > claimCodeFileBytesMax)
      return { kind: "failed", why: `${path} is too long for a claim code: look whether it is the right file` }
    const bytes = Buffer.alloc(claimCodeFileBytesMax)
    const text = bytes.toString("latin1", 0, readSync(file, bytes)).trim()
    if (text === "" || text === nobodyGaveOne) return undefined
    const parsed = parseClaimCode(text)
    // Its reason may quote the file, and that is said in the log.
    const why = `${path} holds no claim code: ten letters and digits are needed, as scripts/flash writes them`
    return parsed.kind === "ok" ? parsed : { kind: "failed", why }
  } catch (error) {
    return { kind: "failed", why: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` }
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/** What our unit has in place of a file that is not there: systemd allows no empty credential. */
const nobodyGaveOne = "none"

function pathFrom(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const { GATEHOUSE_CLAIM_CODE_FILE: named, CREDENTIALS_DIRECTORY: credentials } = env
  if (named !== undefined && named !== "") return named
  return credentials === undefined || credentials === "" ? undefined : join(credentials, "claim-code")
}
