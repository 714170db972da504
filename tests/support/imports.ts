/** One module named by another. `typeOnly`: erased before the program runs. */
export interface Import {
  readonly from: string
  readonly typeOnly: boolean
}

/**
 * Every module that a TypeScript text names: imports, re-exports, `import()` as a call and as a type, `require()`, and
 * `new URL("./x.ts", import.meta.url)`, by which a worker is started. It relies on the formatter (double quotes), and the
 * layers test holds it against Bun's own scanner, which knows the syntax but leaves type imports out.
 */
export function importsOf(text: string): Import[] {
  const code = withoutComments(text)
  const found: Import[] = []
  for (const [, keyword, clause = "", from] of code.matchAll(/^(import|export)\b([^"'`;=()]*?\bfrom)?\s*"([^"\n]+)"/gm)) {
    if (from === undefined || (keyword === "export" && clause === "")) continue
    found.push({ from, typeOnly: isTypeOnly(clause) })
  }
  for (const [, typeQuery, call, from] of code.matchAll(/(\btypeof\s+)?\b(import|require)\(\s*"([^"\n]+)"\s*\)/g))
    if (from !== undefined) found.push({ from, typeOnly: call === "import" && typeQuery !== undefined })
  for (const [, from] of code.matchAll(/new URL\(\s*"(\.[^"\n]+)",\s*import\.meta\.url\s*\)/g))
    if (from !== undefined) found.push({ from, typeOnly: false })
  return found
}

/** `import { type X } from` is none: the module is still loaded for its effects. */
function isTypeOnly(clause: string): boolean {
  return /^\s*type\b(?!\s*,|\s+from\b)/.test(clause)
}

/** Comments become blanks; strings stay, for a module's name is one. */
function withoutComments(text: string): string {
  const token = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g
  return text.replace(token, (part) => (part.startsWith("/") ? " " : part))
}
