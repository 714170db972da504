import {
  closeSync,
  constants,
  existsSync,
  lchownSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs"
import { join } from "node:path"
import { installPlaces, ownersPath, profilePath, settingsFolder, stateFolders, unitNames } from "./layout.ts"

/**
 * Whoever has installed a box asks it things as root: `sudo gatehouse doctor`. What is meant is the box of the service, with its
 * settings, and what such a command makes in its folder has to stay the service's own.
 */

/** Of these it does not hold: they are the service, a part of it, or leave its folder alone. */
const others: readonly string[] = ["serve", "engine", "install", "uninstall", "version", "hub"]

/** What the service is told, for a process of root that is told nothing else; empty where no service is installed. */
export function serviceSettings(root = "/"): Readonly<Record<string, string>> {
  const folders = Object.values(installPlaces).map(({ unitsFolder }) => unitsFolder)
  const isInstalled = folders.some((folder) => existsSync(join(root, folder, unitNames.cpu)))
  const dataFolder = join(root, stateFolders[0])
  if (!isInstalled || !existsSync(dataFolder)) return {}
  const files = [profilePath, ownersPath].map((path) => readVariables(join(root, path)))
  return Object.assign({ GATEHOUSE_DATA: dataFolder, CONFIGURATION_DIRECTORY: join(root, settingsFolder) }, ...files) as Record<
    string,
    string
  >
}

/**
 * Lets a command of root work with the box of the service, unless it is told of another one.
 * @param env changed: what it lacks is added
 * @returns the folder whose owner gets what the command makes there, where that is known
 */
export function takeServiceSettings(
  command: string,
  argv: readonly string[],
  env: Record<string, string | undefined> = process.env,
  settings: () => Readonly<Record<string, string>> = serviceSettings,
  isRoot = process.getuid?.() === 0,
): string | undefined {
  if (!isRoot || others.includes(command)) return undefined
  const told = optionOf("--data", argv)
  if (told !== undefined) return told
  if (env.GATEHOUSE_CONFIG !== undefined || optionOf("--config", argv) !== undefined) return env.GATEHOUSE_DATA
  const found = settings()
  // Its settings hold where its folder is meant, and nowhere else.
  if (env.GATEHOUSE_DATA !== undefined && env.GATEHOUSE_DATA !== found.GATEHOUSE_DATA) return env.GATEHOUSE_DATA
  for (const [name, value] of Object.entries(found)) env[name] ??= value
  return found.GATEHOUSE_DATA
}

function optionOf(name: string, argv: readonly string[]): string | undefined {
  const at = argv.findIndex((word) => word === name || word.startsWith(`${name}=`))
  const word = argv[at]
  return word === undefined || word === name ? argv[at + 1 || argv.length] : word.slice(name.length + 1)
}

/** Everything of root's in a folder that is not root's goes to the folder's owner: the service could not open it. */
export function giveToOwner(folder: string): void {
  const owner = statSync(folder, { throwIfNoEntry: false })
  if (owner !== undefined && owner.uid !== 0) giveAll(realpathSync(folder), owner)
}

/**
 * The folder is held open and its files are reached through that: its owner, who may be up to something, can put a link in the place of
 * a folder meanwhile, but lead nobody out of it. A file with a second name may be one of the system's.
 */
function giveAll(folder: string, owner: Pick<Stats, "uid" | "gid">): void {
  const held = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    const inside = `/proc/self/fd/${held}`
    for (const name of readdirSync(inside)) {
      const path = `${inside}/${name}`
      const found = lstatSync(path, { throwIfNoEntry: false })
      if (found?.uid === 0 && (found.isDirectory() || found.nlink === 1)) lchownSync(path, owner.uid, owner.gid)
      if (found?.isDirectory()) giveAll(path, owner)
    }
  } finally {
    closeSync(held)
  }
}

/** `NAME=value`, one a line, perhaps in quotes, as systemd reads an `EnvironmentFile=`; comments begin with # or ;. */
function readVariables(path: string): Record<string, string> {
  if (!existsSync(path)) return {}
  const lines = readFileSync(path, "utf8").matchAll(/^[ \t]*([A-Za-z_]\w*)=(.*)$/gm)
  return Object.fromEntries(
    [...lines].map(([, name, value]) => [name ?? "", (value ?? "").trim().replace(/^(["'])(.*)\1$/, "$2")]),
  )
}
