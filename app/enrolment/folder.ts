import { readdir, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import type { Result } from "../base/result.ts"
import { isPicture, placeOf } from "./archive/layout.ts"
import { type ArchiveLimits, tooLargePicture, unreadable, whyTooMany, wordsOf } from "./archive/limits.ts"
import type { Content, Source } from "./item.ts"

export interface PersonFolder {
  /** As the folder is called; whether a person may be called so is judged with each picture. */
  readonly name: string
  /** Paths of the pictures, sorted. */
  readonly files: readonly string[]
}

/** `<folder>/<name>/<picture>`: the people by name. A subfolder without a picture is left aside. */
export async function listPeople(folder: string): Promise<Result<readonly PersonFolder[]>> {
  const names = await visibleNames(folder, "folder")
  if (names === undefined) return { kind: "failed", why: `${folder} is not a folder that can be read` }
  const people: PersonFolder[] = []
  for (const name of names) {
    const files = (await visibleNames(join(folder, name), "file"))?.filter(isPicture) ?? []
    // macOS writes folder names decomposed; one person must not become two for that.
    if (files.length > 0) people.push({ name: name.normalize("NFC"), files: files.map((file) => join(folder, name, file)) })
  }
  return people.length > 0
    ? { kind: "ok", value: people }
    : { kind: "failed", why: `${folder} holds no pictures in subfolders; each person takes a subfolder of their name` }
}

/**
 * The pictures of these people, each read when its turn comes.
 * @param externalId of the one person there is
 */
export function folderSource(people: readonly PersonFolder[], limits: ArchiveLimits, externalId?: string): Source {
  return {
    async survey() {
      const items = people.reduce((sum, { files }) => sum + files.length, 0)
      return items > limits.itemsMax ? { kind: "failed", why: whyTooMany(limits) } : { kind: "ok", items }
    },

    async *items(isDone) {
      let position = 0
      for (const { name, files } of people) {
        const place = placeOf(`${name}/picture`, { around: "", pictures: files.length })
        for (const file of files) {
          if (!isDone(position)) {
            if (place.kind === "nobody") {
              const content = { kind: "refused", reason: "no_person", why: place.why } as const
              yield { kind: "item", position, file, person: undefined, content }
            } else {
              const person = { name: place.name, externalId }
              yield { kind: "item", position, file, person, content: await readPicture(file, limits) }
            }
          }
          position += 1
        }
      }
    },
  }
}

async function readPicture(path: string, limits: ArchiveLimits): Promise<Content> {
  try {
    const { size } = await stat(path)
    if (size > limits.imageBytesMax) return tooLargePicture(size, limits)
    return { kind: "picture", bytes: await readFile(path) }
  } catch (error) {
    return unreadable(wordsOf(error))
  }
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
