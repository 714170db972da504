import { readdir } from "node:fs/promises"
import { join } from "node:path"
import type { Result } from "../../base/result.ts"

export interface PersonFolder {
  readonly name: string
  /** Paths of the pictures, sorted. */
  readonly files: readonly string[]
}

const pictureEnding = /\.(jpe?g|png|webp)$/i

/** `<folder>/<name>/<picture>`: the people by name. A subfolder without a picture is left aside. */
export async function listPeople(folder: string): Promise<Result<readonly PersonFolder[]>> {
  const names = await visibleNames(folder, "folder")
  if (names === undefined) return { kind: "failed", why: `${folder} is not a folder that can be read` }
  const people = await Promise.all(
    names.map(async (name): Promise<PersonFolder> => {
      const files = (await visibleNames(join(folder, name), "file")) ?? []
      // macOS writes folder names decomposed; one person must not become two for that.
      return {
        name: name.normalize("NFC"),
        files: files.filter((file) => pictureEnding.test(file)).map((file) => join(folder, name, file)),
      }
    }),
  )
  const withPictures = people.filter((person) => person.files.length > 0)
  return withPictures.length > 0
    ? { kind: "ok", value: withPictures }
    : { kind: "failed", why: `${folder} holds no pictures in subfolders; each person takes a subfolder of their name` }
}

async function visibleNames(folder: string, kind: "folder" | "file"): Promise<readonly string[] | undefined> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries
      .filter((entry) => !entry.name.startsWith(".") && (kind === "folder" ? entry.isDirectory() : !entry.isDirectory()))
      .map((entry) => entry.name)
      .sort()
  } catch {
    // Absent, a file, or forbidden: all the same to the person who typed the name, and told by the caller.
    return undefined
  }
}
