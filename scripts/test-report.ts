/**
 * The closing lines of `./scripts/test`: every skipped test with its reason, whatever is wrong with the run as a whole, and
 * last the plain line `N passed, N failed, N skipped`. Exits 1 unless everything is in order.
 */
import { parseArgs } from "node:util"
import { z } from "zod"
import { sharedFolder } from "../tests/support/shared.ts"
import { fakeTimeLibrary } from "./faults/storage/clocks.ts"
import { smallDiskRefusal } from "./faults/storage/small-disk.ts"
import { straceRefusal } from "./faults/storage/strace.ts"
import { canBoot, hasDebianRoot } from "./packaging/debian-root.ts"
import { judgeRun, readJunit, skipList } from "./test-verdict.ts"

const { values } = parseArgs({
  options: {
    report: { type: "string" },
    "exit-code": { type: "string" },
    "failed-before": { type: "string", default: "" },
    whole: { type: "boolean", default: false },
  },
})
const { report, "exit-code": exitCode } = z.object({ report: z.string(), "exit-code": z.coerce.number() }).parse(values)

const file = Bun.file(report)
const tests = (await file.exists()) ? readJunit(await file.text()) : []
const verdict = judgeRun({
  tests,
  exitCode,
  wholeSuite: values.whole,
  allowed: skipList.parse(await Bun.file("tests/allowed-skips.json").json()),
  present: new Set([
    ...(sharedFolder() === undefined ? [] : ["../shared"]),
    ...((await straceRefusal()) === undefined ? ["strace"] : []),
    ...((await smallDiskRefusal()) === undefined ? ["unshare"] : []),
    ...(fakeTimeLibrary() === undefined ? [] : ["faketime"]),
    ...(Bun.which("rpmbuild") === null ? [] : ["rpmbuild"]),
    ...(hasDebianRoot() ? ["debian-root"] : []),
    ...(hasDebianRoot() && canBoot() ? ["systemd-nspawn"] : []),
  ]),
})

if (verdict.skips.length > 0) console.log("\nSkipped:")
for (const { name, reason } of verdict.skips)
  console.log(`  ${name}\n    ${reason ?? "NOT ALLOWED: tests/allowed-skips.json does not name it"}`)
const troubles = [
  ...values["failed-before"]
    .trim()
    .split(/\s+/)
    .filter(Boolean)
    .map((step) => `${step}: see above`),
  ...verdict.troubles,
]
if (troubles.length > 0) console.log("\nRed:")
for (const trouble of troubles) console.log(`  ${trouble}`)

const { passed, failed, skipped } = verdict.counts
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = troubles.length === 0 && exitCode === 0 ? 0 : 1
