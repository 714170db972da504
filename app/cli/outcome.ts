/** How a command ended, told to whoever started it by the exit code. */
export type Outcome =
  | { readonly kind: "yes" }
  /** The command did its work, and the answer is no: nobody recognised, two people, a box that is not well. */
  | { readonly kind: "no" }
  /** The work could not be done. `why` is one line: what happened and the remedy. */
  | { readonly kind: "failed"; readonly why: string }
  | Locked
  | Misconfigured

/** The data folder is sealed, and its master key is missing or another one. Starting again does not help: somebody has to come. */
export interface Locked {
  readonly kind: "locked"
  readonly why: string
}

/** What the box is told is wrong, or requires what is not there (a provider). Starting again does not help here either. */
export interface Misconfigured {
  readonly kind: "misconfigured"
  readonly why: string
}

/** 78 is EX_CONFIG of sysexits.h, by which a systemd unit knows not to start again (RestartPreventExitStatus=78). */
export const exitCodes = { yes: 0, no: 1, usage: 2, failed: 3, locked: 78, misconfigured: 78 } as const

export const exitCodesHelp = `
Exit codes:
  0  done; the answer is yes
  1  done, and the answer is no: nobody recognised, not the same person, a picture left out, something wrong found
  2  the command line is not understood
  3  it could not be done: a file, the configuration, the models or the engines are at fault; one line says what to do
 78  starting again does not help: the configuration of the box is wrong or requires what is not there, or the data folder is
     sealed, and the master key is missing or another one`
