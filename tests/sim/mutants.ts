import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"

/** A design that looked right to somebody, or a mistake that is easily made: the simulator has to find each of them. */
export interface Mutant {
  readonly name: string
  readonly edits: readonly Edit[]
  /** Too rare for a few seeds: tests/sync/session.test.ts walks it through each step. */
  readonly by?: "session"
}

interface Edit {
  readonly file: string
  /** Stands there exactly once. */
  readonly from: string
  readonly to: string
}

const edit = (file: string, from: string, to: string): Edit => ({ file, from, to })

export const mutants: readonly Mutant[] = [
  {
    name: "the verified prefix is looked for before the hub's newest marker",
    edits: [
      edit(
        "app/sync/pull.ts",
        "  const newest = await hub.newestMarker(stream)\n",
        "  const prefix = await verifiedPrefix(needs, stream)\n  const newest = await hub.newestMarker(stream)\n",
      ),
      edit("app/sync/pull.ts", "return newest\n  const prefix = await verifiedPrefix(needs, stream)\n", "return newest\n"),
    ],
    by: "session",
  },
  {
    name: "the number where reading ended is believed",
    edits: [edit("app/sync/session.ts", "verify ? pullVerified", "false ? pullVerified")],
  },
  {
    name: "a marker is believed that the hub has not got any more",
    edits: [edit("app/sync/pull.ts", `if (found.kind === "found" && found.marker.name === known.name)`, "if (known.name)")],
  },
  {
    name: "markers are kept though the hub lost its end while they were read",
    edits: [edit("app/sync/pull.ts", "if (newest !== undefined) {", "if (newest?.name === '') {")],
    by: "session",
  },
  {
    name: "what the hub lost is not offered again",
    edits: [edit("app/sync/pull.ts", "tables.doubtAfter(stream, prefix.sequence)", "")],
  },
  {
    name: "an erasure is a version like any other",
    edits: [
      edit(
        "app/sync/merge.ts",
        `if (challenger.kind === "erase" || present.kind === "erase") {`,
        "if (challenger.kind === ('' as never)) {",
      ),
    ],
  },
  {
    name: "what was erased is written again",
    edits: [
      edit(
        "app/sync/apply.ts",
        `if (record.kind !== "erase" && present?.record.kind === "erase") return true`,
        "if (present === undefined && record.kind === ('' as never)) return true",
      ),
      edit(
        "app/sync/merge.ts",
        `if (present.kind !== "erase") return true`,
        `if (present.kind !== "erase") return true\n    if (challenger.kind !== "erase") return compare(challenger, present) > 0`,
      ),
    ],
  },
  {
    name: "an erasure leaves what lies below",
    edits: [
      edit(
        "app/sync/apply.ts",
        `return above(entity).some((path) => tables.row(path)?.record.kind === "erase")`,
        "return above(entity).length > 9",
      ),
    ],
  },
  {
    name: "a version is not stamped above the one it overwrites",
    edits: [
      edit(
        "app/sync/stamp.ts",
        "overwritten === undefined ? clock : Math.max(clock, overwritten + 1)",
        "overwritten === undefined ? clock : clock",
      ),
    ],
  },
  {
    name: "a restored box goes on counting as before",
    edits: [
      edit("tests/sim/disk.ts", "      newLife()\n      disk.mustReadErasures = true", "      disk.mustReadErasures = true"),
      edit("app/sync/pull.ts", "sequence > tables.lastSequence()) tables.beginLife()", "sequence < 0) tables.beginLife()"),
    ],
  },
  {
    name: "a restored box serves before it has read the erasures",
    edits: [
      edit("app/sync/session.ts", `["erasures", "records"]`, `["records", "erasures"]`),
      edit("app/sync/session.ts", `if (stream === "erasures" && state.must)`, `if (stream === "records" && state.must)`),
    ],
  },
  {
    name: "what could not be sent counts as sent",
    edits: [
      edit(
        "app/sync/push.ts",
        "const lastDone = open < 0 ? rows.at(-1) : rows[open - 1]",
        "const lastDone = open < 0 ? rows.at(-1) : rows.at(-1)",
      ),
    ],
  },
  {
    name: "an answer to one version is taken for another",
    edits: [
      edit(
        "app/sync/push.ts",
        `isSame(present.record, record) ? "held" : present.standing`,
        `isSame(present.record, record) ? "held" : "held"`,
      ),
    ],
    by: "session",
  },
  {
    // Each of the two alone heals the other.
    name: "neither compare-and-set, nor an answer to what stands where it should not",
    edits: [
      edit(
        "tests/sim/hub.ts",
        "if (lastOf(logs[stream], key) !== expected) {",
        `if (stream === "sightings" && lastOf(logs[stream], key) !== expected) {`,
      ),
      edit("app/sync/apply.ts", `present.standing === "held" ? {`, `present.standing === ("" as never) ? {`),
    ],
  },
  {
    name: "what came by stick is not offered to the hub",
    edits: [
      edit(
        "app/sync/apply.ts",
        `replace(tables, opened, { hubSequence: hubSequenceFor(record, present), standing: "due" })`,
        `replace(tables, opened, { hubSequence: hubSequenceFor(record, present), standing: "held" })`,
      ),
    ],
  },
  {
    name: "a crash leaves half a transaction",
    edits: [edit("tests/sim/disk.ts", "for (const back of undo.toReversed()) back()", "")],
  },
  {
    name: "sightings are sent again without asking what the hub has",
    edits: [
      edit(
        "app/sync/sightings.ts",
        'const last = latest.kind === "none" ? 0 : parseBatch(latest.entry.bytes)?.at(-1)?.number',
        'const last = latest.kind === "none" ? 0 : parseBatch(latest.entry.bytes)?.at(0)?.number',
      ),
    ],
  },
  {
    name: "the janitor removes the last version, too",
    edits: [
      edit("app/sync/janitor.ts", "row.hubSequence > sequence && !wins(record, row.record)", "row.hubSequence >= sequence"),
      edit("app/sync/janitor.ts", "hubSequence > sequence || isErasedFor", "hubSequence >= sequence || isErasedFor"),
    ],
  },
]

/** A tree of its own with the mutated files; all the rest leads to the files as they are. */
export async function plant({ name, edits }: Mutant): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), "gatehouse-mutant-"))
  for (const folder of ["app", "tests", "scripts"]) mkdirSync(join(root, folder))
  for (const file of ["node_modules", "package.json", "tsconfig.json"]) symlinkSync(join(projectRoot, file), join(root, file))
  for (const folder of readdirSync(join(projectRoot, "app")))
    if (folder !== "sync") symlinkSync(join(projectRoot, "app", folder), join(root, "app", folder))
  for (const path of ["app/sync", "tests/sim", "tests/sync", "tests/vault", "scripts/sim.ts"])
    cpSync(join(projectRoot, path), join(root, path), { recursive: true })
  for (const { file, from, to } of edits) {
    const path = join(root, file)
    const text = await Bun.file(path).text()
    if (text.split(from).length !== 2) throw new Error(`mutant “${name}”: ${file} does not hold exactly once: ${from}`)
    await Bun.write(path, text.replace(from, to))
  }
  return root
}
