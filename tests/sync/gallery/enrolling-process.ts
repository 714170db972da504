import { writeSync } from "node:fs"
import { join } from "node:path"
import { applyFromCourier } from "../../../app/sync/apply.ts"
import { createOpener } from "../../../app/sync/sealing.ts"
import { addFace, boxNames, enrol, openGalleryBox, testSite } from "./support.ts"

/**
 * For a test that kills it: enrols, renames and deletes at a box, records it, and takes what another box told, as fast as it can. Each
 * thing is said on stdout once it was acknowledged.
 */
const [folder = "", givenFile = ""] = process.argv.slice(2)
const given = (await Bun.file(givenFile).json()) as Given
/** In hexadecimal digits. */
export interface Given {
  readonly records: readonly string[]
  readonly pairs: Readonly<Record<string, readonly [privateKey: string, publicKey: string]>>
}

const say = (line: string) => writeSync(1, `${line}\n`)
const keys = testSite()
for (const [name, [privateKey, publicKey]] of Object.entries(given.pairs))
  keys.pairs.set(name, { privateKey: Uint8Array.fromHex(privateKey), publicKey: Uint8Array.fromHex(publicKey) })
const nobody = () => Promise.reject(new Error("there is no hub here"))
const hub = {
  read: nobody,
  write: nobody,
  latest: nobody,
  markerAt: nobody,
  newestMarker: nobody,
  mark: nobody,
  remove: nobody,
}
const box = await openGalleryBox(boxNames[0], keys, hub, {
  folder: { path: folder, file: (...names) => join(folder, ...names), [Symbol.dispose]: () => undefined },
  isSealed: true,
})
const { open } = createOpener(keys.keysOf(boxNames[0]))
const foreign = given.records.map((hex) => Uint8Array.fromHex(hex))
say("begun")
for (let i = 0; ; i++) {
  const { subjectId, faceId } = enrol(box, `Person ${i}`)
  say(`enrolled ${subjectId} ${faceId}`)
  if (i % 3 === 0) {
    addFace(box, subjectId)
    box.gallery.deleteFace(faceId)
    say(`deleted ${faceId}`)
  }
  if (i % 2 === 0) box.side.recorder.drainAlone(1 + (i % 5))
  const page = foreign.splice(0, 3)
  box.side.box.transact((tables) => {
    for (const bytes of page) {
      const opened = open(bytes)
      if (opened.kind === "opened") applyFromCourier(tables, opened)
    }
  })
  await Bun.sleep(0)
}
