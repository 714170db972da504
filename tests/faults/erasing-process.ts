import { openPeopleBox } from "../people/support.ts"

/** Erases everybody whose id it is given, one after the other, in the data folder it is given. Says when it begins. */
const [path = "", ...ids] = process.argv.slice(2)
const folder = { path, file: (name: string) => `${path}/${name}`, [Symbol.dispose]: () => undefined }
const box = await openPeopleBox({ folder })
console.log("begun")
for (const id of ids) await box.people.erase(id)
console.log("erased")
await box.close()
process.exit(0)
