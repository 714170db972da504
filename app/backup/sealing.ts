import { z } from "zod"
import type { Result } from "../base/result.ts"
import { type CopyWithKeys, openCopyWithKeys } from "../store/key-copies.ts"
import type { WrappedKey } from "../vault/keys.ts"
import { backupKey, type MasterKey, masterKey } from "../vault/master-key.ts"
import { recover } from "../vault/recovery.ts"
import type { Refused } from "../vault/seal.ts"
import { unlock } from "../vault/state.ts"
import type { StreamHeader } from "../vault/stream.ts"
import { openFile, readFile, readFileHeader, sealFile } from "../vault/stream-file.ts"
import { openSuite } from "../vault/suites.ts"
import type { Described, Manifest } from "./file.ts"

/** What the payload of a sealed backup is, for whoever opens the stream. */
const label = "backup"

/**
 * Attached to the stream and as unchangeable as it: what the backup says of itself, and the envelope that holds the master key for
 * the recovery key.
 */
const attachedSchema = z.object({
  described: z.unknown(),
  keys: z.int().min(0),
  envelope: z.base64().optional(),
})

/** The copy of a sealed folder's database, ready to be sealed: without its keys. */
export interface Detached {
  readonly master: MasterKey
  readonly keys: readonly WrappedKey[]
  readonly envelope?: Uint8Array
}

/**
 * Takes the keys out of a copy.
 * @param offered the master keys at hand, 32 bytes each
 * @returns `undefined` for a folder that is not sealed
 */
export function detachKeys(path: string, schema: number, offered: readonly Uint8Array[]): Result<Detached | undefined> {
  const opened = openCopyWithKeys(path, schema)
  if (opened.kind === "failed") return opened
  if (opened.value === undefined) return { kind: "ok", value: undefined }
  using copy: CopyWithKeys = opened.value
  const state = copy.rows.state()
  if (state === undefined) return { kind: "ok", value: undefined }
  const unlocked = unlock(openSuite(state.suite).suite, state, offered)
  if (unlocked.kind === "locked") return { kind: "failed", why: unlocked.why }
  const envelope = state.recovery?.envelope
  return {
    kind: "ok",
    value: { master: unlocked.masters.current, keys: copy.takeKeys(), ...(envelope && { envelope }) },
  }
}

/** Into a new file. */
export async function sealPayload(
  from: string,
  to: string,
  described: Described,
  { master, keys, envelope }: Detached,
): Promise<void> {
  const attached = { described, keys: keys.length, ...(envelope && { envelope: Buffer.from(envelope).toString("base64") }) }
  await sealFile(backupKey(master), label, from, to, Buffer.from(JSON.stringify(attached)))
}

export function isSealed({ payload }: Manifest): boolean {
  return payload.sealing !== "none"
}

/** How a sealed backup may be opened. */
export interface BackupKeys {
  /** The master keys of this machine, 32 bytes each. */
  readonly offered: readonly Uint8Array[]
  /** As somebody typed it; asked for only when no master key at hand opens the backup. */
  readonly recoveryKey?: () => string | undefined
}

/** A sealed backup whose master key was found. */
export interface Unsealing {
  readonly master: MasterKey
  readonly by: "master_key" | "recovery_key"
}

/** Finds the master key of a sealed backup. Nothing but the beginning of the file is read. */
export async function unsealingOf(
  file: string,
  manifest: Manifest,
  { offered, recoveryKey }: BackupKeys,
): Promise<Result<Unsealing>> {
  const header = await readFileHeader(file)
  const attached = header && parseAttached(header)
  if (header === undefined || attached === undefined) return edited(file)
  if (!isSameAs(attached, manifest)) return edited(file)
  const { suite } = openSuite(header.suite)
  const present = offered.map((material) => masterKey(suite, material)).find(({ id }) => id === header.keyId)
  if (present !== undefined) return { kind: "ok", value: { master: present, by: "master_key" } }
  const typed = recoveryKey?.()
  if (typed === undefined) {
    const why = `${file} is sealed under the master key ${header.keyId}, which this machine does not have: give the recovery key of the box that made it (--recovery-key-file, or GATEHOUSE_RECOVERY_KEY)`
    return { kind: "failed", why }
  }
  if (attached.envelope === undefined) {
    const why = `${file} was made before the box had a recovery key: only the master key ${header.keyId} opens it`
    return { kind: "failed", why }
  }
  const recovered = recover(suite, typed, Buffer.from(attached.envelope, "base64"))
  if (recovered.kind !== "recovered") return { kind: "failed", why: recovered.why }
  const master = masterKey(suite, recovered.material)
  return master.id === header.keyId ? { kind: "ok", value: { master, by: "recovery_key" } } : edited(file)
}

/** Whether one of these master keys is the one of the backup. */
export async function opensWithMaster(file: string, manifest: Manifest, offered: readonly Uint8Array[]): Promise<boolean> {
  return (await unsealingOf(file, manifest, { offered })).kind === "ok"
}

/** Opens all of it and keeps nothing: whether this key is the right one, and every byte is ours. */
export async function proveBackup(file: string, manifest: Manifest, keys: BackupKeys): Promise<Result<Unsealing>> {
  const found = await unsealingOf(file, manifest, keys)
  if (found.kind === "failed") return found
  const opened = await readFile(backupKey(found.value.master), label, file, manifest.payload.bytes)
  return opened.kind === "opened" ? found : { kind: "failed", why: wordsFor(file, opened.kind) }
}

/** Into a new file, on the disk; there is none when this fails. */
export async function unsealPayload(
  file: string,
  { payload }: Manifest,
  { master }: Unsealing,
  to: string,
): Promise<Result<void>> {
  const opened = await openFile(backupKey(master), label, file, to, payload.bytes)
  return opened.kind === "opened" ? { kind: "ok", value: undefined } : { kind: "failed", why: wordsFor(file, opened.kind) }
}

function wordsFor(file: string, kind: Refused["kind"] | "truncated"): string {
  const remedy = "copy it again, or take another backup"
  if (kind === "truncated") return `${file} is cut: some of it is missing; ${remedy}`
  return `${file} was changed after it was made: what is in it was not sealed by this box; ${remedy}`
}

function edited(file: string): Result<never> {
  return { kind: "failed", why: wordsFor(file, "tampered") }
}

function parseAttached({ attached }: StreamHeader): z.output<typeof attachedSchema> | undefined {
  try {
    return attachedSchema.parse(JSON.parse(Buffer.from(attached).toString()))
  } catch {
    // Whoever calls says so: only a Gatehouse writes there, and it writes JSON.
    return undefined
  }
}

/** The manifest at the end could be written by anybody. */
function isSameAs({ described, keys }: z.output<typeof attachedSchema>, manifest: Manifest): boolean {
  const { payload, keys: place, ...own } = manifest
  return keys === place?.count && Bun.deepEquals(described, own)
}
