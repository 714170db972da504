import {
  claimCodePath,
  installLayout,
  type LayoutEntry,
  settingsFolder,
  unitNames,
  wantsFolder,
} from "../../app/cli/install/layout.ts"
import { readUnits } from "../../app/cli/install/units.ts"
import type { ProfileChoice } from "../../app/config/profile.ts"
import type { FlashedSystem } from "./system.ts"

export interface FlashWish {
  readonly variant: "cpu" | "gpu"
  readonly profile: ProfileChoice | undefined
  /** As it is printed; `undefined` leaves the box to make one of its own. */
  readonly claimCode: string | undefined
}

export interface FlashPlan {
  readonly entries: readonly LayoutEntry[]
  readonly removed: readonly string[]
}

/** `LoadCredential=` of systemd.exec(5). */
const credentialsSince = 247

const relabelPath = "/.autorelabel"
const presetPath = "/etc/systemd/system-preset/50-gatehouse.preset"

/** What makes this system a box: the files of `gatehouse install`, and what only one that has never been started needs. */
export function planFlash({ variant, profile, claimCode }: FlashWish, system: FlashedSystem): FlashPlan {
  const { entries, unit } = installLayout({ way: "machine", units: readUnits(), variant, profile })
  const other = unitNames[variant === "cpu" ? "gpu" : "cpu"]
  const more: LayoutEntry[] = [
    // At their first boot some systems set all services as their presets say, and those of openEuler say: disable.
    text(presetPath, 0o644, `enable ${unit}\ndisable ${other}\n`),
  ]
  const dropIn = `/etc/systemd/system/${unit}.d/claim-code.conf`
  if (claimCode !== undefined) {
    more.push(text(claimCodePath, 0o600, `${claimCode}\n`))
    if (system.systemd < credentialsSince) more.push(text(dropIn, 0o644, claimCodeDropIn))
  }
  // Files that come from outside carry no SELinux label: systemd could not read the unit. The first boot gives them all theirs.
  if (system.usesSelinux) more.push(text(relabelPath, 0o644, ""))
  const removed = [`${wantsFolder}/${other}`, ...(claimCode === undefined ? [claimCodePath] : [])]
  return { entries: [...entries, ...more], removed }
}

/** The code for a service whose user is made at its start, where systemd cannot hand it on: a copy in a folder of its own. */
const claimCodeDropIn = `# systemd before ${credentialsSince} knows no LoadCredential=.
[Service]
RuntimeDirectory=gatehouse
RuntimeDirectoryMode=0700
Environment=GATEHOUSE_CLAIM_CODE_FILE=%t/gatehouse/claim-code
ExecStartPre=-+/bin/sh -c 'cp ${settingsFolder}/claim-code %t/gatehouse/ && chown --reference=%t/gatehouse/. %t/gatehouse/claim-code'
`

function text(path: string, mode: number, content: string): LayoutEntry {
  return { kind: "text", path, mode, text: content, isOwners: false }
}
