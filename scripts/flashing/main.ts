/**
 * `scripts/flash --root DIR | --image FILE.img [--partition N] --program FILE [--profile P] [--gpu] [--claim-code CODE|none]`: makes
 * the system in a folder or raw image a box, while it lies still. See docs/install.md.
 */
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { z } from "zod"
import { makeClaimCode, parseClaimCode } from "../../app/access/claim-code.ts"
import { claimWindowS } from "../../app/access/claim-codes.ts"
import type { Result } from "../../app/base/result.ts"
import { profileChoice } from "../../app/config/profile.ts"
import { flash } from "./flash.ts"
import { openFolderTarget } from "./folder.ts"
import { openImageTarget } from "./image.ts"
import type { FlashWish } from "./plan.ts"
import type { FlashTarget } from "./target.ts"

// What is made in a folder is to be read by the system's own users, whoever flashes it.
process.umask(0o022)

const { values: asked } = parseArgs({
  options: {
    root: { type: "string" },
    image: { type: "string" },
    partition: { type: "string" },
    program: { type: "string" },
    profile: { type: "string" },
    gpu: { type: "boolean", default: false },
    "claim-code": { type: "string" },
  },
})

const done = await run()
if (done.kind === "failed") {
  console.error(`flash: ${done.why}`)
  process.exitCode = 1
} else console.log(done.value)

async function run(): Promise<Result<string>> {
  if (asked.program === undefined) return failed("--program names the compiled file that becomes the box: build.ts makes it")
  const profile = profileChoice.optional().safeParse(asked.profile)
  if (!profile.success) return failed(`--profile ${asked.profile} is none of ${profileChoice.options.join(", ")}`)
  const code = claimCode()
  if (code.kind === "failed") return code
  const target = await openTarget()
  if (target.kind === "failed") return target
  const wish: FlashWish = { variant: asked.gpu ? "gpu" : "cpu", profile: profile.data, claimCode: code.value }
  const flashed = await flash(target.value, resolve(asked.program), wish)
  if (flashed.kind === "failed") return flashed
  const { system, files, check } = flashed.value
  return {
    kind: "ok",
    value: `${target.value.where} (${system.name}) is a box: ${files} files, each read back and compared by SHA-256; ${check}.
${nextSteps(code.value)}`,
  }
}

function nextSteps(code: string | undefined): string {
  const minutes = claimWindowS / 60
  const told = code === undefined ? "the box prints at its start (journalctl -u gatehouse)" : `${code}`
  return `Claim code: ${told}
Next: start the machine from it, and within ${minutes} minutes of its start open https://<its address>:8443/setup with the code.
The certificate is the box's own: compare the fingerprint with the one in its log (journalctl -u gatehouse).`
}

/** As it is printed: of the form in which the box makes them itself. */
function claimCode(): Result<string | undefined> {
  const given = asked["claim-code"]
  if (given === "none") return { kind: "ok", value: undefined }
  if (given === undefined) return { kind: "ok", value: makeClaimCode() }
  const parsed = parseClaimCode(given)
  return parsed.kind === "ok" ? parsed : failed(`--claim-code: ${parsed.why}`)
}

async function openTarget(): Promise<Result<FlashTarget>> {
  if ((asked.root === undefined) === (asked.image === undefined))
    return failed("either --root or --image says what becomes a box")
  if (asked.root !== undefined) return openFolderTarget(resolve(asked.root))
  const partition = z.coerce.number().int().min(1).max(256).optional().safeParse(asked.partition)
  if (!partition.success) return failed(`--partition ${asked.partition} is no number from 1 to 256`)
  return openImageTarget(resolve(asked.image ?? ""), partition.data)
}

function failed(why: string): { readonly kind: "failed"; readonly why: string } {
  return { kind: "failed", why }
}
