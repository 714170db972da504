import { describe, expect, test } from "bun:test"
import { chooseCacheFolder } from "../../../app/base/resources/cache-folder.ts"
import { mountOptions } from "../../../app/base/resources/mounts.ts"

describe("the cache folder", () => {
  const user = { env: {}, isRoot: false, home: "/somewhere/ada", isSystemsTaken: false }
  const chosen = (told: string | undefined, surroundings: Partial<typeof user & { env: Record<string, string> }>) => {
    const result = chooseCacheFolder(told, { ...user, ...surroundings })
    return result.kind === "ok" ? result.value : result.why
  }

  test.each([
    ["the command line", "/told", { GATEHOUSE_CACHE: "/env", CACHE_DIRECTORY: "/systemd" }, "/told"],
    ["the environment", undefined, { GATEHOUSE_CACHE: "/env", CACHE_DIRECTORY: "/systemd" }, "/env"],
    ["the first of systemd's", undefined, { CACHE_DIRECTORY: "/systemd:/more", XDG_CACHE_HOME: "/xdg" }, "/systemd"],
    ["the desktop's", undefined, { XDG_CACHE_HOME: "/xdg", GATEHOUSE_CACHE: "" }, "/xdg/gatehouse"],
    ["not a relative one of the desktop's", undefined, { XDG_CACHE_HOME: "xdg" }, "/somewhere/ada/.cache/gatehouse"],
  ])("%s", (_, told, env, expected) => expect(chosen(told, { env })).toBe(expected))

  test("root's is the system's", () => expect(chosen(undefined, { isRoot: true })).toBe("/var/cache/gatehouse"))
  test("root's is its own where a service has the system's", () =>
    expect(chosen(undefined, { isRoot: true, isSystemsTaken: true })).toBe("/var/cache/gatehouse-root"))
  test("a user without a home has to name one", () => expect(chosen(undefined, { home: "" })).toContain("--cache-dir"))
})

test("a path has the options of the mount it lies on, the last one where two lie upon each other", () => {
  const mounts = [
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "30 22 0:25 / /var rw,nosuid - tmpfs tmpfs rw",
    "31 30 0:26 / /var/with\\040space rw,noexec - tmpfs tmpfs rw",
    "32 22 0:27 / /opt rw,noexec - tmpfs tmpfs rw",
    "33 32 0:28 / /opt rw - tmpfs tmpfs rw",
  ].join("\n")
  expect(mountOptions("/var/cache", mounts)).toContain("nosuid")
  expect(mountOptions("/variable", mounts)).toContain("relatime")
  expect(mountOptions("/var/with space/cache", mounts)).toContain("noexec")
  expect(mountOptions("/opt/cache", mounts)).toEqual(["rw"])
  expect(mountOptions("/opt", "")).toEqual([])
})
