import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { chmod, mkdir, readFile, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { z } from "zod"
import { replaceFile, syncFolder } from "../../../base/replace-file.ts"
import type { Result } from "../../../base/result.ts"
import { sitePattern } from "../layout.ts"
import { loadNats } from "../refusals.ts"
import { type HubAccess, jsonOf } from "./access.ts"
import { type AuthorityName, certify, makeAuthority } from "./authorities.ts"
import { addressOf, type HubNode, type HubPlan, hubPlan, namePattern } from "./plan.ts"
import { accountsConfiguration, serverConfiguration, serverFile, serviceUnit, unitName } from "./server-files.ts"

/**
 * The folder that a hub is made and kept from. It stays with the administrator; what lies in `nodes` and `boxes` is carried to where
 * it is used.
 *
 *     hub.json             the plan
 *     authority/           whoever has this lets in whom they like
 *     nodes/<server>/      all files of a server
 *     boxes/<name>.json    a box's access
 */
export const hubFolder = {
  plan: "hub.json",
  keeper: "authority/keeper.json",
  operator: "authority/operator.nk",
  authorityKey: (name: AuthorityName) => `authority/${name}-ca.key`,
  authorityCertificate: (name: AuthorityName) => `authority/${name}-ca.pem`,
  node: (node: HubNode, file: string) => `nodes/${node.name}/${file}`,
  box: (name: string) => `boxes/${name}.json`,
} as const

export type InitHub = Pick<HubPlan, "site" | "nodes" | "installedAt" | "storeAt" | "sightingsBytesMax">

const secretMode = 0o600
const openMode = 0o644

type Put = (name: string, text: string, mode: number) => Promise<void>

const putInto =
  (folder: string): Put =>
  (name, text, mode) =>
    replaceFile(join(folder, name), mode, async (draft) => {
      // Nobody reads a secret before the file has its mode.
      await Bun.write(draft, "")
      await chmod(draft, secretMode)
      await Bun.write(draft, text)
    })

/**
 * Makes authorities, keys and the servers' files. The folder appears with all of them or not at all.
 * @param folder must not be there yet: what lies in it cannot be made a second time
 */
export async function initHub(folder: string, asked: InitHub): Promise<Result<HubPlan>> {
  if (!sitePattern.test(asked.site))
    return { kind: "failed", why: `--site ${asked.site}: a site's name is small letters, digits and dashes, at most 63` }
  if (existsSync(folder))
    return { kind: "failed", why: `${folder} is there already: a hub's keys are made once; name another --folder` }
  const [keeper, operator] = [await newNkey(), await newNkey()]
  const plan: HubPlan = { version: 1, ...asked, keeper: keeper.publicKey, operator: operator.publicKey, boxes: [] }
  const draft = `${folder}.draft`
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { recursive: true, mode: 0o700 })
  const put = putInto(draft)

  const authorities = { hub: makeAuthority("hub", plan.site), boxes: makeAuthority("boxes", plan.site) }
  for (const name of ["hub", "boxes"] as const) {
    await put(hubFolder.authorityKey(name), authorities[name].key, secretMode)
    await put(hubFolder.authorityCertificate(name), authorities[name].certificate, openMode)
  }
  await put(hubFolder.operator, `${operator.seed}\n`, secretMode)
  const identity = certify("boxes", plan.site, authorities.boxes.key, "keeper", [])
  const tls = { ca: authorities.hub.certificate, ...identity }
  await put(hubFolder.keeper, accessText(plan, { box: "keeper", name: "keeper", nkeySeed: keeper.seed, tls }), secretMode)

  for (const node of plan.nodes) {
    const own = certify("hub", plan.site, authorities.hub.key, node.name, [node.host])
    const file = (name: string, text: string, mode = openMode) => put(hubFolder.node(node, name), text, mode)
    await file(serverFile.configuration, serverConfiguration(plan, node))
    await file(unitName(plan, node), serviceUnit(plan, node))
    await file(serverFile.certificate, own.cert)
    await file(serverFile.key, own.key, secretMode)
    await file(serverFile.hubAuthority, authorities.hub.certificate)
    await file(serverFile.boxesAuthority, authorities.boxes.certificate)
  }
  await putAccounts(put, plan)
  await putPlan(put, plan)
  await rename(draft, folder)
  await syncFolder(dirname(folder))
  return { kind: "ok", value: plan }
}

