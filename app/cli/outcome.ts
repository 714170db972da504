/** How a command ended, told to whoever started it by the exit code. */
export type Outcome =
  | { readonly kind: "yes" }
  /** The command did its work, and the answer is no: nobody recognised, two people, a box that is not well. */
  | { readonly kind: "no" }
  /** The work could not be done. `why` is one line: what happened and the remedy. */
  | { readonly kind: "failed"; readonly why: string }

export const exitCodes = { yes: 0, no: 1, usage: 2, failed: 3 } as const

export const exitCodesHelp = `
Exit codes:
  0  done; the answer is yes
  1  done, and the answer is no: nobody recognised, not the same person, a picture left out, something wrong found
  2  the command line is not understood
  3  it could not be done: a file, the configuration, the models or the engines are at fault; one line says what to do`
