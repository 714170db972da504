import { CString, type Pointer } from "bun:ffi"
import { readFileSync, unlinkSync } from "node:fs"
import { z } from "zod"
import { type Library, pointerAt } from "./library.ts"
import { pointerIn, pointerSlots } from "./memory.ts"

/** Name of an execution provider → how many nodes of the network it runs. */
export type NodeCounts = ReadonlyMap<string, number>

/** What a session has to be opened with for `assignedNodes` to know. */
export const recordAssignment = "session.record_ep_graph_assignment_info"

/** Libraries from 1.24 on know it themselves: of the network as it was divided, before the nodes of each part were joined. */
export function knowsAssignment(library: Library): boolean {
  return library.has("Session_GetEpGraphAssignmentInfo")
}

/** @param session one that was opened with `recordAssignment` */
export function assignedNodes({ call, must, take }: Library, session: Pointer): NodeCounts {
  const counts = new Map<string, number>()
  const subgraphs = pointerSlots(1)
  const count = pointerSlots(1)
  must(call.Session_GetEpGraphAssignmentInfo(session, subgraphs, count))
  const list = pointerIn(subgraphs)
  for (let index = 0; list !== null && index < Number(count[0]); index++) {
    const subgraph = pointerAt(list, index)
    const provider = String(new CString(take((out) => call.EpAssignedSubgraph_GetEpName(subgraph, out))))
    const nodes = pointerSlots(1)
    must(call.EpAssignedSubgraph_GetNodes(subgraph, pointerSlots(1), nodes))
    counts.set(provider, (counts.get(provider) ?? 0) + Number(nodes[0]))
  }
  return counts
}

const profileEvents = z.array(
  z.object({ cat: z.string(), name: z.string(), args: z.object({ provider: z.string().optional() }).optional() }),
)

/**
 * What older libraries tell: their profile names the provider of each node that ran, a part that a provider has joined being one
 * node. Ends the profile, for which the session had `EnableProfiling`, and removes its file.
 * @returns `undefined` when nothing has run yet
 */
export function profiledNodes({ call, must, take }: Library, session: Pointer, allocator: Pointer): NodeCounts | undefined {
  const name = take((out) => call.SessionEndProfiling(session, allocator, out))
  const path = String(new CString(name))
  must(call.AllocatorFree(allocator, name))
  const text = readFileSync(path, "utf8")
  unlinkSync(path)
  const providerOf = new Map<string, string>()
  for (const { cat, name: event, args } of profileEvents.parse(JSON.parse(text))) {
    if (cat === "Node" && args?.provider !== undefined) providerOf.set(event, args.provider)
  }
  if (providerOf.size === 0) return undefined
  const counts = new Map<string, number>()
  for (const provider of providerOf.values()) counts.set(provider, (counts.get(provider) ?? 0) + 1)
  return counts
}
