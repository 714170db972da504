import { parseSpace } from "../../app/face/embedding.ts"
import { openGallery } from "../../app/gallery/open.ts"
import { openStore } from "../../app/store/store.ts"
import { testVaultOf } from "../support/vault.ts"

// Run as a second process on the data folder of a box that is open: enrols somebody at the vector given on standard input and
// deletes the subject named last.
const [path, spaceText, subjectId] = process.argv.slice(2)
const space = parseSpace(spaceText ?? "")
const opened = openStore(path ?? "")
if (space === undefined || subjectId === undefined || opened.kind === "failed") throw new Error("bad arguments")

const vector = Float32Array.from(await Bun.stdin.json())
const gallery = await openGallery(opened.store, testVaultOf(opened.store))
const fresh = gallery.createSubject("Somebody new")
gallery.addFace({ subjectId: fresh.id, space, vector, source: "vector" })
gallery.deleteSubject(subjectId)
await gallery.close()
opened.store.close()