/** A new box of the site, with its own key and certificate. */
export async function addBox(folder: string, name: string, now: Date): Promise<Result<{ plan: HubPlan; box: string }>> {
  if (!namePattern.test(name))
    return { kind: "failed", why: `${name}: a box's name is small letters, digits and dashes, at most 63, as gate-2` }
  const read = await readPlan(folder)
  if (read.kind === "failed") return read
  if (read.value.boxes.some((present) => present.name === name))
    return {
      kind: "failed",
      why: `the hub has a box ${name} already: take another name, or \`gatehouse hub remove-box\` it first`,
    }
  const { publicKey, seed } = await newNkey()
  const box = newBoxId(read.value)
  const plan = {
    ...read.value,
    boxes: [...read.value.boxes, { name, box, nkey: publicKey, addedAt: now.toISOString() }],
  }
  const text = (file: string) => readFile(join(folder, file), "utf8")
  const identity = certify("boxes", plan.site, await text(hubFolder.authorityKey("boxes")), name, [])
  const tls = { ca: await text(hubFolder.authorityCertificate("hub")), ...identity }

  const put = putInto(folder)
  await put(hubFolder.box(name), accessText(plan, { box, name, nkeySeed: seed, tls }), secretMode)
  // The plan last: until then the box is not there, and whoever was interrupted adds it again.
  await putAccounts(put, plan)
  await putPlan(put, plan)
  return { kind: "ok", value: { plan, box } }
}

/** From the servers' next reload on, the box is not let in. */
export async function removeBox(folder: string, name: string): Promise<Result<{ plan: HubPlan; box: string }>> {
  const read = await readPlan(folder)
  if (read.kind === "failed") return read
  const gone = read.value.boxes.find((present) => present.name === name)
  if (gone === undefined)
    return { kind: "failed", why: `the hub has no box ${name}: \`gatehouse hub boxes\` lists those it has` }
  const plan = { ...read.value, boxes: read.value.boxes.filter((present) => present !== gone) }
  const put = putInto(folder)
  await putAccounts(put, plan)
  await putPlan(put, plan)
  await rm(join(folder, hubFolder.box(name)), { force: true })
  return { kind: "ok", value: { plan, box: gone.box } }
}

/** Writes anew what boxes may do, where an earlier version wrote it otherwise: the servers have to read it again then. */
export async function renewAccounts(folder: string): Promise<Result<{ plan: HubPlan; changed: boolean }>> {
  const read = await readPlan(folder)
  if (read.kind === "failed") return read
  const plan = read.value
  const text = accountsConfiguration(plan)
  const files = plan.nodes.map((node) => Bun.file(join(folder, hubFolder.node(node, serverFile.accounts))))
  const present = await Promise.all(files.map(async (file) => ((await file.exists()) ? file.text() : "")))
  const changed = present.some((before) => before !== text)
  if (changed) await putAccounts(putInto(folder), plan)
  return { kind: "ok", value: { plan, changed } }
}

export async function readPlan(folder: string): Promise<Result<HubPlan>> {
  const file = Bun.file(join(folder, hubFolder.plan))
  if (!(await file.exists()))
    return {
      kind: "failed",
      why: `${folder} holds no ${hubFolder.plan}: name the folder that \`gatehouse hub init\` made by --folder`,
    }
  const parsed = hubPlan.safeParse(jsonOf(await file.text()))
  if (parsed.success) return { kind: "ok", value: parsed.data }
  const why = z.prettifyError(parsed.error).replaceAll("\n", " ")
  return { kind: "failed", why: `${join(folder, hubFolder.plan)} is not as \`gatehouse hub\` writes it: ${why}` }
}

type Identity = Pick<HubAccess, "box" | "name" | "nkeySeed" | "tls">

function accessText(plan: HubPlan, identity: Identity): string {
  const access: HubAccess = {
    version: 1,
    site: plan.site,
    ...identity,
    servers: plan.nodes.map(({ host, port }) => addressOf(host, port)),
    replicas: plan.nodes.length,
    sightingsBytesMax: plan.sightingsBytesMax,
  }
  return `${JSON.stringify(access, undefined, 2)}\n`
}

async function putAccounts(put: Put, plan: HubPlan): Promise<void> {
  for (const node of plan.nodes) await put(hubFolder.node(node, serverFile.accounts), accountsConfiguration(plan), openMode)
}

const putPlan = (put: Put, plan: HubPlan) => put(hubFolder.plan, `${JSON.stringify(plan, undefined, 2)}\n`, openMode)

/** A user of the hub. The seed proves who it is; the servers know the public key alone. */
async function newNkey(): Promise<{ readonly publicKey: string; readonly seed: string }> {
  const { transport } = await loadNats()
  const pair = transport.nkeys.createUser()
  return { publicKey: pair.getPublicKey(), seed: new TextDecoder().decode(pair.getSeed()) }
}

function newBoxId({ boxes }: Pick<HubPlan, "boxes">): string {
  const id = randomBytes(4).toString("hex")
  return boxes.some(({ box }) => box === id) ? newBoxId({ boxes }) : id
}
