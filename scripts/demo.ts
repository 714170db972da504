/**
 * Shows the main job on photographs: `bun scripts/demo.ts [folder] [--stay]`. Starts the real box on a temporary data folder,
 * enrols people, asks with other pictures of them and of strangers, prints what the box said and draws it into PNGs.
 * Exit code 0 only if everybody was named rightly.
 */
import { existsSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { join, resolve } from "node:path"
import { Command } from "commander"
import { projectRoot } from "../app/base/paths.ts"
import { formatTable } from "../app/cli/terminal.ts"
import { listPeople, type PersonFolder } from "../app/enrolment/folder.ts"
import { alterations, describe } from "./demo/alter.ts"
import { type AnsweredFace, ask, type Question } from "./demo/ask.ts"
import { type DemoBox, startBox } from "./demo/box.ts"
import { type BoxClient, createClient } from "./demo/client.ts"
import { drawAnswers, drawSheet, markOf, type Tile } from "./demo/draw.ts"
import { chooseLfw, demoQuestions, folderQuestions, lfwQuestions } from "./demo/parts.ts"

/** People with two real photographs in the research folder, and as many strangers. */
const lfwCount = 20

const endSignals = ["SIGINT", "SIGTERM"] as const

interface DemoOptions {
  readonly stay?: boolean
  readonly out: string
  readonly set?: string
}

const program = new Command("demo")
  .description("show the main job on photographs")
  .argument("[folder]", "your own: a subfolder for each person with two photographs or more")
  .option("--stay", "leave the box running afterwards and print its address and key")
  .option("--out <folder>", "where the annotated PNGs go", join(projectRoot, "dist/demo"))
  .option("--set <name>", "model set")
  .action(async (folder: string | undefined, options: DemoOptions) => {
    process.exitCode = (await demo(folder, options)) ? 0 : 1
  })
await program.parseAsync()

async function demo(folder: string | undefined, options: DemoOptions): Promise<boolean> {
  const listed = folder === undefined ? undefined : await listPeople(folder)
  if (listed?.kind === "failed") return refuse(listed.why)
  await mkdir(options.out, { recursive: true })
  const started = await startBox(options.set === undefined ? {} : { GATEHOUSE_MODEL_SET: options.set })
  if (started.kind === "failed") return refuse(started.why)
  const box = started.value
  // People's faces lie in its folder: they go with the demo, also when it is broken off.
  const breakOff = () => void box.close().then(() => process.exit(130))
  for (const signal of endSignals) process.once(signal, breakOff)
  try {
    const client = createClient(box.url, box.key)
    const { models, modelSet, runtime, thresholds } = await client.system()
    console.log(
      `Box on ${box.url} with model set ${modelSet} (${models.detector}, ${models.embedder}), ${runtime?.provider ?? "no engine"}`,
    )
    console.log(`A match from similarity ${thresholds.match.toFixed(3)}, uncertain from ${thresholds.uncertain.toFixed(3)}`)
    const right =
      listed === undefined ? await packagePhotographs(client, options) : await usersPeople(client, listed.value, options)
    for (const signal of endSignals) process.off(signal, breakOff)
    if (options.stay === true) await stay(box)
    return right
  } finally {
    await box.close()
  }
}

function refuse(why: string): false {
  console.error(`demo: ${why}`)
  return false
}

async function packagePhotographs(client: BoxClient, options: DemoOptions): Promise<boolean> {
  console.log(
    "\nSix photographs of 22 people, of whom twelve are enrolled from crops of the originals. The names are invented.",
  )
  console.log("There is no second photograph of anybody, so the box is asked with altered copies of the same six:")
  for (const [i, alteration] of alterations.entries()) console.log(`  sample${i + 1}.jpg ${describe(alteration)}`)
  const altered = await answer(client, await demoQuestions(client), async (tiles) => {
    for (const [i, tile] of tiles.entries())
      await Bun.write(join(options.out, `sample${i + 1}.png`), await drawAnswers(tile.picture, tile.faces))
  })

  const lfw = resolve(projectRoot, "../shared/data/lfw")
  if (!existsSync(lfw)) {
    console.log("\nNo folder of research photographs beside the checkout: the part with real second photographs is left out.")
    return tell(altered, options)
  }
  const people = await listPeople(lfw)
  if (people.kind === "failed") throw new Error(people.why)
  const chosen = chooseLfw(people.value, lfwCount)
  console.log(
    `\n${chosen.known.length} people enrolled with one photograph, asked with another; ${chosen.strangers.length} strangers.`,
  )
  const second = await answer(client, await lfwQuestions(client, chosen), async (tiles) => {
    await Bun.write(join(options.out, "second-photographs.png"), await drawSheet(tiles))
  })
  return tell([...altered, ...second], options)
}

async function usersPeople(client: BoxClient, listed: readonly PersonFolder[], options: DemoOptions): Promise<boolean> {
  const people = listed.filter(({ files }) => files.length > 1)
  for (const { name, files } of listed)
    if (files.length === 1) console.log(`${name} has one photograph, and nothing is left to ask with: left out`)
  console.log(`\n${people.length} people, enrolled with all photographs but the last, asked with that.`)
  const faces = await answer(client, await folderQuestions(client, people), async (tiles) => {
    for (const [i, tile] of tiles.entries())
      await Bun.write(join(options.out, `person${i + 1}.png`), await drawAnswers(tile.picture, tile.faces))
  })
  return people.length > 0 ? tell(faces, options) : refuse("nobody in this folder has two photographs or more")
}

/** Asks everything, draws and prints the answers. */
async function answer(
  client: BoxClient,
  questions: readonly Question[],
  draw: (tiles: readonly Tile[]) => Promise<void>,
): Promise<readonly AnsweredFace[]> {
  const tiles: Tile[] = []
  for (const question of questions) tiles.push({ picture: question.picture, faces: await ask(client, question) })
  await draw(tiles)
  const faces = tiles.flatMap((tile) => tile.faces)
  console.log(
    `\n${formatTable(["photo", "who it is", "enrolled", "decision", "name", "similarity", "ms", ""], faces.map(toRow))}`,
  )
  return faces
}

function toRow(face: AnsweredFace): string[] {
  return [
    face.photo,
    face.expected?.person ?? "nobody we know of",
    face.expected?.enrolled === true ? "yes" : "",
    face.decision,
    nameOf(face),
    face.similarity?.toFixed(3) ?? "",
    face.ms.toFixed(0),
    markOf(face),
  ]
}

/** In brackets whoever is nearest: it is no answer, but it shows how far away strangers are. */
function nameOf({ decision, name }: AnsweredFace): string {
  if (name === undefined) return ""
  return decision === "match" ? name : `(nearest ${name})`
}

function tell(faces: readonly AnsweredFace[], { out }: DemoOptions): boolean {
  const known = faces.filter((face) => face.expected?.enrolled === true)
  const others = faces.filter((face) => face.expected?.enrolled !== true)
  const count = (decision: AnsweredFace["decision"]) => others.filter((face) => face.decision === decision).length
  console.log(`\n${known.filter((face) => face.right).length} of ${known.length} enrolled people named rightly.`)
  if (others.length > 0)
    console.log(
      `Of ${others.length} others ${count("match")} were given a name: ${count("unknown")} unknown, ` +
        `${count("uncertain")} uncertain (alike enough that a person should look), ${count("not found")} not found.`,
    )
  console.log(`Pictures: ${out}`)
  return faces.every((face) => face.right)
}

async function stay(box: DemoBox): Promise<void> {
  console.log(`\nThe box stays on ${box.url} until Ctrl-C. Its key: ${box.key}`)
  console.log(`  curl -H "authorization: Bearer ${box.key}" --data-binary @photo.jpg ${box.url}/v1/recognize`)
  const interrupted = new Promise((resolve) => {
    for (const signal of endSignals) process.once(signal, resolve)
  })
  await Promise.race([interrupted, box.exited])
}
