/** What packages say of themselves. */

/** `.invalid` is a name that nobody can own: whoever passes packages on puts an address of their own here. */
export const maintainer = "Gatehouse maintainers <maintainers@gatehouse.invalid>"

export const summary = "edge appliance for face recognition: a camera's picture in, a name out"

/** Paragraphs of lines that fit a terminal. */
export const description: readonly (readonly string[])[] = [
  [
    "Cameras and other systems on your premises send Gatehouse a picture over HTTP;",
    "it answers who is in it. Detection, embedding, the gallery of people and the",
    "search all run on this machine, on a plain CPU, without a network.",
  ],
  [
    "One program and its service: it starts at boot. People, sightings and keys are",
    "kept in /var/lib/gatehouse, also when the package is removed.",
  ],
]

/** In the machine-readable form of Debian's copyright files. */
export const licenceNote = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Gatehouse
Comment: The program holds Bun, libraries and models, each under the licence
 of its authors: gatehouse.cdx.json names every one, with version, licence
 and SHA-256 (CycloneDX 1.6).

Files: *
Copyright: 2026 the authors of Gatehouse
License: Apache-2.0

License: Apache-2.0
 On Debian systems the full text of this licence is in
 /usr/share/common-licenses/Apache-2.0; elsewhere LICENSE is beside this file,
 and https://www.apache.org/licenses/LICENSE-2.0 has it for everybody.
`

/** What lies beside the program in the archive. */
export function archiveReadme(version: string, target: string): string {
  return `Gatehouse ${version} for ${target}

Try it:              ./gatehouse serve --data /tmp/gatehouse-data
Keep it:             sudo ./gatehouse install
Take it off again:   sudo gatehouse uninstall    (people, keys and settings stay)

It needs Linux with glibc 2.28 or newer and the C++ library (libstdc++.so.6).
Do not strip the program: what lies behind its code would be lost.
`
}
