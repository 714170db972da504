import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { silentLog } from "../../app/base/log.ts"
import { type FolderNeeds, openBoxFolder } from "../../app/box/open.ts"
import type { Space } from "../../app/face/embedding.ts"
import type { Gallery } from "../../app/gallery/gallery.ts"
import { openGallery } from "../../app/gallery/open.ts"
import type { Store } from "../../app/store/store.ts"
import type { SuiteName } from "../../app/vault/suite.ts"
import type { Vault } from "../../app/vault/vault.ts"

export const space = "planted@0badc0de/64" as Space

export interface OpenFolder extends AsyncDisposable {
  readonly store: Store
  readonly vault: Vault
  readonly gallery: Gallery
}

/** @param material of the master key; none for a folder in the clear */
export function folderOptions(dataFolder: string, suite: SuiteName, material: Uint8Array | undefined) {
  const needs: FolderNeeds = { log: silentLog, env: material === undefined ? {} : { GATEHOUSE_MASTER_KEY: material.toHex() } }
  return { options: { dataFolder, vault: { suite, keyFile: null } }, needs }
}

/** As a box opens it. */
export async function openFolder(dataFolder: string, suite: SuiteName, material?: Uint8Array): Promise<OpenFolder> {
  const { options, needs } = folderOptions(dataFolder, suite, material)
  const opened = openBoxFolder(options, needs)
  if (opened.kind !== "ok") throw new Error(opened.why)
  const { store, vault } = opened.value
  const gallery = await openGallery(store, vault)
  const close = async () => {
    await gallery.close()
    store.close()
  }
  return { store, vault, gallery, [Symbol.asyncDispose]: close }
}

/** What one person leaves, by which a thief would know them: bytes as they would lie in a file. */
export interface Traces {
  readonly subjectId: string
  readonly faceId: string
  readonly vector: Float32Array
  readonly jpeg: Uint8Array
  readonly bytes: Readonly<Record<string, Uint8Array>>
}

const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes))

/** Somebody with everything that is kept of a person. */
export function plant({ gallery }: Pick<OpenFolder, "gallery">, number: number): Traces {
  const word = (what: string) => `${what} ${number} ${random(6).toHex()}`
  const said = { name: word("名 Nameless"), externalId: word("number"), consentNote: word("consented") }
  const metadata = { badge: word("badge") }
  const added = gallery.addSubject({ ...said, metadata, groups: ["staff"] })
  if (added.kind !== "added") throw new Error(added.kind)
  const vector = Float32Array.from(random(64), (byte) => byte - 127.5)
  const jpeg = Uint8Array.from([0xff, 0xd8, ...random(3000), 0xff, 0xd9])
  const at = (n: number) => [number + n / 7, number - n / 11] as const
  const landmarks = [at(1), at(2), at(3), at(4), at(5)] as const
  const chip = { jpeg, size: { width: 112, height: 112 }, landmarks }
  const face = gallery.addFace({ subjectId: added.subject.id, space, vector, source: "picture", chip })
  if (face.kind !== "added") throw new Error(face.kind)
  const length = Math.hypot(...vector)
  const unit = vector.map((value) => value / length)
  const texts = Object.entries({ ...said, ...metadata, landmarks: JSON.stringify(landmarks[0]) })
  return {
    subjectId: added.subject.id,
    faceId: face.face.id,
    vector: unit,
    jpeg,
    bytes: {
      ...Object.fromEntries(texts.map(([what, text]) => [what, Buffer.from(text)])),
      // A value of it is enough, and rounding may turn the last bit of one.
      vector: new Uint8Array(unit.slice(8, 16).buffer),
      jpeg: jpeg.subarray(100, 200),
    },
  }
}

/** Which traces lie where, in any file of the folder. */
export function hitsIn(dataFolder: string, traces: readonly Traces[]): readonly string[] {
  const files = readdirSync(dataFolder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const hits: string[] = []
  for (const file of files) {
    const bytes = readFileSync(join(file.parentPath, file.name))
    for (const [place, trace] of traces.entries())
      for (const [what, needle] of Object.entries(trace.bytes))
        if (bytes.includes(needle)) hits.push(`${what} of ${place} in ${file.name}`)
  }
  return hits
}
