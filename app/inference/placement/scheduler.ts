import { dlopen, ptr, read, FFIType as type } from "bun:ffi"
import { readdirSync } from "node:fs"
import { arch } from "node:os"
import type { Result } from "../../base/result.ts"
import { cpusMax } from "./cpu-list.ts"
import type { Place } from "./plan.ts"

/** What `within` could not have its way with; the work was done all the same. */
export type Refusals = readonly string[]

export interface Placed<Value> {
  readonly value: Value
  /** It was done on the processors of the place. */
  readonly onCpus: boolean
  readonly refusals: Refusals
}

/** Linux's scheduler and memory policy, asked for the thread that calls. */
export interface Scheduler {
  /**
   * Runs `work` while this thread may only be on the processors of a place and prefers its memory, and puts everything back. A
   * process that `work` starts has inherited both, for all the threads it will ever have (sched_setaffinity(2), set_mempolicy(2)).
   * What the kernel refuses is left out and told: EPERM by a container's filter, EINVAL by a cpuset that has changed since.
   */
  within<Value>(place: Place, work: () => Value): Placed<Value>
}

const { i32, u64, ptr: pointer } = type
const functions = {
  sched_getaffinity: { args: [i32, u64, pointer], returns: i32 },
  sched_setaffinity: { args: [i32, u64, pointer], returns: i32 },
  /** glibc has no function for memory policies: their own library, libnuma, is on few boxes. Three arguments, or five. */
  syscall: { args: [type.i64, type.i64, pointer, u64, u64, u64], returns: type.i64 },
  __errno_location: { args: [], returns: pointer },
} as const

/** <asm/unistd.h> of each architecture. */
const callNumbers = {
  x64: { setMemoryPolicy: 238, getMemoryPolicy: 239 },
  arm64: { setMemoryPolicy: 237, getMemoryPolicy: 236 },
} as const

/** <linux/mempolicy.h>: the node's own memory first, another's where it is full. MPOL_BIND would end the engine instead. */
const preferred = 1

/** <asm-generic/errno-base.h> and errno.h: what containers and kernels answer here. */
const errorNames: Readonly<Record<number, string>> = { 1: "EPERM", 3: "ESRCH", 14: "EFAULT", 22: "EINVAL", 38: "ENOSYS" }

/** The kernel takes no more nodes than this (MAX_NUMNODES with CONFIG_NODES_SHIFT=10), and counts one bit more than it reads. */
const nodesMax = 1024

/** `failed` where the C library is not glibc's, or the architecture is none of ours. */
export function openScheduler(): Result<Scheduler> {
  const name = arch()
  if (name !== "x64" && name !== "arm64") return { kind: "failed", why: `no numbers of system calls for ${name}` }
  let library: ReturnType<typeof load>
  try {
    library = load()
  } catch (error) {
    return { kind: "failed", why: `libc.so.6 cannot be loaded: ${error instanceof Error ? error.message : String(error)}` }
  }
  const { setMemoryPolicy, getMemoryPolicy } = callNumbers[name]

  function refusal(what: string): string {
    const at = library.__errno_location()
    const number = at === null ? 0 : read.i32(at, 0)
    return `${what}: ${errorNames[number] ?? `error ${number}`}`
  }

  /** @param thread 0 is the one that calls */
  const setAffinity = (mask: BigUint64Array, thread = 0) => library.sched_setaffinity(thread, mask.byteLength, ptr(mask)) === 0

  /** Also of threads that came meanwhile, which have inherited it: the JavaScript engine starts helpers when it sees fit. */
  function putAffinityBack(mask: BigUint64Array, known: ReadonlySet<string>): boolean {
    for (const thread of ownThreads()) if (!known.has(thread)) setAffinity(mask, Number(thread))
    return setAffinity(mask)
  }

  function setPolicy(mode: number, nodes: BigUint64Array): boolean {
    const none = nodes.every((bits) => bits === 0n)
    return Number(library.syscall(setMemoryPolicy, mode, none ? null : ptr(nodes), none ? 0 : nodesMax + 1, 0, 0)) === 0
  }

  return {
    kind: "ok",
    value: {
      within({ cpus, memoryNode }, work) {
        const refusals: string[] = []
        let onCpus = false
        const putBack: (() => boolean)[] = []

        const known = new Set(ownThreads())
        const before = new BigUint64Array(cpusMax / 64)
        if (library.sched_getaffinity(0, before.byteLength, ptr(before)) < 0) refusals.push(refusal("sched_getaffinity"))
        else if (!setAffinity(maskOf(cpus, cpusMax))) refusals.push(refusal("sched_setaffinity"))
        else {
          onCpus = true
          putBack.push(() => putAffinityBack(before, known))
        }

        if (memoryNode !== undefined) {
          const mode = new Int32Array(2)
          const nodes = new BigUint64Array(nodesMax / 64)
          const asked = library.syscall(getMemoryPolicy, ptr(mode), ptr(nodes), nodesMax, 0, 0)
          if (Number(asked) !== 0) refusals.push(refusal("get_mempolicy"))
          else if (!setPolicy(preferred, maskOf([memoryNode], nodesMax))) refusals.push(refusal("set_mempolicy"))
          else putBack.push(() => setPolicy(mode[0]!, nodes))
        }

        try {
          return { value: work(), onCpus, refusals }
        } finally {
          for (const put of putBack) if (!put()) refusals.push(refusal("this thread could not be put back"))
        }
      },
    },
  }
}

function ownThreads(): string[] {
  return readdirSync("/proc/self/task")
}

function load() {
  return dlopen("libc.so.6", functions).symbols
}

function maskOf(numbers: readonly number[], size: number): BigUint64Array {
  const mask = new BigUint64Array(size / 64)
  for (const number of numbers) mask[Math.floor(number / 64)]! |= 1n << BigInt(number % 64)
  return mask
}
