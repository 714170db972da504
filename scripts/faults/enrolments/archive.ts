import { open, readdir, readFile } from "node:fs/promises"
import { basename, join, resolve } from "node:path"
import { createTarPacker } from "modern-tar"
import sharp from "sharp"
import { projectRoot } from "../../../app/base/paths.ts"
import { asNeverSeen, type Picture } from "../../bench/support/pictures.ts"

export interface PackedPeople {
  readonly people: number
  readonly bytes: number
}

/**
 * A tar file of so many pictures, a folder for each person. No two are the same bytes; where there are fewer photographs, each is there
 * several times with the same person, under a comment of its own.
 * @param photographs a folder of `<name>/<picture>.jpg`; a few cut-outs of the development package's where there is none
 */
export async function packPeople(path: string, count: number, photographs: string): Promise<PackedPeople> {
  const photos = await listPhotographs(photographs)
  const chosen = photos.length > 0 ? photos : await cutOuts()
  await using file = await open(path, "w")
  const { readable, controller } = createTarPacker()
  const writing = writeAll(readable, (bytes) => file.writeFile(bytes))
  const people = new Set<string>()
  for (let i = 0; i < count; i++) {
    const { name, picture } = chosen[i % chosen.length]!
    people.add(name)
    const bytes = asNeverSeen(await picture())
    const writer = controller.add({ name: `${name}/${String(i).padStart(6, "0")}.jpg`, size: bytes.length }).getWriter()
    await writer.write(bytes)
    await writer.close()
  }
  controller.finalize()
  await writing
  return { people: people.size, bytes: (await file.stat()).size }
}

interface Photograph {
  readonly name: string
  picture(): Promise<Picture>
}

async function listPhotographs(folder: string): Promise<readonly Photograph[]> {
  const entries = await readdir(resolve(folder), { withFileTypes: true }).catch(() => [])
  const people = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const photos: Photograph[] = []
  for (const name of people.sort())
    for (const file of (await readdir(join(folder, name))).filter((file) => file.endsWith(".jpg")).sort())
      photos.push({ name, picture: async () => ({ name: basename(file), jpeg: await readFile(join(folder, name, file)) }) })
  return photos
}

/** One woman of a group photograph, cut out three times. */
const areas = [
  { left: 1340, top: 80, width: 490, height: 650 },
  { left: 1280, top: 40, width: 560, height: 720 },
  { left: 1360, top: 100, width: 440, height: 600 },
] as const

async function cutOuts(): Promise<readonly Photograph[]> {
  const group = join(projectRoot, "node_modules/@vladmandic/face-api/demo/sample6.jpg")
  return await Promise.all(
    areas.map(async (area, i) => {
      const jpeg = await sharp(group).extract(area).jpeg({ quality: 90 }).toBuffer()
      return { name: `Person ${i + 1}`, picture: async () => ({ name: `${i + 1}.jpg`, jpeg }) }
    }),
  )
}

async function writeAll(readable: ReadableStream<Uint8Array>, write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  for await (const bytes of readable) await write(bytes)
}
