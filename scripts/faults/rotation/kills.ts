import { join } from "node:path"
import { silentLog } from "../../../app/base/log.ts"
import { selfCommand } from "../../../app/base/self.ts"
import { type OpenedFolder, openBoxFolder } from "../../../app/box/open.ts"
import { openDetails, ownerOfSubject } from "../../../app/gallery/secrets.ts"
import { valuesOf } from "../../../app/gallery/subject-rows.ts"
import { writeKeyFile } from "../../../app/vault/master-file.ts"
import { createMaterial } from "../../../app/vault/master-key.ts"

export interface RotationOptions {
  readonly people: number
  readonly kills: number
  readonly suite: "aes" | "gm"
}

export interface RotationTold {
  /** Of rotations that nobody disturbed. */
  readonly seconds: readonly number[]
  /** After so many kills a rotation was under way. */
  readonly under: number
  readonly resumed: number
  readonly writeMsMax: number
  readonly wrong: readonly string[]
}

/** Opened after each kill; all of them at the end. */
const sampled = 500
const wholeRotations = 3

/** `gatehouse vault rotate` in a process of its own, again and again, beside a box that never closes the folder. */
export async function rotateUnderKills(
  folder: string,
  { people, kills, suite }: RotationOptions,
  told: (kill: number) => void,
): Promise<RotationTold> {
  const [dataFolder, keyFile] = [join(folder, "data"), join(folder, "master.key")]
  const written = writeKeyFile(keyFile, createMaterial())
  if (written.kind === "failed") throw new Error(written.why)
  const open = () => {
    const opened = openBoxFolder({ dataFolder, vault: { suite, keyFile } }, { log: silentLog })
    if (opened.kind !== "ok") throw new Error(opened.why)
    return opened.value
  }
  const box = open()
  const addPeople = createPeople(box)
  const ids = addPeople(people, 0)
  const wrong: string[] = []
  let [writeMsMax, under, resumed, added] = [0, 0, 0, people]
  let stopped = false

  /** A box has something to write all the time. */
  async function write(): Promise<void> {
    while (!stopped) {
      const begunMs = performance.now()
      ids.push(...addPeople(1, added++))
      writeMsMax = Math.max(writeMsMax, performance.now() - begunMs)
      await Bun.sleep(20)
    }
  }

  const writing = write()
  const seconds: number[] = []
  for (let n = 0; n < wholeRotations; n++) seconds.push((await rotate(dataFolder, keyFile)) / 1000)
  const wholeMs = Math.max(...seconds) * 1000
  for (let kill = 1; kill <= kills; kill++) {
    await rotate(dataFolder, keyFile, Math.random() * wholeMs)
    const other = open()
    const retired = other.vault.sealed?.masters().retired.length ?? 0
    if (retired > 0) under++
    // What is under way after a kill is ended by the next run, or by the one after that is killed.
    if (retired > 0 && kill % 3 === 0) {
      await rotate(dataFolder, keyFile)
      resumed++
    }
    const some = Array.from({ length: sampled }, () => Math.floor(Math.random() * ids.length))
    for (const [who, reader] of Object.entries({ box, other }))
      wrong.push(...wrongOf(reader, ids, some, `${who} after kill ${kill}`))
    other.store.close()
    if (kill % 10 === 0) told(kill)
  }
  await rotate(dataFolder, keyFile)
  stopped = true
  await writing
  wrong.push(...wrongOf(box, ids, ids.keys(), "at the end"))
  box.store.close()
  return { seconds, under, resumed, writeMsMax, wrong }
}

/** @returns how long it took, with the start of the program */
async function rotate(dataFolder: string, keyFile: string, killAfterMs?: number): Promise<number> {
  const begunMs = performance.now()
  const env = { ...process.env, GATEHOUSE_MASTER_KEY_FILE: keyFile }
  const command = [...selfCommand(), "vault", "rotate", "--data", dataFolder]
  const child = Bun.spawn(command, { env, stdin: "ignore", stdout: "ignore", stderr: "pipe" })
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfterMs)
  const [said, code] = await Promise.all([child.stderr.text(), child.exited])
  clearTimeout(timer)
  if (code !== 0 && child.signalCode !== "SIGKILL") throw new Error(said)
  return performance.now() - begunMs
}

/** In one transaction: each with a commit of its own takes minutes. */
function createPeople({ store, vault }: OpenedFolder) {
  const insert = store.prepare(`
    insert into subjects (id, details, name_digest, external_id_digest, valid_from_ms, valid_until_ms, created_at_ms, updated_at_ms)
    values (?, ?, ?, ?, ?, ?, 1, 1)`)
  return (count: number, from: number): string[] =>
    store.transact<string[]>(() =>
      Array.from({ length: count }, (_, n) => {
        const id = Bun.randomUUIDv7()
        vault.createKey(ownerOfSubject(id))
        insert.run(id, ...valuesOf(vault, id, { name: `Person ${from + n}` }))
        return id
      }),
    )
}

function wrongOf({ store, vault }: OpenedFolder, ids: readonly string[], places: Iterable<number>, when: string): string[] {
  const select = store.prepare<{ details: Uint8Array }>("select details from subjects where id = ?")
  const wrong: string[] = []
  for (const place of places) {
    const id = ids[place] ?? ""
    try {
      const name = openDetails(vault, id, select.get(id)?.details ?? new Uint8Array()).name
      if (name !== `Person ${place}`) wrong.push(`${when}: ${id} is called ${name}`)
    } catch (error) {
      wrong.push(`${when}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return wrong
}
