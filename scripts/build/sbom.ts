import { basename, join } from "node:path"
import { Enums, Models, Serialize, SPDX, Spec } from "@cyclonedx/cyclonedx-library"
import { z } from "zod"
import { projectRoot } from "../../app/base/paths.ts"
import type { EmbeddedFile } from "../../app/base/resources/embedded.ts"
import { version } from "../../app/base/version.ts"
import type { ContentFile } from "./contents.ts"
import type { Target } from "./targets.ts"
import { sha256Of } from "./tools.ts"

/** What a program was made of, as the build knows it. */
export interface Made {
  readonly target: Target
  readonly program: Uint8Array
  /** Bun for the target. */
  readonly bun: Uint8Array
  /** `node_modules` of the target. */
  readonly packages: string
  /** Names of the packages whose code is in the bundle. */
  readonly bundled: readonly string[]
  /** Fonts in the bundle, below `packages`. */
  readonly fonts: readonly string[]
  readonly contents: readonly ContentFile[]
  readonly files: readonly EmbeddedFile[]
}

const manifest = z.object({ name: z.string(), version: z.string(), license: z.string() })
type Manifest = z.output<typeof manifest>

/** Versions of the libraries inside libvips, which the package tells beside it. */
const versionsFile = z.record(z.string(), z.string())

/**
 * A bill of materials (CycloneDX 1.6, JSON): the bundled packages, Bun, and every file that comes along, each with its licence;
 * files with their SHA-256. It says nothing of when and where, so two builds give the same text.
 */
export async function describeProgram(made: Made): Promise<string> {
  const bom = new Models.Bom({ serialNumber: serialNumber(sha256Of(made.program)) })
  const program = component("application", "gatehouse", version, "Apache-2.0", made.program)
  bom.metadata.component = program
  bom.components.add(
    component("platform", "bun", Bun.version, "MIT", made.bun, `pkg:npm/%40oven/${made.target.bunPackage}@${Bun.version}`),
  )
  for (const name of made.bundled) {
    const { version, license } = await readManifest(made.packages, name)
    bom.components.add(
      component("library", name, version, license, undefined, purlOf(name.split("node_modules/").at(-1)!, version)),
    )
  }
  for (const path of made.fonts) {
    const name = made.bundled.filter((each) => path.startsWith(`${each}/`)).at(-1) ?? ""
    const { version, license } = await readManifest(made.packages, name)
    const font = component("file", basename(path), version, license, await Bun.file(join(made.packages, path)).bytes())
    font.purl = purlOf(name, version)
    bom.components.add(font)
  }
  for (const file of made.contents) bom.components.add(await describeFile(file, made))
  for (const part of bom.components) program.dependencies.add(part.bomRef)
  const normalizer = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6)
  return `${new Serialize.JsonSerializer(normalizer).serialize(bom, { sortLists: true, space: 2 })}\n`
}

async function describeFile(file: ContentFile, made: Made): Promise<Models.Component> {
  const sha256 = made.files.find(({ path }) => path === file.path)?.sha256
  if (sha256 === undefined) throw new Error(`${file.path} is not among the files that were packed`)
  const origin = file.package === undefined ? undefined : await readManifest(made.packages, file.package)
  const type = ({ native: "library", model: "machine-learning-model", page: "file", text: "file" } as const)[file.role]
  const described = component(
    type,
    basename(file.path),
    file.version ?? origin?.version ?? version,
    file.licence ?? origin?.license ?? "Apache-2.0",
  )
  described.bomRef.value = file.path
  described.hashes.set(Enums.HashAlgorithm["SHA-256"], sha256)
  described.properties.add(new Models.Property("gatehouse:path", file.path))
  if (origin !== undefined) described.purl = purlOf(origin.name, origin.version)
  if (file.role === "native" && sha256Of(await Bun.file(file.source).bytes()) !== sha256) {
    described.properties.add(
      new Models.Property("gatehouse:changed", "tables that are not used were emptied; see docs/build.md"),
    )
  }
  for (const [name, inside] of await librariesInside(file, made.packages)) {
    const part = new Models.Component(Enums.ComponentType.Library, name, { version: inside, bomRef: `${file.path}#${name}` })
    described.components.add(part)
  }
  return described
}

async function librariesInside(file: ContentFile, packages: string): Promise<readonly (readonly [string, string])[]> {
  const versions = Bun.file(join(packages, file.package ?? "", "versions.json"))
  if (file.role !== "native" || file.package === undefined || !(await versions.exists())) return []
  return Object.entries(versionsFile.parse(await versions.json()))
}

function component(
  type: `${Enums.ComponentType}`,
  name: string,
  version: string,
  licence: string,
  bytes?: Uint8Array,
  purl?: string,
): Models.Component {
  const made = new Models.Component(type as Enums.ComponentType, name, {
    version,
    bomRef: purl ?? `${name}@${version}`,
    ...(purl !== undefined && { purl }),
  })
  made.licenses.add(licenceOf(licence))
  if (bytes !== undefined) made.hashes.set(Enums.HashAlgorithm["SHA-256"], sha256Of(bytes))
  return made
}

function licenceOf(text: string): Models.License {
  if (SPDX.isSupportedSpdxId(text)) return new Models.SpdxLicense(text)
  return / (?:OR|AND|WITH) /.test(text) ? new Models.LicenseExpression(text) : new Models.NamedLicense(text)
}

async function readManifest(packages: string, name: string): Promise<Manifest> {
  // Those that are only compiled from, such as the index library, may not be among the packages of another machine.
  for (const folder of [packages, join(projectRoot, "node_modules")]) {
    const file = Bun.file(join(folder, name, "package.json"))
    if (await file.exists()) return manifest.parse(await file.json())
  }
  throw new Error(`${name} has no package.json below ${packages}`)
}

function purlOf(name: string, version: string): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`
}

/** A UUID of the kind that is made from a name (version 8: by a rule of our own): the same program has the same one. */
function serialNumber(sha256: string): string {
  const digits = `${sha256.slice(0, 12)}8${sha256.slice(13, 16)}a${sha256.slice(17, 32)}`
  return `urn:uuid:${digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")}`
}
