import type { Command } from "commander"
import type { ModelListing } from "../inference/models.ts"
import { type BoxOptions, end, jsonCommand, printJson, withConfig } from "./command.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"
import { formatTable } from "./terminal.ts"

export function modelsCommand(context: CliContext): Command {
  return jsonCommand("models", "list the model sets this box knows, best first, and what is wrong with their files")
    .option("--config <file>", "configuration file (GATEHOUSE_CONFIG)")
    .option("--set <name>", "model set, or auto (GATEHOUSE_MODEL_SET)")
    .action(async (options: BoxOptions) => {
      const listed = withConfig(options, async (config): Promise<Outcome> => {
        const listing = await context.needs.listModels(config)
        if (options.json === true) printJson(context, toJson(listing))
        else context.terminal.out(toText(listing))
        return listing.inUse.kind === "ok" ? { kind: "yes" } : { kind: "no" }
      })
      await end(context, options, listed)
    })
}

function toJson(listing: ModelListing) {
  return {
    inUse: listing.inUse.kind === "ok" ? listing.inUse.value : null,
    ...(listing.inUse.kind === "failed" ? { problem: listing.inUse.why } : {}),
    sets: listing.sets,
  }
}

function toText({ sets, inUse }: ModelListing): string {
  const rows = sets.flatMap((set) =>
    set.models.map((model) => [
      inUse.kind === "ok" && set.name === inUse.value ? `${set.name} (in use)` : set.name,
      model.role,
      `${model.name} ${model.version}`,
      model.role === "embedder" ? set.space : "",
      model.licence,
      model.state.kind === "ok" ? "ok" : model.state.why,
    ]),
  )
  const table = formatTable(["set", "role", "model", "space", "licence", "files"], rows)
  return inUse.kind === "ok" ? table : `${table}\n\nNo set can be used: ${inUse.why}`
}
