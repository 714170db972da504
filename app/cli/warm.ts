import type { Command } from "commander"
import type { Config } from "../config/config.ts"
import type { AcceleratorStatus } from "../inference/accelerator-status.ts"
import { type BoxOptions, end, enginesCommand, printJson, withConfig } from "./command.ts"
import { placementLine } from "./doctor/providers.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"

interface WarmOptions extends BoxOptions {
  readonly again?: boolean
}

const lookEveryMs = 200

/** Compiles for the accelerator what the box would compile at its first start, which takes TensorRT minutes. */
export function warmCommand(context: CliContext): Command {
  return enginesCommand("warm", "make models ready for this machine's accelerator ahead of the first start")
    .option("--again", "forget what was compiled before, and that it crashed")
    .action(async (options: WarmOptions) => {
      await end(
        context,
        options,
        withConfig(options, (config) => warm(context, config, options)),
      )
    })
}

async function warm({ needs, terminal, ...context }: CliContext, config: Config, options: WarmOptions): Promise<Outcome> {
  const forgotten = options.again === true ? await needs.forgetCompiled(config) : undefined
  if (forgotten?.kind === "failed") return forgotten
  const opened = await needs.openEngines(config)
  if (opened.kind !== "ok") return opened
  const { pool, close } = opened.value
  try {
    const say = (line: string) => (options.json === true ? undefined : terminal.out(line))
    const stopTelling = tellProgress(() => pool.status().accelerator, say)
    const outcome = await pool.accelerated().finally(stopTelling)
    const { models, accelerator } = pool.status()
    const refusals = accelerator?.refusals ?? []
    const ready = outcome.kind === "serving" && models.every(({ placement }) => placement.active !== "cpu")
    if (options.json === true) printJson({ needs, terminal, ...context }, { ready, models, refusals })
    for (const model of models) say(placementLine(model))
    for (const { provider, why, remedy } of refusals) say(`${provider}: ${why}; ${remedy}`)
    // A machine without an accelerator has nothing to be made ready.
    const hasNone = outcome.kind === "refused" && refusals.every(({ absent }) => absent === true)
    if (hasNone) say("nothing to make ready: the processor needs no preparation")
    return { kind: ready || hasNone ? "yes" : "no" }
  } finally {
    await close()
  }
}

/** A line for each step, as it begins. */
function tellProgress(status: () => AcceleratorStatus | undefined, say: (line: string) => void): () => void {
  let said = ""
  const timer = setInterval(() => {
    const preparation = status()?.preparation
    if (preparation === undefined) return
    const line = `${preparation.provider}: ${preparation.stage} ${preparation.model ?? ""}`.trimEnd()
    if (line !== said) say(line)
    said = line
  }, lookEveryMs)
  return () => clearInterval(timer)
}
