/** Why a box names nobody, from its restore on until it has heard who was erased since. */
export function whyBlindAt(site: string): string {
  return `this box was restored from a backup, and may not recognise anybody before it has read from the hub of the site ${site} who was erased since: connect it, or \`gatehouse sync leave --force\` if it is on its own from now on`
}
