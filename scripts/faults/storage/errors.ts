import { join } from "node:path"
import { nowTickMs } from "../../../app/base/ticks.ts"
import type { StorageBox } from "./box.ts"
import type { Ledger, Operation, Verdict } from "./ledger.ts"

/** A disk that fails a box: which call, with which error, from the n-th one on while strace watches. */
export interface DiskFault {
  readonly call: "pwrite64" | "fsync" | "fdatasync" | "ftruncate"
  readonly error: "EIO" | "ENOSPC"
  readonly n: number
  /** Once, or every time until the fault clears. */
  readonly lasting: boolean
}

export interface Suffered extends Verdict {
  /** How many calls really failed. */
  readonly failed: number
  readonly refused: number
  /** From the end of the fault until the next write was acknowledged. */
  readonly writesAgainMs: number
}

const asked: readonly Operation[] = ["enrol", "see", "rename", "enrol", "remove", "see", "unsee", "enrol"]
const giveUpMs = 30_000

/** Lets the disk fail a running box while it is asked to write, then looks at what it holds and how soon it writes again. */
export async function suffer(folder: string, box: StorageBox, ledger: Ledger, fault: DiskFault): Promise<Suffered> {
  const log = join(folder, "errors.log")
  const inject = `inject=${fault.call}:error=${fault.error}:when=${fault.n}${fault.lasting ? "+" : ""}`
  const strace = Bun.spawn(["strace", "-p", String(box.pid), "-o", log, "-e", `trace=${fault.call}`, "-e", inject], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  })
  await untilAttached(strace.stderr)
  let refused = 0
  for (const operation of asked) if ((await ledger.act(operation, box)) !== "acknowledged") refused++
  strace.kill("SIGINT")
  await strace.exited
  const clearTickMs = nowTickMs()
  while ((await ledger.act("enrol", box)) !== "acknowledged") {
    if (nowTickMs() - clearTickMs > giveUpMs) break
    await Bun.sleep(20)
  }
  const writesAgainMs = nowTickMs() - clearTickMs
  const failed = (await Bun.file(log).text()).split("(INJECTED)").length - 1
  return { failed, refused, writesAgainMs, ...ledger.check(join(folder, "data", "gatehouse.db")) }
}

async function untilAttached(stderr: ReadableStream<Uint8Array>): Promise<void> {
  let text = ""
  for await (const chunk of stderr) {
    text += Buffer.from(chunk).toString()
    if (text.includes("attached")) return
  }
  throw new Error(`strace did not attach: ${text}`)
}
