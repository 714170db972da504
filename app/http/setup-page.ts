import type { Claimed, OwnersRecovery } from "../access/claim.ts"
import { unreachable } from "../base/assert.ts"
import { type Language, type SetupWords, setupWords } from "./setup-words.ts"

/** The page at /setup: one file without a script, for the browser of a phone that reaches nothing but this box. */

const style = `
  :root { color-scheme: light dark; --line: #8884; --accent: #0b6bcb; }
  body { margin: 0 auto; max-width: 34rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; }
  header { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; }
  h1 { font-size: 1.5rem; margin: .5rem 0; }
  h2 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
  label { display: block; font-weight: 600; margin-top: 1.25rem; }
  small { display: block; opacity: .75; font-weight: 400; }
  input { box-sizing: border-box; width: 100%; margin-top: .25rem; padding: .6rem; font: 1.1rem ui-monospace, monospace;
    border: 1px solid var(--line); border-radius: .4rem; }
  button { width: 100%; margin-top: 1.5rem; padding: .75rem; font: inherit; font-weight: 600; color: #fff;
    background: var(--accent); border: 0; border-radius: .4rem; }
  output { display: block; padding: .6rem; font: 1rem ui-monospace, monospace; overflow-wrap: anywhere; user-select: all;
    border: 1px solid var(--line); border-radius: .4rem; }
  .note { border-left: .25rem solid var(--line); padding-left: .75rem; }
  .trouble { border-left: .25rem solid #c33; padding-left: .75rem; font-weight: 600; }
`

/** Nothing is loaded and nothing runs; the style is known by its hash, and the form is sent to this box alone. */
export const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${new Bun.CryptoHasher("sha256").update(style).digest("base64")}'`,
  "img-src data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ")

/** Nobody owns the box. */
export function formPage(language: Language): string {
  const words = setupWords[language]
  return pageOf(
    language,
    words.title,
    `<p>${text(words.intro)}</p><p class="note">${text(words.compare)}</p>${form(words, language)}`,
  )
}

/** A claim was not taken: why, and the form once more. */
export function refusedPage(language: Language, refused: Refused): string {
  const words = setupWords[language]
  return pageOf(
    language,
    words.title,
    `<p class="trouble" role="alert">${text(whyOf(words, refused))}</p>${form(words, language)}`,
  )
}

/** There is nothing to claim. */
export function ownedPage(language: Language): string {
  const { owned, ownedHint } = setupWords[language]
  return pageOf(language, owned, `<p>${text(ownedHint)}</p>`)
}

/** The keys, this once. */
export function claimedPage(language: Language, { adminKey, recovery }: Extract<Claimed, { kind: "claimed" }>): string {
  const words = setupWords[language]
  const next = `<p>${text(words.next)} <a href="/docs">/docs</a></p>`
  const keys = `${shown(words.yourAdminKey, adminKey)}${recoveryPart(words, recovery)}`
  return pageOf(language, words.done, `<p class="trouble">${text(words.writeDown)}</p>${keys}${next}`, false)
}

function recoveryPart(words: SetupWords, recovery: OwnersRecovery): string {
  switch (recovery.kind) {
    case "made":
      return `${shown(words.yourRecoveryKey, recovery.key)}<p>${text(words.recoveryUse)}</p>`
    case "not_sealed":
      return `<p class="note">${text(words.notSealed)}</p>`
    case "held":
      return `<p class="note">${text(words.recoveryHeld)}</p>`
    case "failed":
      return `<p class="note">${text(words.recoveryFailed)}</p>`
    default:
      return unreachable(recovery)
  }
}

type Refused =
  | Extract<Claimed, { kind: "mistyped" | "wrong_code" | "locked" | "expired" }>
  | { readonly kind: "bad_request"; readonly why: string }

function whyOf(words: SetupWords, refused: Refused): string {
  switch (refused.kind) {
    case "mistyped":
      return words.mistyped
    case "wrong_code":
      return words.wrongCode(refused.triesLeft)
    case "locked":
      return words.locked
    case "expired":
      return words.expired
    case "bad_request":
      return `${words.badRequest} ${refused.why}`
    default:
      return unreachable(refused)
  }
}

function form(words: SetupWords, language: Language): string {
  const never = 'autocomplete="off" autocorrect="off" spellcheck="false"'
  return `<form method="post" action="/setup?lang=${language}">
<label>${text(words.code)}<small>${text(words.codeHint)}</small>
<input name="code" required maxlength="20" autocapitalize="characters" placeholder="XXXXX-XXXXX" ${never}></label>
<label>${text(words.adminKey)}<small>${text(words.adminKeyHint)}</small>
<input name="adminKey" minlength="16" maxlength="200" pattern="[!-~]*" autocapitalize="none" ${never}></label>
<button>${text(words.send)}</button>
</form>`
}

function shown(title: string, key: string): string {
  return `<h2>${text(title)}</h2><output>${text(key)}</output>`
}

/** @param isSwitchable whether the other language is offered: not where following a link would lose the keys */
function pageOf(language: Language, title: string, body: string, isSwitchable = true): string {
  const other = language === "en" ? "zh" : "en"
  const link = isSwitchable
    ? `<a href="/setup?lang=${other}" hreflang="${other}" lang="${other}">${text(setupWords[language].otherLanguage)}</a>`
    : ""
  return `<!doctype html>
<html lang="${language === "zh" ? "zh-Hans" : "en"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Gatehouse: ${text(title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<header><strong>Gatehouse</strong>${link}</header>
<main><h1>${text(title)}</h1>
${body}
</main>
</body>
</html>
`
}

const text = (value: string): string => Bun.escapeHTML(value)
