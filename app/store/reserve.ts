import { existsSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"

/** What SQLite needs at worst to fold its write-ahead log into a database that has to grow for it. */
const reserveBytes = 4 * 1024 * 1024

/** It is made only where it takes a small part of what is free. */
const freeTimes = 4

/** Disk space held back for the moment when there is no other: without any, not even deleting is possible. */
export interface Reserve {
  /** Gives the space to whoever needs it; false when it was given away already. */
  release(): boolean
  /** Takes it back, if there is plenty. */
  keep(): void
}

export function openReserve(path: string): Reserve {
  return {
    release() {
      if (!existsSync(path)) return false
      rmSync(path, { force: true })
      return true
    },

    keep() {
      if (existsSync(path) && statSync(path).size === reserveBytes) return
      const { bavail, bsize } = statfsSync(dirname(path))
      if (bavail * bsize < freeTimes * reserveBytes) return
      // Written rather than reserved: on many file systems a file of holes takes no space.
      writeFileSync(path, new Uint8Array(reserveBytes), { mode: 0o600 })
    },
  }
}
