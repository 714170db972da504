import { z } from "zod"

/**
 * `tests/allowed-skips.json`. `test` is a full name as the report prints it; a `*` in it stands for anything.
 * `onlyWithout` names what the machine must lack for the skip to be in order: where it is present, the test has to run.
 */
export const skipList = z.array(
  z.strictObject({
    test: z.string().min(1),
    reason: z.string().min(1),
    onlyWithout: z.enum(["../shared", "strace", "faketime", "unshare", "debian-root", "systemd-nspawn", "rpmbuild"]).optional(),
  }),
)
export type SkipList = z.output<typeof skipList>

export interface TestResult {
  /** `tests/face/align.test.ts > group > test` */
  readonly name: string
  readonly outcome: "passed" | "failed" | "skipped"
}

export interface Run {
  readonly tests: readonly TestResult[]
  readonly exitCode: number
  /** False when only some tests were asked for: then an entry of the list may well match none of them. */
  readonly wholeSuite: boolean
  readonly allowed: SkipList
  readonly present: ReadonlySet<string>
}

export interface Verdict {
  readonly counts: { passed: number; failed: number; skipped: number }
  /** A skip without a reason is one that nothing allows. */
  readonly skips: readonly { readonly name: string; readonly reason: string | undefined }[]
  readonly troubles: readonly string[]
}

const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }

function unescaped(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#([0-9]+)|([a-z]+));/gi, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    return entities[name] ?? whole
  })
}

/** Reads what `bun test --reporter=junit` writes: a suite for each file, suites inside it for each `describe`. */
export function readJunit(xml: string): TestResult[] {
  const suites: string[] = []
  const results: TestResult[] = []
  const tag = /<testsuite name="([^"]*)"|<\/testsuite>|<testcase name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g
  for (const [whole, suite, test, body = ""] of xml.matchAll(tag)) {
    if (suite !== undefined) suites.push(unescaped(suite))
    else if (test === undefined) suites.pop()
    else {
      const name = [...suites, unescaped(test)].join(" > ")
      const failed = /<(?:failure|error)\b/.test(body)
      results.push({ name, outcome: failed ? "failed" : whole.includes("<skipped") ? "skipped" : "passed" })
    }
  }
  return results
}

/** What is wrong with a run beyond the tests that failed, and why each skipped test was allowed to be. */
export function judgeRun(run: Run): Verdict {
  const entries = run.allowed.map((entry) => ({ ...entry, matches: matcher(entry.test) }))
  const of = (outcome: TestResult["outcome"]) => run.tests.filter((test) => test.outcome === outcome)
  const [passed, failed, skipped] = [of("passed"), of("failed"), of("skipped")]
  const skips = skipped.map(({ name }) => ({
    name,
    reason: entries.find((entry) => entry.matches(name) && !(entry.onlyWithout && run.present.has(entry.onlyWithout)))?.reason,
  }))

  // A file that does not even load is in no report; only the exit code tells of it.
  const notLoaded = run.exitCode !== 0 && failed.length === 0
  const troubles: string[] = []
  if (failed.length > 0) troubles.push(`${failed.length} failed: ${failed.map((test) => test.name).join("; ")}`)
  if (notLoaded) troubles.push(`bun test ended with ${run.exitCode}: a test file did not load, or the runner died`)
  if (passed.length === 0) troubles.push("no test ran")
  const refused = skips.filter((skip) => skip.reason === undefined).length
  if (refused > 0) troubles.push(`${refused} skipped without permission`)
  if (run.wholeSuite && run.exitCode === 0)
    for (const entry of entries)
      if (!run.tests.some((test) => entry.matches(test.name)))
        troubles.push(`tests/allowed-skips.json names "${entry.test}", and there is no such test`)

  const counts = { passed: passed.length, failed: failed.length + Number(notLoaded), skipped: skipped.length }
  return { counts, skips, troubles }
}

function matcher(pattern: string): (name: string) => boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.\\^$+?()[\]{}|]/g, "\\$&"))
  const whole = new RegExp(`^${parts.join(".*")}$`, "s")
  return (name) => whole.test(name)
}
