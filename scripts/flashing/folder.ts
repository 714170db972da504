import { existsSync, statSync } from "node:fs"
import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises"
import type { Result } from "../../app/base/result.ts"
import { inside } from "../../app/cli/install/inside.ts"
import { put, remove, whyNotPut } from "../../app/cli/install/put.ts"
import { examineTarget } from "../../app/cli/install/target.ts"
import { sha256Of } from "../build/tools.ts"
import type { FlashTarget, Found } from "./target.ts"

/** A folder that holds a root file system, such as `Linux_for_Tegra/rootfs` or an image that is mounted. */
export function openFolderTarget(root: string): Result<FlashTarget> {
  const failed = (why: string) => ({ kind: "failed", why }) as const
  if (root === "/") return failed("/ is this machine, which runs: ./gatehouse install makes it a box")
  if (process.getuid?.() !== 0) return failed("the files must belong to root: run it as root (sudo scripts/flash …)")
  const examined = examineTarget(root, ["/usr/local/bin", "/etc"])
  if (examined.kind === "failed") return examined
  /** Where a path lies here, with its last part followed as well. */
  const followed = (path: string) => inside(root, `${path}/.`)

  return {
    kind: "ok",
    value: {
      where: root,
      names: async (folder) => (existsSync(followed(folder)) ? readdir(followed(folder)) : []),
      async read(path) {
        const at = followed(path)
        return statSync(at, { throwIfNoEntry: false })?.isFile() ? readFile(at) : undefined
      },
      async place(entries, program, removed) {
        try {
          for (const entry of entries) await put(entry, root, program)
          for (const path of removed) await remove(path, root)
          return { kind: "ok", value: undefined }
        } catch (error) {
          const why = whyNotPut(error)
          if (why === undefined) throw error
          return { kind: "failed", why }
        }
      },
      look: (path) => lookAt(inside(root, path)),
      // It is mounted: its kernel looks after it.
      check: async () => ({ kind: "ok", value: "the file system is mounted, and was not checked" }),
    },
  }
}

async function lookAt(path: string): Promise<Found | undefined> {
  const found = await lstat(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined
    throw error
  })
  if (found === undefined) return undefined
  if (found.isSymbolicLink()) return { kind: "link", target: await readlink(path) }
  const { mode, uid } = await stat(path)
  if (found.isDirectory()) return { kind: "folder", mode: mode & 0o7777, owner: uid }
  if (!found.isFile()) return { kind: "other" }
  return { kind: "file", mode: mode & 0o7777, owner: uid, sha256: sha256Of(await readFile(path)) }
}
