import { writeSync } from "node:fs"
import { parseSpace, spaceDimension } from "../../app/face/embedding.ts"
import { openGallery } from "../../app/gallery/open.ts"
import { openStore } from "../../app/store/store.ts"
import { testVaultOf } from "../support/vault.ts"
import { randomFrom, randomVector } from "./support.ts"

// Enrols people one after another, deletes every fifth again, and says so after each commit, until it is killed. A deletion is
// announced too: killed between commit and word, nobody can say whether it was done.
const [path, spaceText] = process.argv.slice(2)
const space = parseSpace(spaceText ?? "")
const opened = openStore(path ?? "")
if (space === undefined || opened.kind === "failed") throw new Error("bad arguments")

const gallery = await openGallery(opened.store, testVaultOf(opened.store))
const random = randomFrom(process.pid)
for (let i = 1; ; i++) {
  const subject = gallery.createSubject(`Person ${i}`)
  const added = gallery.addFace({
    subjectId: subject.id,
    space,
    vector: randomVector(spaceDimension(space), random),
    source: "vector",
  })
  if (added.kind !== "added") throw new Error(added.kind)
  writeSync(1, `enrolled ${subject.id} ${added.face.id}\n`)
  if (i % 5 === 0) {
    writeSync(1, `deleting ${subject.id}\n`)
    gallery.deleteSubject(subject.id)
    writeSync(1, `deleted ${subject.id}\n`)
  }
  if (i % 3 === 0) await Bun.sleep(0)
}
