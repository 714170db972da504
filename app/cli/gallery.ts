import { existsSync, readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { Command } from "commander"
import type { Config } from "../config/config.ts"
import type { IndexCheck } from "../gallery/check.ts"
import { indexFolderOf, snapshotName } from "../gallery/open.ts"
import { type BoxOptions, end, folderCommand, printJson, withConfig } from "./command.ts"
import { lookalikesCommand } from "./gallery-lookalikes.ts"
import type { CliContext, OpenedGallery } from "./needs.ts"
import type { Outcome } from "./outcome.ts"
import { counted, formatTable, startProgress } from "./terminal.ts"

/** What is done with an opened gallery; its result is printed as JSON, or as `words` says it. */
interface Work {
  readonly name: string
  readonly description: string
  /** Before the gallery is opened. */
  readonly before?: (config: Config) => void
  run(context: CliContext, gallery: OpenedGallery, config: Config): Promise<{ outcome: Outcome; result: object; words: string }>
}

export function galleryCommand(context: CliContext): Command {
  const command = new Command("gallery").description("look at the faces of a data folder and at the index made from them")
  for (const work of [statsWork, checkWork, rebuildWork]) {
    command.addCommand(
      folderCommand(work.name, work.description).action((options: BoxOptions) =>
        end(
          context,
          options,
          withConfig(options, (config) => doWork(work, context, config, options)),
        ),
      ),
    )
  }
  command.addCommand(lookalikesCommand(context))
  return command
}

async function doWork(work: Work, context: CliContext, config: Config, options: BoxOptions): Promise<Outcome> {
  work.before?.(config)
  const opened = await context.needs.openGallery(config)
  if (opened.kind !== "ok") return opened
  try {
    const { outcome, result, words } = await work.run(context, opened.value, config)
    if (options.json === true) printJson(context, result)
    else context.terminal.out(words)
    return outcome
  } finally {
    await opened.value.close()
  }
}

const statsWork: Work = {
  name: "stats",
  description: "how many people and faces, in which spaces, and what their indexes are",
  run: async (_, gallery, { dataFolder }) => {
    const { subjects, faces, spaces } = gallery.counts()
    const status = new Map(gallery.indexStatus().map((index) => [index.space, index]))
    const rows = spaces.map(({ space, faces }) => {
      const file = join(indexFolderOf(dataFolder), snapshotName(space))
      const snapshotBytes = existsSync(file) ? statSync(file).size : 0
      const { state = "failed", variant = "none" } = status.get(space) ?? {}
      return { space, faces, state, variant, snapshotBytes }
    })
    const table = formatTable(
      ["space", "faces", "index", "library", "snapshot"],
      rows.map(({ space, faces, state, variant, snapshotBytes }) => [
        ...[space, String(faces), state, variant],
        snapshotBytes === 0 ? "none" : `${(snapshotBytes / 1e6).toFixed(1)} MB`,
      ]),
    )
    const words = `${counted(subjects, "person", "people")}, ${counted(faces, "face")}\n${table}`
    return { outcome: { kind: "yes" }, result: { subjects, faces, spaces: rows }, words }
  },
}

const checkWork: Work = {
  name: "check",
  description: "whether every stored vector is sound, the snapshot can be used and the index finds what is there",
  run: async (_, gallery) => {
    const checks = await gallery.checkIndexes()
    const words = checks.map(wordsOf).join("\n") || "no faces"
    return {
      outcome: { kind: checks.every(isSound) ? "yes" : "no" },
      result: { sound: checks.every(isSound), spaces: checks },
      words,
    }
  },
}

const rebuildWork: Work = {
  name: "rebuild",
  description: "make the indexes and their snapshots anew from the stored faces; a running box takes them at its next start",
  before: ({ dataFolder }) => {
    const folder = indexFolderOf(dataFolder)
    if (existsSync(folder)) for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true })
  },
  run: async ({ terminal }, gallery) => {
    using progress = startProgress(terminal, "building", 100)
    for (let done = 0; ; await Bun.sleep(100)) {
      const status = gallery.indexStatus()
      const share = status.reduce((sum, { progress }) => sum + progress, 0) / Math.max(1, status.length)
      for (; done < Math.floor(share * 100); done++) progress.step()
      if (status.every(({ state }) => state === "ready")) break
    }
    await gallery.indexesSaved()
    const { faces } = gallery.counts()
    return { outcome: { kind: "yes" }, result: { faces }, words: `indexes of ${counted(faces, "face")} made anew` }
  },
}

function isSound({ damaged, missed, snapshot }: IndexCheck): boolean {
  return damaged === 0 && missed === 0 && snapshot.kind !== "refused"
}

function wordsOf({ space, faces, damaged, asked, missed, snapshot }: IndexCheck): string {
  const said = {
    unused: "no snapshot needed",
    absent: "no snapshot yet",
    taken_over: "snapshot sound",
    refused: `snapshot refused: ${snapshot.kind === "refused" ? snapshot.why : ""} (it is replaced by itself; or: gatehouse gallery rebuild)`,
  }[snapshot.kind]
  return `${space}: ${counted(faces, "face")}, ${damaged} damaged; ${asked - missed} of ${asked} found by their own vector; ${said}`
}
