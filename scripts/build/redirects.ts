import { join } from "node:path"
import type { BunPlugin } from "bun"
import { projectRoot } from "../../app/base/paths.ts"
import type { Embedded } from "../../app/base/resources/embedded.ts"
import type { ContentFile } from "./contents.ts"

/** A module whose text is another one in the compiled program. */
interface Redirect {
  /** End of the module's path. */
  readonly module: string
  /** @param text as it stands on the disk */
  readonly replace: (text: string) => string
}

export interface Redirects {
  readonly plugin: BunPlugin
  /** Modules that the program turned out not to hold: a package has moved them, and would fail at run time. */
  unused(): readonly string[]
}

const loader = JSON.stringify(join(projectRoot, "app/base/resources/native.ts"))
const nacl = JSON.stringify(join(projectRoot, "scripts/build/nacl.ts"))

/**
 * Packages look for their native part beside themselves, by names put together at run time. In the program each of those modules
 * is replaced by one that loads from the unpacked folder, and the module that says what is embedded by one that knows.
 */
export function createRedirects(
  contents: readonly ContentFile[],
  embedded: Omit<Embedded, "payload">,
  payload: string,
): Redirects {
  const native = (end: string) => {
    const found = contents.find(({ role, path }) => role === "native" && path.startsWith("node_modules/") && path.includes(end))
    if (found === undefined) throw new Error(`no native file ${end} is among the contents`)
    return JSON.stringify(found.path.slice("node_modules/".length))
  }
  const redirects: Redirect[] = [
    {
      module: "app/base/resources/embedded.ts",
      replace: () =>
        `import payload from ${JSON.stringify(payload)} with { type: "file" }\n` +
        `export const embedded = { payload, ...${JSON.stringify(embedded)} }\n`,
    },
    {
      module: "node_modules/onnxruntime-node/dist/binding.js",
      replace: (text) =>
        text.replace(
          /require\(`[^`]*onnxruntime_binding\.node`\)/,
          `require(${loader}).loadNative(${native("onnxruntime_binding.node")})`,
        ),
    },
    {
      module: "node_modules/sharp/dist/sharp.mjs",
      replace: () => `import { loadNative } from ${loader}\nexport default loadNative(${native("/sharp-linux-")})\n`,
    },
    // It would run other programs to find out. There is no ONNX Runtime for any other libc.
    {
      module: "node_modules/detect-libc/lib/detect-libc.js",
      replace: () =>
        'const told = () => "glibc"\nmodule.exports = { GLIBC: "glibc", MUSL: "musl", familySync: told, isNonGlibcLinuxSync: () => false, versionSync: () => null }\n',
    },
    // As it is loaded it asks for the home folder, which throws for a user who is in no list of users, as in a bare container.
    {
      module: "node_modules/@napi-rs/canvas/index.js",
      replace: (text) => text.replace(/const homedirPath = homedir\(\)/, 'const homedirPath = process.env.HOME ?? "/"'),
    },
    {
      module: "node_modules/@napi-rs/canvas/js-binding.js",
      replace: () => `module.exports = require(${loader}).loadNative(${native("/skia.")})\n`,
    },
    // Its index also loads what speaks to clusters and gateways, which nobody here does: 18 ms at each start.
    {
      module: "node_modules/prom-client/index.js",
      replace: () =>
        ["Registry", "Counter", "Gauge", "Histogram"]
          .map((name) => `exports.${name} = require("./lib/${name.toLowerCase()}")\n`)
          .join(""),
    },
    // sharp compares two versions at its start. 30 kB for what Bun can do.
    {
      module: "node_modules/semver/index.js",
      replace: () =>
        `exports.coerce = (text) => ({ version: /\\d+\\.\\d+\\.\\d+/.exec(text)[0] })\n` +
        `exports.satisfies = (version, range) => Bun.semver.satisfies(version, range)\n` +
        `exports.gte = (a, b) => Bun.semver.order(a, b) >= 0\n`,
    },
    // Signs a hub's question by Ed25519, in 35 kB of JavaScript that also encrypts. Ours is in C, and nothing here encrypts by it.
    {
      module: "node_modules/@nats-io/nkeys/lib/nacl.js",
      replace: () => `import { nacl } from ${nacl}\nexport default nacl\n`,
    },
  ]
  const used = new Set<string>()
  const plugin: BunPlugin = {
    name: "redirects",
    setup(build) {
      for (const { module, replace } of redirects) {
        build.onLoad({ filter: new RegExp(`/${module.replace(/[.\\^$+?()[\]{}|*]/g, "\\$&")}$`) }, async ({ path }) => {
          const text = await Bun.file(path).text()
          const contents = replace(text)
          if (contents !== text) used.add(module)
          return { contents, loader: path.endsWith(".ts") ? "ts" : "js" }
        })
      }
    },
  }
  return { plugin, unused: () => redirects.map(({ module }) => module).filter((module) => !used.has(module)) }
}
