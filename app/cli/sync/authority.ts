import { readFileSync } from "node:fs"
import { Command } from "commander"
import { type BoxOptions, end, folderCommand, printJson } from "../command.ts"
import type { CliContext } from "../needs.ts"
import type { Outcome } from "../outcome.ts"
import { whyNotYet, withSite } from "./opened.ts"

/** For the day on which the box that lets others in is lost. */
export function authorityCommand(context: CliContext): Command {
  return new Command("authority")
    .description("the key of the site's authority: have it on paper, and let another box take over")
    .addCommand(
      folderCommand("show", "print the key; who has it lets in and sends away whom they like").action((options: BoxOptions) =>
        end(context, options, show(context, options)),
      ),
    )
    .addCommand(
      folderCommand("take", "make this box the one that lets others in; the key is read from standard input").action(
        (options: BoxOptions) => end(context, options, take(context, options)),
      ),
    )
}

function show(context: CliContext, options: BoxOptions): Promise<Outcome> {
  return withSite(options, async ({ site }) => {
    const { authorityKeyText } = await import("../../sync/site/takeover.ts")
    const key = authorityKeyText(site)
    if (key.kind === "failed") return key
    context.terminal.err(
      `Key of the authority of the site ${site.name} (${site.fingerprint}). Write it on paper and keep it apart from the boxes: whoever has it lets in and sends away whom they like`,
    )
    if (options.json === true) printJson(context, { site: site.name, fingerprint: site.fingerprint, authorityKey: key.value })
    else context.terminal.out(key.value)
    return { kind: "yes" }
  })
}

function take(context: CliContext, options: BoxOptions): Promise<Outcome> {
  return withSite(options, async (opened) => {
    const whyNot = whyNotYet(opened)
    if (whyNot !== undefined) return whyNot
    const { site, board } = opened
    const { takeOverAuthority } = await import("../../sync/site/takeover.ts")
    // Never from the command line itself: other users of the machine see that, and the shell keeps it.
    const text = process.stdin.isTTY ? (prompt("Key of the site's authority:") ?? "") : readFileSync(0, "utf8")
    const taken = takeOverAuthority(site, text, Date.now())
    if (taken.kind === "failed") return taken
    board.beginAnew()
    if (options.json === true) printJson(context, { site: site.name, holder: site.box })
    else
      context.terminal.out(
        `this box lets others into the site ${site.name} from now on, and sends them away. Tokens that were given out before are void`,
      )
    return { kind: "yes" }
  })
}
