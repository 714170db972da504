import type { Hub, Unreachable } from "../hub.ts"

const triesMax = 4

/** Says it under a key that this box alone writes: only its own former words are overwritten. Said already is said. */
export async function put(
  hub: Pick<Hub, "latest" | "write">,
  key: string,
  bytes: Uint8Array,
): Promise<
  { readonly kind: "written"; readonly sequence: number } | { readonly kind: "refused"; readonly why: string } | Unreachable
> {
  for (let tries = 0; tries < triesMax; tries++) {
    const latest = await hub.latest("announcements", key)
    if (latest.kind === "unreachable") return latest
    if (latest.kind === "found" && Buffer.compare(latest.entry.bytes, bytes) === 0)
      return { kind: "written", sequence: latest.entry.sequence }
    const written = await hub.write("announcements", key, bytes, latest.kind === "none" ? 0 : latest.entry.sequence)
    if (written.kind !== "conflict") return written
  }
  return {
    kind: "unreachable",
    why: `${key} changed at the hub ${triesMax} times while it was written: another box has this one's name`,
  }
}
