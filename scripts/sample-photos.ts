/**
 * Two photographs for the quick start of README.md, for those who have none at hand: `first.jpg`, one woman cut out of a group
 * picture of the development package @vladmandic/face-api, and `second.jpg`, the whole group as a poorer camera would have
 * taken it: turned, darker, smaller, recompressed. It is the same moment twice, so it shows how to ask, not how well the box
 * recognises; `./scripts/run --demo` and `gatehouse eval` are for that.
 *
 *   bun scripts/sample-photos.ts [folder]
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import sharp from "sharp"
import { projectRoot } from "../app/base/paths.ts"

const folder = Bun.argv[2] ?? "."
const group = join(projectRoot, "node_modules/@vladmandic/face-api/demo/sample6.jpg")
mkdirSync(folder, { recursive: true })

await sharp(group)
  .extract({ left: 1340, top: 80, width: 490, height: 650 })
  .jpeg({ quality: 90 })
  .toFile(join(folder, "first.jpg"))
await sharp(group)
  .rotate(3, { background: "#303030" })
  .resize({ width: 1280 })
  .modulate({ brightness: 0.8 })
  .jpeg({ quality: 70 })
  .toFile(join(folder, "second.jpg"))
console.log(`${join(folder, "first.jpg")} and ${join(folder, "second.jpg")}`)
