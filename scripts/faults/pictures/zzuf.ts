import type { Mutant } from "./mutate.ts"
import type { Seed } from "./seeds.ts"

/** Somebody else's idea of damage: the fuzzer `zzuf`, where it is installed. `undefined` where it is not. */
export function zzufPath(): string | undefined {
  return Bun.which("zzuf") ?? undefined
}

/** Damages between one in a thousand and one in fifty bits. */
export async function mutateByZzuf(zzuf: string, seed: Seed, number: number): Promise<Mutant> {
  const ratio = (0.001 * 20 ** ((number % 100) / 99)).toFixed(4)
  const child = Bun.spawn([zzuf, "-s", String(number), "-r", ratio], { stdin: seed.bytes, stdout: "pipe", stderr: "ignore" })
  return {
    of: seed.name,
    damage: [`zzuf -s ${number} -r ${ratio}`],
    bytes: new Uint8Array(await new Response(child.stdout).arrayBuffer()),
  }
}
