import { z } from "zod"
import type { Target } from "../../bench/support/client.ts"
import { createRandom } from "../../bench/support/statistics.ts"
import { askWithKey } from "../support/box.ts"
import { pictureBombs } from "./bombs.ts"
import { type Mutant, mutate } from "./mutate.ts"
import { pictureSeeds, type Seed } from "./seeds.ts"
import { mutateByZzuf } from "./zzuf.ts"

/** What the API says it may answer to a picture; anything else is a fault. */
const stated = new Set(["200", "400 bad_request", "413 image_too_large", "415 unsupported_media_type", "422 bad_image"])
/** The box may be full, too: the sender's load is not the picture's fault. */
const busy = new Set(["503 overloaded", "503 deadline_exceeded"])

/** With zzuf at hand every fourth picture is damaged by it. */
const zzufEvery = 4

export interface BarrageOptions {
  readonly count: number
  readonly seed: number
  /** How many are sent at once. */
  readonly attackers: number
  /** Path of the fuzzer zzuf, if it is to help. */
  readonly zzuf?: string | undefined
}

export interface Barrage {
  readonly statuses: Readonly<Record<string, number>>
  /** Pictures answered with something that is not stated, or not at all. */
  readonly faults: readonly { readonly status: string; readonly message: string; readonly mutant: Mutant }[]
}

/** Sends damaged pictures as fast as they are answered, and every bomb once for each thousand of them. */
export async function sendBarrage(target: Target, options: BarrageOptions, step?: (sent: number) => void): Promise<Barrage> {
  const seeds = await pictureSeeds()
  const bombs = (await pictureBombs()).map(({ name, bytes }): Mutant => ({ of: name, damage: [], bytes }))
  const random = createRandom(options.seed)
  const bombEvery = Math.max(1, Math.floor(1000 / bombs.length))
  // Beforehand: to start a process for each while the box is being asked would slow it down.
  const byZzuf = options.zzuf === undefined ? [] : await damageByZzuf(options.zzuf, seeds, options)
  const statuses: Record<string, number> = {}
  const faults: { status: string; message: string; mutant: Mutant }[] = []
  let sent = 0

  const next = (number: number): Mutant => {
    if (number % bombEvery === 0) return bombs[(number / bombEvery) % bombs.length]!
    return (number % zzufEvery === 0 ? byZzuf[number / zzufEvery] : undefined) ?? mutate(seeds, random)
  }
  const attack = async () => {
    while (sent < options.count) {
      const mutant = next(sent++)
      const { status, message } = await sendPicture(target, mutant.bytes)
      statuses[status] = (statuses[status] ?? 0) + 1
      if (!stated.has(status) && !busy.has(status)) faults.push({ status, message, mutant })
      step?.(sent)
    }
  }
  await Promise.all(Array.from({ length: options.attackers }, attack))
  return { statuses, faults }
}

async function damageByZzuf(zzuf: string, seeds: readonly Seed[], { count, seed }: BarrageOptions): Promise<Mutant[]> {
  const mutants: Mutant[] = []
  for (let number = 0; number < count; number += zzufEvery)
    mutants.push(await mutateByZzuf(zzuf, seeds[mutants.length % seeds.length]!, seed + number))
  return mutants
}

const problem = z.object({ error: z.object({ code: z.string(), message: z.string() }) })

/** One picture as the body of a recognition: `422 bad_image` and the words that came with it. */
export async function sendPicture(
  target: Target,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<{ status: string; message: string }> {
  try {
    const headers = { "content-type": "application/octet-stream", "x-deadline-ms": "10000" }
    const response = await askWithKey(target, "/v1/recognize", { method: "POST", headers, body: bytes })
    const text = await response.text()
    if (response.ok) return { status: String(response.status), message: "" }
    const { error } = problem.parse(JSON.parse(text))
    return { status: `${response.status} ${error.code}`, message: error.message }
  } catch (error) {
    return { status: "no answer", message: String(error) }
  }
}
