import type { Command } from "commander"
import { explain } from "../pipeline/explain.ts"
import { type Verification, verify } from "../pipeline/verify.ts"
import { type BoxOptions, end, enginesCommand, printJson, withConfig } from "./command.ts"
import type { CliContext } from "./needs.ts"
import { withEngines } from "./opened-box.ts"
import type { Outcome } from "./outcome.ts"
import { readPicture } from "./picture-file.ts"

export function verifyCommand(context: CliContext): Command {
  return enginesCommand("verify", "say whether two pictures show the same person; 0 when they surely do")
    .argument("<a>", "a picture of one person")
    .argument("<b>", "another one")
    .action(async (a: string, b: string, options: BoxOptions) => end(context, options, run(context, a, b, options)))
}

async function run(context: CliContext, fileA: string, fileB: string, options: BoxOptions): Promise<Outcome> {
  const [a, b] = [await readPicture(fileA), await readPicture(fileB)]
  if (a.kind === "failed") return a
  if (b.kind === "failed") return b
  return withConfig(options, (config) =>
    withEngines(config, context.needs, async ({ analyze, thresholds }) => {
      const verification = await verify(a.value, b.value, { analyze, thresholds }, { ...config.recognition, faces: "largest" })
      if (verification.kind === "not_compared") {
        const file = verification.side === "a" ? fileA : fileB
        return { kind: "failed", why: `${file}: ${explain(verification.outcome)}` }
      }
      if (options.json === true) printJson(context, toJson(verification))
      else context.terminal.out(`${verification.decision} (similarity ${verification.similarity.toFixed(4)})`)
      return { kind: verification.decision === "same" ? "yes" : "no" }
    }),
  )
}

function toJson({ similarity, decision, a, b }: Extract<Verification, { kind: "compared" }>) {
  const side = ({ embedding: _, ...face }: typeof a) => face
  return { similarity, decision, a: side(a), b: side(b) }
}
