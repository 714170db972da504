/**
 * Which files make an installed box, and where they go: one answer for `gatehouse install`, the packages and the flashed image,
 * so that a machine is the same however Gatehouse came onto it.
 */

export type UnitVariant = "cpu" | "gpu"

export interface LayoutChoice {
  /** `package`: by the package manager, below /usr. `machine`: by `gatehouse install` or onto an image, below /usr/local and /etc. */
  readonly way: "package" | "machine"
  /** The text of both units as in edge-config/systemd. */
  readonly units: Readonly<Record<UnitVariant, string>>
  /** Which of the two is started at boot; the other one lies beside it. */
  readonly variant: UnitVariant
  /** `auto` lets the box find out by itself. Not told: what was chosen before stays, and at first that is `auto`. */
  readonly profile?: string | undefined
  /** More variables for the service (`GATEHOUSE_HOST`), into the file that belongs to the owner; only where there is none yet. */
  readonly environment?: Readonly<Record<string, string>> | undefined
}

/** One thing that is put onto the machine. Paths are absolute, as the machine sees them; all belongs to root. */
export type LayoutEntry =
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  /** The compiled file of the machine's architecture. */
  | { readonly kind: "program"; readonly path: string; readonly mode: number }
  | {
      readonly kind: "text"
      readonly path: string
      readonly mode: number
      readonly text: string
      /** The owner's from then on: one that is there is left as it is, and it outlives an uninstall (a package's “conffile”). */
      readonly isOwners: boolean
    }
  | { readonly kind: "link"; readonly path: string; readonly target: string }

export interface InstallLayout {
  /** In the order in which they are made. */
  readonly entries: readonly LayoutEntry[]
  readonly programPath: string
  readonly unitsFolder: string
  /** Of the variant that is started at boot, such as `gatehouse.service`. */
  readonly unit: string
}

export const unitNames = { cpu: "gatehouse.service", gpu: "gatehouse-gpu.service" } as const satisfies Record<
  UnitVariant,
  string
>

export const settingsFolder = "/etc/gatehouse"
/** Written by whoever installs, read by the units before the owner's file, which is stronger. */
export const profilePath = `${settingsFolder}/profile.env`
export const ownersPath = `${settingsFolder}/gatehouse.env`
/** A one-time code to claim the box (mode 0600), where somebody has put one; the units hand it on as the credential `claim-code`. */
export const claimCodePath = `${settingsFolder}/claim-code`

/**
 * Made by systemd (`StateDirectory=`, `CacheDirectory=`), with `DynamicUser=` below /var/lib/private and with a link: no way of
 * installing makes them, and none but a purge removes them.
 */
export const stateFolders = ["/var/lib/gatehouse", "/var/lib/private/gatehouse"] as const
export const cacheFolders = [
  "/var/cache/gatehouse",
  "/var/cache/private/gatehouse",
  // Root's own, for its commands on a box whose service has the other one.
  "/var/cache/gatehouse-root",
] as const

/** Where a unit is linked to be started at boot, by its `WantedBy=multi-user.target`. */
export const wantsFolder = "/etc/systemd/system/multi-user.target.wants"

const places = {
  package: { programPath: "/usr/bin/gatehouse", unitsFolder: "/usr/lib/systemd/system" },
  machine: { programPath: "/usr/local/bin/gatehouse", unitsFolder: "/etc/systemd/system" },
} as const

/** Both ways' places, for whoever looks for what is there. */
export const installPlaces: Readonly<
  Record<LayoutChoice["way"], { readonly programPath: string; readonly unitsFolder: string }>
> = places

/** Pure: says what is to be made and makes nothing. A package leaves the link to its scripts (`systemctl enable`), as packages do. */
export function installLayout({ way, units, variant, profile, environment = {} }: LayoutChoice): InstallLayout {
  const { programPath, unitsFolder } = places[way]
  const unit = unitNames[variant]
  const entries: LayoutEntry[] = [
    { kind: "program", path: programPath, mode: 0o755 },
    { kind: "folder", path: settingsFolder, mode: 0o755 },
    // Whoever adds an admin key to it finds it closed already. systemd reads it as root.
    { kind: "text", path: ownersPath, mode: 0o600, text: ownersText(environment), isOwners: true },
  ]
  if (profile !== undefined)
    entries.push({ kind: "text", path: profilePath, mode: 0o644, text: profileText(profile), isOwners: false })
  for (const each of ["cpu", "gpu"] as const) {
    const text = unitText(units[each], programPath)
    entries.push({ kind: "text", path: `${unitsFolder}/${unitNames[each]}`, mode: 0o644, text, isOwners: false })
  }
  if (way === "machine") entries.push({ kind: "link", path: `${wantsFolder}/${unit}`, target: `${unitsFolder}/${unit}` })
  return { entries, programPath, unitsFolder, unit }
}

/** The units name the package's place; another one is put in its stead. */
function unitText(text: string, programPath: string): string {
  return text.replaceAll(/^(ExecStart=)\/usr\/bin\/gatehouse /gm, `$1${programPath} `)
}

function profileText(profile: string): string {
  return `# Written when Gatehouse was installed; gatehouse.env beside it is stronger.\nGATEHOUSE_PROFILE=${profile}\n`
}

function ownersText(environment: Readonly<Record<string, string>>): string {
  const told = Object.entries(environment).map(([name, value]) => `${name}=${value}\n`)
  return `# Variables of the service, one a line; yours: neither an update nor an uninstall touches this file. After a change:
# systemctl restart gatehouse
#
#GATEHOUSE_HOST=0.0.0.0
#GATEHOUSE_PORT=8080
#GATEHOUSE_CONFIG=/etc/gatehouse/config.jsonc
#GATEHOUSE_PROFILE=auto
#GATEHOUSE_MODEL_DIR=/srv/gatehouse-models
#GATEHOUSE_LOG=info
${told.join("")}`
}
