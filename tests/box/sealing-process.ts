import { writeSync } from "node:fs"
import { openBoxFolder } from "../../app/box/open.ts"
import { folderOptions } from "./support.ts"

// Opens a data folder with a master key, and so seals it, between two words; killed at any moment, or by itself after a commit.
const [dataFolder = "", suite = "", material = "", lastCommit = "0"] = process.argv.slice(2)
if (suite !== "aes" && suite !== "gm") throw new Error(`${suite} is no suite`)
const { options, needs } = folderOptions(dataFolder, suite, Uint8Array.fromHex(material))
writeSync(1, "opening\n")
let commits = 0
const watchCommit = () => {
  commits++
  if (commits === Number(lastCommit)) process.kill(process.pid, "SIGKILL")
}
const opened = openBoxFolder(options, { ...needs, watchCommit })
if (opened.kind !== "ok") throw new Error(opened.why)
writeSync(1, "opened\n")
opened.value.store.close()
