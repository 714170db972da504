import { createHash } from "node:crypto"
import type { Result } from "../base/result.ts"
import { readBase32, writeBase32 } from "./base32.ts"
import { materialBytes } from "./master-key.ts"
import type { Suite } from "./suite.ts"

/**
 * The recovery key is the private half of a pair. It is shown once and never stored; the box keeps the public half, and with it
 * an envelope that holds the master key. So every backup carries what the recovery key opens, also after the master key was
 * rotated, and a master key that leaked does not tell the recovery key.
 */
export interface RecoveryKey {
  /** For paper: eight groups of four letters and digits. */
  readonly text: string
  readonly publicKey: Uint8Array
}

export type Recovered =
  | { readonly kind: "recovered"; readonly material: Uint8Array }
  /** Not a recovery key: somebody slipped while typing. */
  | { readonly kind: "mistyped"; readonly why: string }
  /** A recovery key, but of another box, or the envelope was changed. */
  | { readonly kind: "refused"; readonly why: string }

/** 128 bits, as much as the curves behind it are worth. */
const seedBytes = 16
/** 32 bits: of four thousand million slips one gets through, and then fails at the envelope. */
const checkBytes = 4
const characters = ((seedBytes + checkBytes) * 8) / 5

export function createRecoveryKey(suite: Suite): RecoveryKey {
  const seed = crypto.getRandomValues(new Uint8Array(seedBytes))
  const text = writeBase32(Buffer.concat([seed, checkOf(seed)]))
  return { text: (text.match(/.{4}/g) ?? []).join("-"), publicKey: suite.envelope.keyPairFrom(seed).publicKey }
}

/** The master key for the holder of the recovery key. */
export function sealForRecovery(suite: Suite, publicKey: Uint8Array, material: Uint8Array): Uint8Array {
  return suite.envelope.sealTo(publicKey, material)
}

/** @param text as somebody typed it: in small letters, with blanks, with O for 0 and I or L for 1 */
export function recover(suite: Suite, text: string, envelope: Uint8Array): Recovered {
  const read = readSeed(text)
  if (read.kind === "failed") return { kind: "mistyped", why: `${read.why}: look at the recovery key again` }
  const material = suite.envelope.openWith(suite.envelope.keyPairFrom(read.value), envelope)
  if (material?.length === materialBytes) return { kind: "recovered", material }
  const why =
    "this recovery key does not open this backup: it is of another box, or the backup was changed; look for the right one"
  return { kind: "refused", why }
}

function readSeed(text: string): Result<Uint8Array> {
  const typed = text.replaceAll(/[\s-]/g, "")
  if (typed.length !== characters)
    return { kind: "failed", why: `it has ${typed.length} letters and digits instead of ${characters}` }
  const read = readBase32(typed)
  if (read.kind === "failed") return read
  const seed = read.value.subarray(0, seedBytes)
  if (!checkOf(seed).equals(read.value.subarray(seedBytes)))
    return { kind: "failed", why: "one of its letters or digits is another" }
  return { kind: "ok", value: seed }
}

/** SHA-256 in every suite: it guards against slips of the pen, and is asked before anybody knows the suite. */
function checkOf(seed: Uint8Array): Buffer {
  return createHash("sha256").update("gatehouse recovery key v1").update(seed).digest().subarray(0, checkBytes)
}
