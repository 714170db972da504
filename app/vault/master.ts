import { existsSync, readFileSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Result } from "../base/result.ts"
import { nextKeyFile, parseMaterial, readKeyFile } from "./master-file.ts"

/** Where a master key may come from, in the order in which they are asked. */
export interface MasterPlaces {
  /** `$CREDENTIALS_DIRECTORY`: systemd puts decrypted credentials there, in memory, for this service alone. */
  readonly credentialsFolder?: string | undefined
  readonly keyFile?: string | undefined
  /** `$GATEHOUSE_MASTER_KEY`, for containers that have nothing better. */
  readonly environment?: string | undefined
  /** `$GATEHOUSE_MASTER_KEY_NEXT`, while a rotation begins. */
  readonly environmentNext?: string | undefined
  readonly dataFolder: string
}

export type MasterSource =
  | { readonly from: "credential"; readonly path: string; readonly hasTpm: boolean }
  | { readonly from: "file"; readonly path: string; readonly onDataDisk: boolean }
  | { readonly from: "environment"; readonly variable: string }

export interface OfferedMaster {
  readonly material: Uint8Array
  readonly source: MasterSource
}

export const credentialName = "gatehouse-master"
export const nextCredentialName = "gatehouse-master-next"

/** The TPM 2 as the kernel shows it to programs. */
const tpmDevice = "/dev/tpmrm0"

/**
 * Every master key that is offered, the one to begin with first; none is fine, and said elsewhere (exposure.ts). One that is
 * there but not safe or not readable fails: a box that went on without it would write in the clear.
 */
export function findMasterKeys(places: MasterPlaces): Result<readonly OfferedMaster[]> {
  const offered: OfferedMaster[] = []
  for (const [read, source] of candidates(places)) {
    if (read?.kind === "failed") return read
    if (read !== undefined) offered.push({ material: read.value, source })
  }
  return { kind: "ok", value: offered }
}

function* candidates(places: MasterPlaces): Generator<readonly [Result<Uint8Array> | undefined, MasterSource]> {
  const { credentialsFolder, keyFile, dataFolder } = places
  for (const name of credentialsFolder === undefined ? [] : [credentialName, nextCredentialName]) {
    const path = join(credentialsFolder ?? "", name)
    yield [readCredential(path), { from: "credential", path, hasTpm: existsSync(tpmDevice) }]
  }
  if (keyFile !== undefined) {
    // The next one first: it may take the file's place in this very moment, and must not be missed in both.
    const next = readKeyFile(nextKeyFile(keyFile), dataFolder)
    const source = (path: string) => ({ from: "file", path, onDataDisk: isOnDiskOf(path, dataFolder) }) as const
    yield [readKeyFile(keyFile, dataFolder), source(keyFile)]
    yield [next, source(nextKeyFile(keyFile))]
  }
  const variables = { GATEHOUSE_MASTER_KEY: places.environment, GATEHOUSE_MASTER_KEY_NEXT: places.environmentNext }
  for (const [variable, value] of Object.entries(variables))
    yield [value === undefined ? undefined : parseMaterial(Buffer.from(value), variable), { from: "environment", variable }]
}

/** systemd has seen to who can read it. */
function readCredential(path: string): Result<Uint8Array> | undefined {
  if (!existsSync(path)) return undefined
  try {
    return parseMaterial(readFileSync(path), path)
  } catch (error) {
    return { kind: "failed", why: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** Whether one thief has both. */
function isOnDiskOf(path: string, dataFolder: string): boolean {
  const device = (of: string): number => statSync(of, { throwIfNoEntry: false })?.dev ?? device(dirname(of))
  return device(path) === device(dataFolder)
}
