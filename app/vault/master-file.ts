import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs"
import { dirname, relative } from "node:path"
import type { Result } from "../base/result.ts"
import { masterKey, materialBytes } from "./master-key.ts"
import type { Suite } from "./suite.ts"

/** A master key in a file of its own, 64 hexadecimal digits or 32 plain bytes. */

/** Beside the file while a rotation begins: the key that is to come. */
export const nextKeyFile = (path: string): string => `${path}.next`

/** A key file has no more; what is longer is another file, named by mistake. */
const fileBytesMax = 100

/**
 * @param dataFolder where it must not lie: who copies the folder would have the key as well
 * @returns `undefined` when there is no such file
 */
export function readKeyFile(path: string, dataFolder: string): Result<Uint8Array> | undefined {
  if (!existsSync(path)) return undefined
  try {
    const file = openSync(path, "r")
    try {
      // Of the file that was opened: its name may mean another one a moment later.
      const why = whyUnsafe(path, fstatSync(file), dataFolder)
      return why === undefined ? parseMaterial(readFileSync(file), path) : { kind: "failed", why }
    } finally {
      closeSync(file)
    }
  } catch (error) {
    // A rotation has given it another name in this very moment.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined
    return { kind: "failed", why: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` }
  }
}

function whyUnsafe(path: string, { mode, uid, size }: ReturnType<typeof fstatSync>, dataFolder: string): string | undefined {
  const user = process.getuid?.()
  const access = Number(mode) & 0o777
  if (Number(uid) !== user)
    return `${path} belongs to user ${uid}, and the box runs as ${user}: chown it, so that nobody else can change the master key`
  if (access !== 0o400)
    return `${path} has mode ${access.toString(8).padStart(4, "0")}: others could read or change the master key; chmod 0400 ${path}`
  if (Number(size) > fileBytesMax) return `${path} has ${size} bytes, which is no master key: look whether it is the right file`
  if (existsSync(dataFolder) && isInside(realpathSync(path), realpathSync(dataFolder)))
    return `${path} lies in the data folder: whoever copies the folder has the master key as well; move it to another place`
  return undefined
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way !== ".." && !way.startsWith("../")
}

/** @param from for the words */
export function parseMaterial(bytes: Uint8Array, from: string): Result<Uint8Array> {
  if (bytes.length === materialBytes && !bytes.every(isPrintable)) return { kind: "ok", value: Uint8Array.from(bytes) }
  const text = Buffer.from(bytes).toString("latin1").trim()
  if (/^[0-9a-f]{64}$/i.test(text)) return { kind: "ok", value: Uint8Array.fromHex(text) }
  const why = `${from} holds no master key: 64 hexadecimal digits are needed, as \`openssl rand -hex 32\` gives them`
  return { kind: "failed", why }
}

/** 32 random bytes are never all of them letters (10^-13); 32 letters are half of a key in digits, or somebody's password. */
const isPrintable = (byte: number) => byte >= 0x20 && byte < 0x7f

/** Makes a key file that only we can read, and never replaces one. It is on the disk when this returns. */
export function writeKeyFile(path: string, material: Uint8Array): Result<void> {
  const draft = `${path}.draft-${process.pid}`
  try {
    const file = openSync(draft, "wx", 0o400)
    try {
      writeSync(file, `${material.toHex()}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    // Unlike a rename, this fails where a file is already.
    linkSync(draft, path)
    syncFolder(path)
    return { kind: "ok", value: undefined }
  } catch (error) {
    return { kind: "failed", why: `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}` }
  } finally {
    rmSync(draft, { force: true })
  }
}

/** The next key takes the place of the present one. To be called when the rotation has begun, and again after a kill. */
export function promoteNextKeyFile(path: string): void {
  renameSync(nextKeyFile(path), path)
  syncFolder(path)
}

/**
 * The next key file takes the place of the present one where the folder lies under it already. To be called after a rotation has
 * begun, and at every start: a kill may have come between the two.
 */
export function settleKeyFile(suite: Suite, keyFile: string | undefined, dataFolder: string, masterId: string): Result<void> {
  const next = keyFile === undefined ? undefined : readKeyFile(nextKeyFile(keyFile), dataFolder)
  if (next?.kind === "failed") return next
  if (keyFile === undefined || next === undefined || masterKey(suite, next.value).id !== masterId)
    return { kind: "ok", value: undefined }
  try {
    promoteNextKeyFile(keyFile)
    return { kind: "ok", value: undefined }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { kind: "failed", why: `${nextKeyFile(keyFile)} could not take the place of ${keyFile}: ${why}` }
  }
}

function syncFolder(path: string): void {
  const folder = openSync(dirname(path), "r")
  fsyncSync(folder)
  closeSync(folder)
}
