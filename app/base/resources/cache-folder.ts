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
}

/**
 * Where the compiled file unpacks what it brings along. In this order: the command line, `GATEHOUSE_CACHE`, systemd's
 * `CacheDirectory=`, `/var/cache/gatehouse` for root, `$XDG_CACHE_HOME/gatehouse`, `~/.cache/gatehouse`. Never a folder for
 * temporary files: others may write there, and what lies there is swept away while the box runs.
 */
export function chooseCacheFolder(told: string | undefined, surroundings = ownSurroundings()): Result<string> {
  const { env, isRoot, home } = surroundings
  const named = told ?? given(env[cacheVariable])
  if (named !== undefined) return { kind: "ok", value: resolve(named) }
  // systemd gives a list where a unit asks for several.
  const fromSystemd = given(env.CACHE_DIRECTORY)?.split(":")[0]
  if (fromSystemd !== undefined) return { kind: "ok", value: resolve(fromSystemd) }
  if (isRoot) return { kind: "ok", value: "/var/cache/gatehouse" }
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
  return { env: process.env, isRoot: process.getuid?.() === 0, home: ownHome() }
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
