import { expect, test } from "bun:test"
import type { HubEntry, HubKeeping, HubRecord, Stream } from "../../app/sync/hub.ts"
import { entity, originOf } from "./support.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

/** What any hub does, whoever made it. Sessions are tried on the simulator's, and rely on nothing else. */
export function hubContract(open: () => Promise<HubKeeping & AsyncDisposable>): void {
  test("a key is written by compare-and-set, and the last of it is found", async () => {
    await using hub = await open()
    const key = entity(1, 2)
    expect(await hub.latest("records", key)).toEqual({ kind: "none" })
    const first = await written(hub, "records", key, "a", 0)
    expect(await hub.write("records", key, bytes("b"), 0)).toEqual({ kind: "conflict" })
    expect(await hub.write("records", key, bytes("b"), first + 1)).toEqual({ kind: "conflict" })
    const second = await written(hub, "records", key, "b", first)
    expect(second).toBeGreaterThan(first)
    const latest = await hub.latest("records", key)
    expect(latest).toMatchObject({ kind: "found", entry: { sequence: second, key } })
    expect(latest.kind === "found" && new TextDecoder().decode(latest.entry.bytes)).toBe("b")
    // A person is another entity than what lies below, and an erasure lies apart from what it erases.
    expect(await hub.latest("records", entity(1))).toEqual({ kind: "none" })
    expect(await hub.latest("erasures", key)).toEqual({ kind: "none" })
    expect(await hub.write("erasures", key, bytes("x"), 0)).toMatchObject({ kind: "written" })
  })

  test("of many who write at once one wins", async () => {
    await using hub = await open()
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, i) => hub.write("records", entity(9), bytes(`${i}`), 0)))
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual([...Array(19).fill("conflict"), "written"])
  })

  test("pages go on where the last one ended, in the order of writing, with the markers", async () => {
    await using hub = await open()
    expect(await hub.read("records", 0, 10)).toEqual({ kind: "read", entries: [], isEnd: true })
    expect(await hub.newestMarker("records")).toEqual({ kind: "none" })
    const expected: string[] = []
    for (let i = 1; i <= 25; i++) {
      await written(hub, "records", entity(i), `${i}`, 0)
      expected.push(`${i}`)
      if (i % 10 !== 0) continue
      expect(await hub.mark("records", `mark.${i}`)).toEqual({ kind: "marked" })
      expected.push(`mark.${i}`)
    }
    const all: HubEntry[] = []
    const sizes: number[] = []
    for (let after = 0, isEnd = false; !isEnd; ) {
      const page = await hub.read("records", after, 10)
      if (page.kind !== "read") throw new Error(page.why)
      all.push(...page.entries)
      sizes.push(page.entries.length)
      after = sequenceOf(page.entries.at(-1)) ?? after
      isEnd = page.isEnd
    }
    expect(all.map(saysOf)).toEqual(expected)
    expect(Math.max(...sizes)).toBe(10)
    const sequences = all.map((entry) => sequenceOf(entry) ?? 0)
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b))

    const newest = await hub.newestMarker("records")
    expect(newest).toMatchObject({ kind: "found", marker: { name: "mark.20" } })
    const sequence = newest.kind === "found" ? newest.marker.sequence : 0
    expect(await hub.markerAt("records", sequence)).toEqual(newest)
    expect(await hub.markerAt("records", sequence + 1)).toEqual({ kind: "none" })
    expect(await hub.markerAt("records", sequence + 1000)).toEqual({ kind: "none" })
    expect(await hub.markerAt("erasures", sequence)).toEqual({ kind: "none" })

    // From anywhere, and again at the end when there is more.
    const middle = await hub.read("records", sequences[12] ?? 0, 3)
    expect(middle.kind === "read" && middle.entries.map(saysOf)).toEqual(expected.slice(13, 16))
    const last = sequences.at(-1) ?? 0
    expect(await hub.read("records", last, 5)).toEqual({ kind: "read", entries: [], isEnd: true })
    await written(hub, "records", entity(99), "late", 0)
    const more = await hub.read("records", last, 5)
    expect(more.kind === "read" && [more.isEnd, ...more.entries.map(saysOf)]).toEqual([true, "late"])
  })

  test("what is removed is gone, and only that", async () => {
    await using hub = await open()
    const key = entity(3)
    const first = await written(hub, "records", key, "old", 0)
    const second = await written(hub, "records", key, "new", first)
    const page = await hub.read("records", 0, 10)
    const entries = page.kind === "read" ? page.entries.flatMap((entry) => (entry.kind === "record" ? [entry.record] : [])) : []
    const [old, present] = entries as [HubRecord, HubRecord]
    // Another one lies there by now.
    expect(await hub.remove("records", { ...present, bytes: bytes("else") })).toEqual({ kind: "removed" })
    expect(await hub.latest("records", key)).toMatchObject({ kind: "found", entry: { sequence: second } })
    expect(await hub.remove("records", old)).toEqual({ kind: "removed" })
    expect(await hub.remove("records", old)).toEqual({ kind: "removed" })
    const left = await hub.read("records", 0, 10)
    expect(left.kind === "read" && left.entries.map(saysOf)).toEqual(["new"])
    expect(await hub.write("records", key, bytes("newer"), second)).toMatchObject({ kind: "written" })

    // The last of all: the end of the stream is no message any more. (What then is the last of the key nobody asks: those before
    // left earlier, and 2.9.10 does not know.)
    const end = await hub.latest("records", key)
    if (end.kind === "found") await hub.remove("records", end.entry)
    expect(await hub.read("records", second, 10)).toEqual({ kind: "read", entries: [], isEnd: true })
  })

  test("of announcements the last of each key stays, and markers tell what was lost", async () => {
    await using hub = await open()
    const [mine, others] = ["0a0a0a0a.04", "0b0b0b0b.02.0a0a0a0a"]
    const first = await written(hub, "announcements", mine, "here", 0)
    await written(hub, "announcements", others, "let in", 0)
    expect(await hub.mark("announcements", "mark.1")).toEqual({ kind: "marked" })
    await written(hub, "announcements", mine, "still here", first)
    expect(await hub.newestMarker("announcements")).toMatchObject({ kind: "found", marker: { name: "mark.1" } })
    const page = await hub.read("announcements", 0, 10)
    const said = page.kind === "read" ? page.entries.map(saysOf).filter((words) => words !== "here") : []
    expect(said).toEqual(["let in", "mark.1", "still here"])
  })

  test("sightings lie under the origin that wrote them", async () => {
    await using hub = await open()
    const [mine, others] = [originOf("0a0a0a0a"), originOf("0b0b0b0b")]
    const first = await written(hub, "sightings", mine, "1", 0)
    await written(hub, "sightings", others, "1", 0)
    await written(hub, "sightings", mine, "2", first)
    expect(await hub.latest("sightings", others)).toMatchObject({ kind: "found", entry: { key: others } })
    expect(await hub.write("sightings", mine, bytes("2"), first)).toEqual({ kind: "conflict" })
  })
}

async function written(hub: HubKeeping, stream: Stream, key: string, text: string, expected: number): Promise<number> {
  const answer = await hub.write(stream, key, bytes(text), expected)
  if (answer.kind !== "written") throw new Error(`not written: ${JSON.stringify(answer)}`)
  return answer.sequence
}

const sequenceOf = (entry: HubEntry | undefined) => (entry?.kind === "marker" ? entry.marker.sequence : entry?.record.sequence)
const saysOf = (entry: HubEntry) => (entry.kind === "marker" ? entry.marker.name : new TextDecoder().decode(entry.record.bytes))
