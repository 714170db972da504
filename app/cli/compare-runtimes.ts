import type { Command } from "commander"
import type { RuntimeComparison } from "../inference/engine/compare-runtimes.ts"
import { type BoxOptions, end, jsonCommand, printJson, withConfig } from "./command.ts"
import type { CliContext } from "./needs.ts"
import type { Outcome } from "./outcome.ts"
import { formatTable } from "./terminal.ts"

type CompareOptions = BoxOptions & { readonly exact?: boolean; readonly short?: boolean }

/** For the makers of a box: whether its library of ONNX Runtime says on the processor what the packaged one says. */
export function compareRuntimesCommand(context: CliContext): Command {
  return jsonCommand("compare-runtimes", "run the known questions through a library of ONNX Runtime and through ours")
    .argument("<library>", "path of a libonnxruntime.so")
    .option("--config <file>", "configuration file (GATEHOUSE_CONFIG)")
    .option("--set <name>", "model set, or auto (GATEHOUSE_MODEL_SET)")
    .option("--exact", "bit for bit, as the same library has to")
    .option("--short", "detector and landmarks alone, for emulated processors")
    .action(async (library: string, options: CompareOptions) => {
      const compared = withConfig(options, async (config): Promise<Outcome> => {
        const set = await context.needs.locateSet(config)
        if (set.kind === "failed") return set
        const comparison = await context.needs.compareRuntimes(set.value, library, options)
        if (comparison.kind === "failed") return comparison
        if (options.json === true) printJson(context, comparison.value)
        else context.terminal.out(toText(comparison.value))
        return { kind: agrees(comparison.value, options.exact === true) ? "yes" : "no" }
      })
      await end(context, options, compared)
    })
}

/** Another version may speak in other words and round elsewhere. */
function agrees({ networks, refusals }: RuntimeComparison, exact: boolean): boolean {
  if (!exact) return networks.every((network) => network.agrees)
  return networks.every(({ sameBits }) => sameBits) && refusals.every(({ same }) => same)
}

function toText({ library, version, packagedVersion, networks, refusals, cycles }: RuntimeComparison): string {
  const rows = networks.map(({ network, sameBits, differenceMax, nodes, packagedMs, libraryMs }) => [
    network,
    sameBits ? "same bits" : differenceMax.toExponential(1),
    nodes ?? "not told",
    packagedMs.toFixed(2),
    libraryMs.toFixed(2),
  ])
  const table = formatTable(["network", "difference", "nodes", "packaged ms", "library ms"], rows)
  const words = refusals.map(({ mistake, same, words }) => `${mistake}: ${same ? "refused alike" : `differs: ${words}`}`)
  const head = `${library}: ONNX Runtime ${version}, ours is ${packagedVersion}`
  return [head, "", table, "", ...words, `opened, run and closed ${cycles} times`].join("\n")
}
