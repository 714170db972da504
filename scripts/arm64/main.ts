/**
 * Whether the ARM64 file does what the x86-64 file does, told on an x86-64 machine: both start, enrol a person and recognise her
 * in a second picture; vectors and decisions are compared. The ARM64 one runs under QEMU in a root file system that holds ARM64's
 * C and C++ libraries and nothing else; it also speaks to its ONNX Runtime as to that of a board, through the C API.
 *
 *   ./scripts/smoke-arm64 [--file dist/gatehouse-…-linux-arm64] [--against dist/gatehouse-…-linux-x64]
 *   ./scripts/smoke-arm64 --sources         this checkout under Bun for ARM64, where nothing has been built
 *
 * Without --against the x86-64 file beside the ARM64 one answers, or this checkout where there is none.
 */
import { existsSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { projectRoot } from "../../app/base/paths.ts"
import type { Result } from "../../app/base/result.ts"
import { selfCommand } from "../../app/base/self.ts"
import { version } from "../../app/base/version.ts"
import { formatTable } from "../../app/cli/terminal.ts"
import { startBox } from "../demo/box.ts"
import { compare, cosineMin } from "./compare.ts"
import { ask, enrolledName, type Transcript } from "./journey.ts"
import { meanDifference, type Pictures, takePictures } from "./pictures.ts"
import { type ArmProgram, fileOnArm, sourcesOnArm } from "./program.ts"
import { openArmRoot } from "./root.ts"
import { compareRuntimes } from "./runtimes.ts"

const file = { type: "string" } as const
const { values } = parseArgs({ options: { file, against: file, sources: { type: "boolean", default: false } } })

/** The emulated box is ready within half a minute, on a machine that others work on as well within five. */
const startMs = 600_000

/** An emulated processor takes some fifty times as long: nothing is stuck that would be on a real one, and one engine is enough. */
const patientConfig = {
  inference: { engines: 1, startMs, stuckRunMs: 120_000, pongLateMs: 60_000, cache: { enabled: false } },
  recognition: { budgetMs: 60_000 },
}

/** Five letters that are not drawn are 0.14 in this picture, two processors that draw the same 0.001. */
const pixelsApartMax = 0.05

const startedMs = performance.now()
const ended = await smoke()
if (ended.kind === "failed") console.error(`smoke-arm64: ${ended.why}`)
process.exitCode = ended.kind === "ok" && ended.value ? 0 : 1

/** Whether both boxes say the same. */
async function smoke(): Promise<Result<boolean>> {
  if (process.arch !== "x64")
    return {
      kind: "failed",
      why: `this machine is ${process.arch}; on ARM64 the tests themselves are the proof (./scripts/test)`,
    }
  const program = values.sources ? await sourcesOnArm() : armFile()
  if (program.kind === "failed") return program
  const command = x64Command()
  if (command.kind === "failed") return command
  const opened = await openArmRoot(program.value.mounts)
  if (opened.kind === "failed") return opened
  await using root = opened.value

  const config = join(tmpdir(), `gatehouse-patient-${process.pid}.jsonc`)
  await Bun.write(config, JSON.stringify(patientConfig))
  const pictures = await takePictures()
  const other = await journey("x86-64", command.value, config, pictures)
  if (other.kind === "failed") return other
  const armCommand = [...root.enter, ...program.value.command]
  const arm = await journey("ARM64", armCommand, config, pictures)
  if (arm.kind === "failed") return arm
  const runtimes = await compareRuntimes(armCommand, config, program.value.library)
  if (runtimes.kind === "failed") return runtimes
  return { kind: "ok", value: await tell(arm.value, other.value, runtimes.value) }
}

function armFile(): Result<ArmProgram> {
  const path = resolve(values.file ?? join(projectRoot, `dist/gatehouse-${version}-linux-arm64`))
  if (existsSync(path)) return { kind: "ok", value: fileOnArm(path) }
  return { kind: "failed", why: `${path} is missing: build it (bun build.ts --target linux-arm64), or try --sources` }
}

function x64Command(): Result<readonly string[]> {
  const path = resolve(values.against ?? join(projectRoot, `dist/gatehouse-${version}-linux-x64`))
  if (existsSync(path) && !values.sources) return { kind: "ok", value: [path] }
  return values.against === undefined
    ? { kind: "ok", value: selfCommand() }
    : { kind: "failed", why: `${path} is missing: name the x86-64 file, or leave --against out` }
}

async function journey(
  name: string,
  command: readonly string[],
  config: string,
  pictures: Pictures,
): Promise<Result<Transcript>> {
  const startsMs = performance.now()
  const started = await startBox(
    { TMPDIR: tmpdir(), GATEHOUSE_CONFIG: config, GATEHOUSE_MODEL_SET: "default", GATEHOUSE_LOG: "error" },
    command,
    startMs,
  )
  if (started.kind === "failed") return started
  const box = started.value
  const startS = (performance.now() - startsMs) / 1000
  let transcript: Transcript
  try {
    transcript = await ask(box, pictures)
  } finally {
    await box.close()
  }
  const exitCode = await box.exited
  if (exitCode !== 0) return { kind: "failed", why: `the ${name} box ended with ${exitCode} when it was told to stop` }
  const seconds = Object.entries({ start: startS, ...transcript.seconds })
  console.log(
    `${name} (${basename(command.at(-1) ?? "")}): ${seconds.map(([step, s]) => `${step} ${s.toFixed(1)} s`).join(", ")}`,
  )
  return { kind: "ok", value: transcript }
}

/**
 * Prints what both said and what is wrong with it.
 * @param runtimesAgree whether the ARM64 one got the same from ONNX Runtime in both ways
 */
async function tell(arm: Transcript, other: Transcript, runtimesAgree: boolean): Promise<boolean> {
  const { faces, differences } = compare(arm, other)
  const wrong = [...differences, ...judgeAlone(arm, other)]
  const rows = faces.map((face) => [
    face.picture,
    face.decision,
    face.similarity?.toFixed(6) ?? "",
    face.otherSimilarity?.toFixed(6) ?? "",
    face.cosine.toFixed(9),
  ])
  console.log(`\n${formatTable(["picture", "decision", "similarity", "on x86-64", `cosine ≥ ${cosineMin}`], rows)}`)
  for (const what of ["drawn", "thumbnail"] as const) {
    const apart = await meanDifference(arm[what], other[what])
    console.log(
      `${what}: ${arm[what].length} and ${other[what].length} bytes, pixels ${apart.toFixed(3)} of 255 apart on average`,
    )
    if (apart > pixelsApartMax) wrong.push(`${what}: the pixels are more than ${pixelsApartMax} apart on average`)
  }
  if (!runtimesAgree) wrong.push("ONNX Runtime says something else through its C API, see above")
  for (const difference of wrong) console.log(`WRONG ${difference}`)
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
  console.log(`${wrong.length === 0 ? "Both say the same" : `${wrong.length} differences`}, in ${seconds} s`)
  return wrong.length === 0
}

/** What is wrong with one box whatever the other says: two that are wrong in the same way agree too. */
function judgeAlone(arm: Transcript, other: Transcript): string[] {
  const wrong: string[] = []
  if (!arm.indexVariant.endsWith("neon")) wrong.push(`the ARM64 box searches with the index ${arm.indexVariant}`)
  if (other.indexVariant === "none") wrong.push("the x86-64 box has no index")
  for (const [picture, seen] of [
    ["JPEG", arm.jpeg],
    ["WebP", arm.webp],
  ] as const) {
    const names = seen.map(({ match }) => match?.name).filter((name) => name !== undefined)
    if (names.join() !== enrolledName || seen.length !== 2)
      wrong.push(`${picture}: of two women ${seen.length} were seen and [${names}] named, not ${enrolledName} alone`)
  }
  return wrong
}
