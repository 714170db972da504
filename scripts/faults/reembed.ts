import { readFileSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"
import { projectRoot } from "../../app/base/paths.ts"
import { type Space, toUnit } from "../../app/face/embedding.ts"
import type { FaceChip } from "../../app/face/face.ts"
import { openGallery } from "../../app/gallery/open.ts"
import { openAnalyzer } from "../../app/inference/engine/run.ts"
import { locateModelSet } from "../../app/inference/models.ts"
import { dataFolderFiles } from "../../app/store/data-folder.ts"
import { openStore } from "../../app/store/store.ts"
import { startBox } from "../../tests/support/box.ts"
import { lfwPeople } from "../../tests/support/lfw.ts"
import { sharedModels, tempFolder } from "../../tests/support/shared.ts"
import { plainVaultOf } from "../../tests/support/vault.ts"
import { count, optionsOrExit, readOptions } from "../bench/support/options.ts"
import { check, conclude } from "./support/verdict.ts"

/**
 * `bun scripts/faults/reembed.ts [--faces 5000]`: another network takes the place of the one that serves, and gives it back, while
 * photographs are recognised all the time. Counts what fails, and what names another person than the one on the photograph: an
 * answer that mixed the two spaces would name anybody. Needs the photographs and weights of ../shared.
 */
const schema = z.strictObject({ faces: count.default(5000) })
const { faces: wanted } = optionsOrExit(
  readOptions(Bun.argv.slice(2), { faces: { type: "string" } } as const, schema),
  "reembed [--faces 5000]",
)

const [from, to] = ["default", "light"] as const
const callers = 1
const afterFlipMs = 5000

interface Known {
  readonly name: string
  readonly photo: Uint8Array<ArrayBuffer>
  readonly vector: Float32Array
  readonly chip: FaceChip
}

interface Seen {
  readonly known: readonly Known[]
  readonly space: Space
}

using folder = tempFolder()
const seen = await look()
const people = seen.known
await fill(seen)
const box = await startBox(folder.path, { GATEHOUSE_MODEL_SET: from })
const recognition = z.object({
  models: z.object({ space: z.string() }),
  faces: z.array(z.object({ match: z.object({ name: z.string() }).optional() })),
})

const counts = { asked: 0, failed: 0, wrong: 0, unknown: 0 }
const bySpace = new Map<string, number>()
const slowest = { ms: 0 }
let done = false
const load = Array.from({ length: callers }, (_, caller) => ask(caller))

const side = z.object({ set: z.string() })
const statusSchema = z.object({
  active: side,
  shadow: side
    .extend({ coverage: z.object({ faces: z.int(), covered: z.int() }), agreement: z.unknown().optional() })
    .optional(),
})
const system = async (method: string, path = "", body?: object) => {
  const answer = await box.ask(`/v1/system/reembedding${path}`, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  })
  if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`)
  return answer.status === 204 ? { active: { set: from } } : statusSchema.parse(await answer.json())
}
const untilFilled = async () => {
  for (;;) {
    const status = await system("GET")
    if (status.shadow?.agreement !== undefined) return status
    await Bun.sleep(200)
  }
}

const beganMs = performance.now()
await system("POST", "", { set: to })
const filled = await untilFilled()
console.log(`${to} filled in ${seconds(beganMs)}: ${JSON.stringify(filled.shadow)}`)
const flipMs = performance.now()
const flipped = await system("POST", "/flip", {})
console.log(`flipped to ${flipped.active.set} in ${seconds(flipMs)}`)
await Bun.sleep(afterFlipMs)
await untilFilled()
const backMs = performance.now()
const back = await system("POST", "/flip", {})
console.log(`flipped back to ${back.active.set} in ${seconds(backMs)}`)
await Bun.sleep(afterFlipMs)
await system("DELETE")
done = true
await Promise.all(load)
await box[Symbol.asyncDispose]()
await conclude(`Another network and back: ${wanted} faces from ${from} to ${to} while photographs are recognised`, [
  check("no request fails", `${counts.failed} of ${counts.asked}; slowest ${Math.round(slowest.ms)} ms`, counts.failed === 0),
  check(
    "no answer mixes the spaces",
    `${counts.wrong} name another person, ${counts.unknown} nobody; answers ${[...bySpace].map(([space, n]) => `${space} ${n}`).join(", ")}`,
    counts.wrong === 0 && bySpace.size === 2,
  ),
  check(
    "every face is in both spaces",
    `${filled.shadow?.coverage.covered} of ${filled.shadow?.coverage.faces}, ${JSON.stringify(filled.shadow?.agreement)}`,
    filled.shadow?.coverage.covered === wanted,
  ),
])

async function look(): Promise<Seen> {
  const shared = sharedModels()
  const located = await locateModelSet({
    modelsFolder: join(projectRoot, "models"),
    searchFolders: shared === undefined ? [] : [shared],
    set: from,
  })
  if (located.kind === "failed") throw new Error(located.why)
  const opened = await openAnalyzer(located.set, { threads: 1 })
  if (opened.kind === "unfit") throw new Error(opened.why)
  const known: Known[] = []
  for (const { name, photos } of lfwPeople(1).slice(0, 300)) {
    const photo = new Uint8Array(readFileSync(photos[0] ?? ""))
    const seen = await opened.analyzer.analyze(photo, { faceWidthPxMin: 48, facesMax: 5, embed: "largest", chips: true })
    const face = seen.kind === "ok" ? seen.faces[0] : undefined
    if (face?.embedding && face.chip) known.push({ name, photo, vector: face.embedding, chip: face.chip })
  }
  await opened.analyzer.close()
  return { known, space: located.set.embedding.space }
}

/** Several pictures of each person, which differ by less than two of a camera. */
async function fill({ known, space }: Seen): Promise<void> {
  const opened = openStore(folder.file(dataFolderFiles.database))
  if (opened.kind === "failed") throw new Error(opened.why)
  const { store } = opened
  // The disk is not what is measured.
  store.prepare("pragma synchronous = off").all()
  const gallery = await openGallery(store, plainVaultOf(store))
  const ids = known.map(({ name }) => gallery.createSubject(name).id)
  for (let n = 0; n < wanted; n++) {
    const { vector, chip } = known[n % known.length]!
    const near = toUnit(vector.map((part) => part + (Math.random() - 0.5) * 0.01)) ?? vector
    gallery.addFace({ subjectId: ids[n % known.length] ?? "", space, vector: near, source: "picture", chip })
  }
  await gallery.close()
  store.close()
}

async function ask(caller: number): Promise<void> {
  for (let n = caller; !done; n += callers) {
    const { name, photo } = people[n % people.length]!
    const startMs = performance.now()
    const answer = await box.ask("/v1/recognize", { method: "POST", body: photo, headers: { "content-type": "image/jpeg" } })
    slowest.ms = Math.max(slowest.ms, performance.now() - startMs)
    counts.asked++
    if (!answer.ok) {
      counts.failed++
      continue
    }
    const { models, faces } = recognition.parse(await answer.json())
    bySpace.set(models.space, (bySpace.get(models.space) ?? 0) + 1)
    const [face] = faces
    if (face?.match === undefined) counts.unknown++
    else if (face.match.name !== name) counts.wrong++
  }
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`
}
