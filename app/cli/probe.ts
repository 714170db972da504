import { Command, Option } from "commander"
import { type Accelerator, accelerators } from "../inference/providers/plan.ts"
import type { CliContext } from "./needs.ts"

interface ProbeOptions {
  readonly provider?: Accelerator
  readonly device: string
}

/** Started by the box itself: a doubtful library is loaded where it can harm nobody. Prints one line of JSON. */
export function probeCommand({ needs, terminal }: CliContext): Command {
  return new Command("probe")
    .description("see what a library of ONNX Runtime can do (started by the box)")
    .argument("<library>", "its path")
    .addOption(new Option("--provider <name>", "also whether this one works").choices(accelerators))
    .option("--device <number>", "of several accelerators", "0")
    .action(async (library: string, { provider, device }: ProbeOptions) => {
      terminal.out(JSON.stringify(await needs.answerProbe({ library, provider, deviceId: Number(device) })))
    })
}
