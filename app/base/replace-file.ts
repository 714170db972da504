import { mkdir, open, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"

/** A file appears whole under its name or not at all, and is on the disk afterwards; also over a program that runs just now. */
export async function replaceFile(path: string, mode: number, write: (draft: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  const draft = `${path}.draft`
  try {
    await rm(draft, { force: true })
    await write(draft)
    const file = await open(draft, "r+")
    try {
      await file.chmod(mode)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
  await syncFolder(dirname(path))
}

/** What was renamed or removed in it survives a power cut from now on. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r")
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
