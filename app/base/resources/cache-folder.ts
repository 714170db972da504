import { statSync } from "node:fs"
import { homedir } from "node:os"
import { isAbsolute, join, resolve } from "node:path"
import type { Result } from "../result.ts"

/** Names the cache folder, where `--cache-dir` does not. */
export const cacheVariable = "GATEHOUSE_CACHE"

/** What decides; a test tells its own. */
export interface CacheSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isRoot: boolean
  readonly home: string
  /** The system's folder belongs to somebody else: systemd has given it to the user of a service. */
  readonly isSystemsTaken: boolean
}

const systemsCache = "/var/cache/gatehouse"
/** Root loads no library that another user could have changed. */
const rootsCache = "/var/cache/gatehouse-root"

/**
 * Where the compiled file unpacks what it brings along. In this order: the command line, `GATEHOUSE_CACHE`, systemd's
 * `CacheDirectory=`, for root `/var/cache/gatehouse`, or a folder beside it where that is a service's, `$XDG_CACHE_HOME/gatehouse`, `~/.cache/gatehouse`. Never a folder for
 * temporary files: others may write there, and what lies there is swept away while the box runs.
 */
export function chooseCacheFolder(told: string | undefined, surroundings = ownSurroundings()): Result<string> {
  const { env, isRoot, home, isSystemsTaken } = surroundings
  const named = told ?? given(env[cacheVariable])
  if (named !== undefined) return { kind: "ok", value: resolve(named) }
  // systemd gives a list where a unit asks for several.
  const fromSystemd = given(env.CACHE_DIRECTORY)?.split(":")[0]
  if (fromSystemd !== undefined) return { kind: "ok", value: resolve(fromSystemd) }
  if (isRoot) return { kind: "ok", value: isSystemsTaken ? rootsCache : systemsCache }
  // A relative one is invalid and to be ignored, says the XDG specification.
  const fromXdg = given(env.XDG_CACHE_HOME)
  if (fromXdg !== undefined && isAbsolute(fromXdg)) return { kind: "ok", value: join(fromXdg, "gatehouse") }
  if (isAbsolute(home) && home !== "/") return { kind: "ok", value: join(home, ".cache/gatehouse") }
  return {
    kind: "failed",
    why: `this user has no home folder for the cache: name a folder that it may write with --cache-dir or ${cacheVariable}`,
  }
}

function ownSurroundings(): CacheSurroundings {
  const isRoot = process.getuid?.() === 0
  return { env: process.env, isRoot, home: ownHome(), isSystemsTaken: isRoot && isSystemsTaken() }
}

/** For root alone: to others the way there may be closed. */
function isSystemsTaken(): boolean {
  const systems = statSync(systemsCache, { throwIfNoEntry: false })
  return systems !== undefined && systems.uid !== 0
}

/** A user without an entry in the list of users has none, and the question throws. */
function ownHome(): string {
  try {
    return homedir()
  } catch {
    return ""
  }
}

/** An empty variable is an unset one. */
function given(value: string | undefined): string | undefined {
  return value === "" ? undefined : value
}
