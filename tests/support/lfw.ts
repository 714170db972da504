import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { sharedFolder } from "./shared.ts"

/** People of the shared LFW photographs with at least `photosMin` photographs, by name; paths sorted. */
export function lfwPeople(photosMin: number): { readonly name: string; readonly photos: readonly string[] }[] {
  const shared = sharedFolder()
  const folder = shared === undefined ? undefined : join(shared, "data/lfw")
  if (folder === undefined || !existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => ({
      name: entry.name,
      photos: readdirSync(join(folder, entry.name))
        .sort()
        .map((photo) => join(folder, entry.name, photo)),
    }))
    .filter(({ photos }) => photos.length >= photosMin)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}
