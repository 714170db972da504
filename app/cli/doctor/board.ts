import { readFile } from "node:fs/promises"
import { cpus, release } from "node:os"
import { createCanvas } from "@napi-rs/canvas"
import type { Config } from "../../config/config.ts"
import { paintFaces } from "../../inference/engine/painted-picture.ts"
import { findLibraries } from "../../inference/providers/libraries.ts"
import { accelerators } from "../../inference/providers/plan.ts"
import type { ProbeAnswer } from "../../inference/providers/probe.ts"
import type { CliNeeds } from "../needs.ts"
import { patient } from "../patient.ts"
import { placementLine } from "./providers.ts"

/**
 * What an owner of a board sends us: what the machine is, which libraries it has, what each can do, and how fast pictures are
 * answered with and without its accelerator. No serial number, no name of a machine or a person.
 */
export interface BoardReport {
  /** What the system says of itself, by file or command; only what is there. */
  readonly system: Readonly<Record<string, string>>
  readonly libraries: readonly { readonly path: string; readonly answers: Readonly<Record<string, ProbeAnswer>> }[]
  readonly speed: readonly Speed[]
}

export type Speed =
  | {
      readonly kind: "measured"
      readonly provider: string
      /** One line for each model. */
      readonly models: readonly string[]
      /** Of one picture with two faces, found and embedded, asked one after the other. */
      readonly medianMs: number
      readonly slowestMs: number
      readonly pictures: number
    }
  | { readonly kind: "failed"; readonly provider: string; readonly why: string }

const facts: Readonly<Record<string, string>> = {
  "os-release": "/etc/os-release",
  board: "/proc/device-tree/model",
  nv_tegra_release: "/etc/nv_tegra_release",
  dmi: "/sys/class/dmi/id/product_name",
}

/** Tools of makers, without options that name the one board before us. */
const tools: Readonly<Record<string, readonly string[]>> = {
  "nvidia-smi": ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,compute_cap", "--format=csv,noheader"],
  "npu-smi": ["npu-smi", "info"],
  nvpmodel: ["nvpmodel", "-q"],
  // What belongs to an accelerator among all packages.
  dpkg: ["dpkg-query", "-W", "*nvinfer*", "*cudnn*", "cuda-cudart*", "*onnxruntime*", "nvidia-jetpack", "nvidia-l4t-core"],
  rpm: ["rpm", "-qa", "*Ascend*", "*cann*", "*cudnn*", "*tensorrt*", "*onnxruntime*"],
}

const toolMsMax = 10_000
const warmPictures = 3
const timedPictures = 30

export async function examineBoard(config: Config, needs: CliNeeds): Promise<BoardReport> {
  const { inference } = config
  const accelerated = await measureSpeed(config, needs, inference.provider)
  const onProcessor = accelerated.provider === "cpu" ? [] : [await measureSpeed(config, needs, "cpu")]
  return {
    system: { kernel: release(), cpu: cpus()[0]?.model ?? "unknown", cores: String(cpus().length), ...(await readFacts()) },
    libraries: await askLibraries(inference.ortLibrary, inference.deviceId, needs),
    speed: [accelerated, ...onProcessor],
  }
}

async function readFacts(): Promise<Record<string, string>> {
  const read = Object.entries(facts).map(async ([name, path]) => [name, await readFile(path, "utf8").catch(() => "")] as const)
  const told = Object.entries(tools).map(async ([name, command]) => [name, await outputOf(command)] as const)
  const all = await Promise.all([...read, ...told])
  return Object.fromEntries(
    all.map(([name, text]) => [name, text.replaceAll("\0", "").trim()]).filter(([, text]) => text !== ""),
  )
}

/** Empty where there is no such command, or it has nothing to say. */
async function outputOf(command: readonly string[]): Promise<string> {
  if (Bun.which(command[0] ?? "") === null) return ""
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    signal: AbortSignal.timeout(toolMsMax),
  })
  return child.stdout.text()
}

async function askLibraries(named: string | null, deviceId: number, needs: CliNeeds): Promise<BoardReport["libraries"]> {
  const libraries: { path: string; answers: Record<string, ProbeAnswer> }[] = []
  for (const path of await findLibraries(named)) {
    const answers: Record<string, ProbeAnswer> = {}
    for (const provider of [undefined, ...accelerators])
      answers[provider ?? "library"] = await needs.probe({ library: path, provider, deviceId })
    libraries.push({ path, answers })
  }
  return libraries
}

async function measureSpeed(config: Config, needs: CliNeeds, provider: Config["inference"]["provider"]): Promise<Speed> {
  const inference = { ...config.inference, provider, require: "none", engines: 1 } as const
  const opened = await needs.openEngines({ ...config, inference })
  if (opened.kind !== "ok") return { kind: "failed", provider, why: opened.why }
  const { pool, close } = opened.value
  try {
    await pool.accelerated()
    const picture = paintedPicture()
    const analyze = patient(pool.analyze)
    const tookMs: number[] = []
    for (let count = 0; count < warmPictures + timedPictures; count++) {
      const startMs = performance.now()
      const options = { faceWidthPxMin: 48, facesMax: 10, embed: "all" } as const
      const answer = await analyze({ picture, options, deadlineTickMs: Number.POSITIVE_INFINITY })
      if (answer.kind !== "ok") return { kind: "failed", provider, why: "why" in answer ? answer.why : answer.kind }
      if (count >= warmPictures) tookMs.push(performance.now() - startMs)
    }
    tookMs.sort((a, b) => a - b)
    const { runtime, models } = pool.status()
    return {
      kind: "measured",
      provider: runtime?.provider ?? provider,
      models: models.map(placementLine),
      medianMs: round(tookMs[Math.floor(tookMs.length / 2)]!),
      slowestMs: round(tookMs.at(-1)!),
      pictures: tookMs.length,
    }
  } finally {
    await close()
  }
}

function paintedPicture(): Uint8Array {
  const { data, width, height } = paintFaces()
  const canvas = createCanvas(width, height)
  const context = canvas.getContext("2d")
  const image = context.createImageData(width, height)
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) image.data[4 * pixel + channel] = data[3 * pixel + channel]!
    image.data[4 * pixel + 3] = 255
  }
  context.putImageData(image, 0, 0)
  return canvas.toBuffer("image/png")
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}

/** For people; whoever collects reports wants the JSON. */
export function formatBoard({ system, libraries, speed }: BoardReport): string {
  const lines = Object.entries(system).map(([name, text]) => `${name}: ${text.replaceAll("\n", "\n  ")}`)
  for (const { path, answers } of libraries)
    for (const [asked, answer] of Object.entries(answers)) {
      const said = answer.kind === "ok" ? JSON.stringify(answer.versions) : answer.why
      lines.push(`${path}, ${asked}: ${said}`)
    }
  for (const measured of speed)
    if (measured.kind === "failed") lines.push(`speed, ${measured.provider}: ${measured.why}`)
    else {
      const { provider, pictures, medianMs, slowestMs, models } = measured
      lines.push(
        `speed, ${provider}: median ${medianMs} ms, slowest ${slowestMs} ms (n ${pictures})`,
        ...models.map((model) => `  ${model}`),
      )
    }
  return lines.join("\n")
}
