import { openClaim } from "../../app/access/claim.ts"
import { openKeys } from "../../app/access/keys.ts"
import { silentLog } from "../../app/base/log.ts"
import { openStore } from "../../app/store/store.ts"

/** `bun claiming-process.ts <database> <code> <at>`: claims the box at that moment, milliseconds since 1970, and prints what came of it. */
const [path = "", code = "", at = ""] = process.argv.slice(2)
const opened = openStore(path)
if (opened.kind === "failed") throw new Error(opened.why)
const { store } = opened
const needs = { store, keys: openKeys(store), makeRecoveryKey: () => ({ kind: "not_sealed" }) as const, log: silentLog }
const claim = openClaim(needs, { claim: "required" }, { adminKey: undefined, fileCode: { kind: "ok", value: code } })
await Bun.sleep(Math.max(0, Number(at) - Date.now()))
console.log(JSON.stringify(claim.claim({ code })))
store.close()
