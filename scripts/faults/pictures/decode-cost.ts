/**
 * What one picture costs the decoder of an engine, in a process that has decoded only small ones before: `decodeCost` starts this
 * file, which prints the figures.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { nowTickMs } from "../../../app/base/ticks.ts"
import { roundTo } from "../../bench/support/statistics.ts"

const costSchema = z.strictObject({
  ms: z.number(),
  /** The most of its memory that was resident at once, above what was before (Linux: VmHWM). */
  peakMB: z.number(),
  /** `ok`, `bad_image`, `image_too_large`, `unsupported_media_type`. */
  outcome: z.string(),
})
export type DecodeCost = z.output<typeof costSchema>

/** Throws when the process dies of the picture. */
export async function decodeCost(picture: Uint8Array): Promise<DecodeCost> {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-decode-"))
  try {
    const path = join(folder, "picture")
    await writeFile(path, picture)
    const child = Bun.spawn([process.execPath, import.meta.path, path], { stdin: "ignore", stdout: "pipe", stderr: "inherit" })
    const printed = await new Response(child.stdout).text()
    if ((await child.exited) !== 0) throw new Error(`the decoder died: exit code ${child.exitCode}, signal ${child.signalCode}`)
    return costSchema.parse(JSON.parse(printed))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

if (import.meta.main) console.log(JSON.stringify(await measure(Bun.argv[2] ?? "")))

async function measure(path: string): Promise<DecodeCost> {
  const [{ createPictureDecoder }, { default: sharp }] = await Promise.all([
    import("../../../app/inference/engine/decode.ts"),
    import("sharp"),
  ])
  const decoder = createPictureDecoder()
  const small = sharp({ create: { width: 300, height: 300, channels: 3, background: "#808080" } })
  for (const format of ["jpeg", "png", "webp"] as const) await decoder.decode(await small.clone().toFormat(format).toBuffer())
  const picture = new Uint8Array(readFileSync(path))
  Bun.gc(true)
  // Linux's word for: forget how large the process has been so far.
  writeFileSync("/proc/self/clear_refs", "5")
  const beforeMB = megabytes("VmRSS")
  const startTickMs = nowTickMs()
  const decoded = await decoder.decode(picture)
  return {
    ms: roundTo(nowTickMs() - startTickMs, 1),
    peakMB: roundTo(Math.max(0, megabytes("VmHWM") - beforeMB), 1),
    outcome: decoded.kind === "ok" ? "ok" : decoded.reason,
  }
}

function megabytes(figure: "VmRSS" | "VmHWM"): number {
  const kilobytes = new RegExp(`^${figure}:\\s+(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "utf8"))?.[1]
  return Number(kilobytes ?? 0) / 1024
}
