/** How bun:ffi names what C passes. */
export type ForeignType = "ptr" | "cstring" | "i32" | "u32" | "u64" | "void"

export interface ApiFunction {
  /** Place in the table of function pointers. */
  readonly index: number
  /** Minor number of the first version whose documentation names it; 0 for those older than the documentation. */
  readonly since: number
  readonly args: readonly string[]
  readonly returns: string
}

export interface ApiHeader {
  readonly version: number
  readonly functions: ReadonlyMap<string, ApiFunction>
}

/** The members of `struct OrtApi` in their order, from the text of onnxruntime_c_api.h. Throws where it is no such header. */
export function readApiHeader(text: string): ApiHeader {
  const version = Number(/^#define ORT_API_VERSION (\d+)/m.exec(text)?.[1])
  const struct = /^struct OrtApi \{$([\s\S]*?)^\};/m.exec(text)?.[1]
  if (!Number.isInteger(version) || struct === undefined) throw new Error("this is no onnxruntime_c_api.h")
  // Remarks hold semicolons too: only the version is kept of each.
  const bare = struct
    .replaceAll(/\/\*[\s\S]*?\*\//g, (remark) => ` @since(${/\\since Version 1\.(\d+)/.exec(remark)?.[1] ?? 0}) `)
    .replaceAll(/\/\/.*$|^#.*$/gm, "")
  const members = bare
    .split(";")
    .map((member) => member.trim())
    .filter((member) => member !== "")
  const functions = new Map<string, ApiFunction>()
  for (const [index, member] of members.entries()) {
    const since = Math.max(0, ...[...member.matchAll(/@since\((\d+)\)/g)].map(([, minor]) => Number(minor)))
    const { name, args, returns } = readMember(
      member
        .replaceAll(/@since\(\d+\)/g, " ")
        .replaceAll(/\s+/g, " ")
        .trim(),
    )
    functions.set(name, { index, since, args, returns })
  }
  return { version, functions }
}

/** One function as bun:ffi wants it. */
export function callSite({ functions }: ApiHeader, name: string): ApiFunction & { readonly returns: ForeignType } {
  const site = functions.get(name)
  if (site === undefined) throw new Error(`the header knows no ${name}`)
  return {
    ...site,
    args: site.args.map(foreignType),
    returns: site.returns === "const char*" ? "cstring" : foreignType(site.returns),
  }
}

function readMember(text: string): { name: string; args: string[]; returns: string } {
  const release = /^ORT_CLASS_RELEASE\((\w+)\)$/.exec(text)
  if (release) return { name: `Release${release[1]}`, args: ["Ort*"], returns: "void" }
  const status = /^ORT_API2_STATUS\(\s*(\w+)\s*,?(.*)\)$/.exec(text)
  if (status) return { name: status[1]!, args: splitArgs(status[2]!), returns: "OrtStatus*" }
  const typed = /^ORT_API_T\(\s*([^,]+),\s*(\w+)\s*,?(.*)\)$/.exec(text)
  if (typed) return { name: typed[2]!, args: splitArgs(typed[3]!), returns: typed[1]! }
  const plain = /^(.+?) ?\( ?ORT_API_CALL ?\* ?(\w+)\)\((.*)\)[^()]*$/.exec(text)
  if (plain) return { name: plain[2]!, args: splitArgs(plain[3]!), returns: plain[1]! }
  throw new Error(`not understood: ${text}`)
}

/** At the commas outside of brackets. */
function splitArgs(text: string): string[] {
  const args: string[] = []
  let depth = 0
  let arg = ""
  for (const letter of text) {
    if (letter === "(") depth++
    if (letter === ")") depth--
    if (letter === "," && depth === 0) {
      args.push(arg.trim())
      arg = ""
    } else arg += letter
  }
  if (arg.trim() !== "" && arg.trim() !== "void") args.push(arg.trim())
  return args
}

function foreignType(text: string): ForeignType {
  if (text.includes("*") || /^(_\w+_ )?\w+Function\b/.test(text)) return "ptr"
  const type = text
    .replace(/^_\w+_(\([^)]*\))? /, "")
    .replace(/^enum /, "")
    .split(" ")[0]!
  const known: Record<string, ForeignType> = { size_t: "u64", int64_t: "u64", uint32_t: "u32", int: "i32", void: "void" }
  // What is left are C's enumerations.
  const enumeration = /^(Ort|ONNX|Graph|Execution)\w+$/.test(type) ? "i32" : undefined
  const found = known[type] ?? enumeration
  if (found === undefined) throw new Error(`no type of bun:ffi for ${text}`)
  return found
}
