import { mkdirSync, writeFileSync } from "node:fs"
import { obtainDebianRoot } from "../../scripts/packaging/debian-root.ts"
import { tempFolder } from "../support/shared.ts"
import { succeed } from "./commands.ts"

const obtained = await obtainDebianRoot()

/** Why there is none here, for tests that need one to be skipped. */
export const debianRootRefusal = obtained.kind === "failed" ? obtained.why : undefined

/**
 * A Debian of its own in a folder, gone with the scope.
 * @param fill what puts it there; by itself the packed one
 */
export async function openDebianRoot(fill: (path: string) => Promise<unknown> = unpackDebian) {
  const folder = tempFolder()
  const path = folder.file("root")
  mkdirSync(path)
  await fill(path)
  return {
    ...folder,
    path,
    /** A path of the root, as this machine sees it. */
    at: (inside: string) => `${path}${inside}`,
    /** Runs a command as if the folder were the whole machine, on which no systemd runs. */
    chroot: (...command: readonly string[]) => succeed(["/usr/sbin/chroot", path, ...command]),
    write: (inside: string, text: string) => writeFileSync(`${path}${inside}`, text),
  }
}

async function unpackDebian(path: string): Promise<void> {
  if (obtained.kind === "failed") throw new Error(obtained.why)
  await succeed(["tar", "--extract", "--file", obtained.value, "--directory", path])
}

export type DebianRoot = Awaited<ReturnType<typeof openDebianRoot>>
