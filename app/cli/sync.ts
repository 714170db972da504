import { Command } from "commander"
import type { CliContext } from "./needs.ts"
import { authorityCommand } from "./sync/authority.ts"
import { boxesCommand, inviteCommand, revokeCommand } from "./sync/boxes.ts"
import { conflictsCommand } from "./sync/conflicts.ts"
import { createCommand } from "./sync/create.ts"
import { joinCommand } from "./sync/join.ts"
import { leaveCommand } from "./sync/leave.ts"
import { statusCommand } from "./sync/status.ts"

/** One gallery on many boxes: this box, and the site that it belongs to. */
export function syncCommand(context: CliContext): Command {
  return new Command("sync")
    .description("share one gallery with other boxes: make a site, join one, and who belongs to it")
    .addCommand(createCommand(context))
    .addCommand(inviteCommand(context))
    .addCommand(joinCommand(context))
    .addCommand(boxesCommand(context))
    .addCommand(statusCommand(context))
    .addCommand(conflictsCommand(context))
    .addCommand(revokeCommand(context))
    .addCommand(leaveCommand(context))
    .addCommand(authorityCommand(context))
}
