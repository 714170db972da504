import type { Command } from "commander"
import type { Config } from "../config/config.ts"
import { explain } from "../pipeline/explain.ts"
import { type Recognition, type RecognizeNeeds, recognize } from "../pipeline/recognize.ts"
import { whyBlindAt } from "../sync/link/blind.ts"
import { type BoxOptions, boxCommand, end, printJson, withConfig } from "./command.ts"
import type { CliContext, OpenedGallery } from "./needs.ts"
import { type OpenedBox, withBox } from "./opened-box.ts"
import type { Outcome } from "./outcome.ts"
import { readPicture } from "./picture-file.ts"
import { formatTable, startProgress } from "./terminal.ts"

type Recognized = Extract<Recognition, { kind: "recognized" }>
type IdentifiedPicture = { readonly file: string } & (Recognized | { readonly kind: "failed"; readonly why: string })

export function identifyCommand(context: CliContext): Command {
  return boxCommand("identify", "say who is in each picture; 0 when at least one person is recognised")
    .argument("<image...>", "pictures: JPEG, PNG or WebP")
    .action(async (files: string[], options: BoxOptions) => end(context, options, run(context, files, options)))
}

async function run(context: CliContext, files: readonly string[], options: BoxOptions): Promise<Outcome> {
  return withConfig(options, (config) => {
    const work = async ({ recognizeNeeds, set }: OpenedBox): Promise<Outcome> => {
      const pictures: IdentifiedPicture[] = []
      {
        using progress = startProgress(context.terminal, "pictures", files.length)
        for (const file of files) {
          pictures.push(await identify(file, recognizeNeeds, config))
          progress.step()
        }
      }
      if (options.json === true) printJson(context, { set: set.name, pictures: pictures.map(toJson) })
      else context.terminal.out(toText(pictures))
      const failed = pictures.filter((picture) => picture.kind === "failed")
      if (failed.length > 0) return { kind: "failed", why: failed.map((picture) => picture.why).join("; ") }
      return { kind: pictures.some(hasMatch) ? "yes" : "no" }
    }
    return withBox(config, context.needs, work, whyBlind)
  })
}

/** A box that was restored names nobody who may have been erased since, at its doors and here. */
async function whyBlind({ site }: Pick<OpenedGallery, "site">): Promise<string | undefined> {
  const report = await site()
  return report?.mustReadErasures === true ? whyBlindAt(report.site) : undefined
}

async function identify(file: string, needs: RecognizeNeeds, { recognition: options }: Config): Promise<IdentifiedPicture> {
  const picture = await readPicture(file)
  if (picture.kind === "failed") return { file, ...picture }
  const recognition = await recognize(picture.value, needs, options)
  return recognition.kind === "recognized"
    ? { file, ...recognition }
    : { file, kind: "failed", why: `${file}: ${explain(recognition)}` }
}

function hasMatch(picture: IdentifiedPicture): boolean {
  return picture.kind === "recognized" && picture.faces.some((face) => face.decision === "match")
}

function toJson(picture: IdentifiedPicture) {
  if (picture.kind === "failed") return { file: picture.file, error: { message: picture.why } }
  const { file, image, faces, timingsMs } = picture
  return { file, image, faces: faces.map(({ embedding: _, ...face }) => face), timingsMs }
}

function toText(pictures: readonly IdentifiedPicture[]): string {
  const rows = pictures.flatMap((picture) => {
    if (picture.kind === "failed") return [[picture.file, "", "could not be looked at", "", "", ""]]
    if (picture.faces.length === 0) return [[picture.file, "", "no face", "", "", ms(picture)]]
    return picture.faces.map(({ box, decision, candidates: [nearest] }) => [
      picture.file,
      `${Math.round(box.x)},${Math.round(box.y)} ${Math.round(box.width)}×${Math.round(box.height)}`,
      decision,
      // A name beside "unknown" would be read as an answer.
      decision === "unknown" ? "" : (nearest?.name ?? ""),
      nearest?.similarity.toFixed(3) ?? "",
      ms(picture),
    ])
  })
  return formatTable(["picture", "face", "decision", "name", "similarity", "ms"], rows)
}

function ms(picture: Recognized): string {
  return picture.timingsMs.total.toFixed(0)
}
