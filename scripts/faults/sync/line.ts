import { connect, createServer, type Socket } from "node:net"

/** The line between one box and its hub: it can be cut, and tells how much went over it. */
export interface HubLine extends AsyncDisposable {
  /** Where the box finds the hub, as an access file names it. */
  readonly address: string
  /** Cuts what goes over it, and lets nobody through until it is mended. */
  cut(): void
  mend(): void
  /** Bytes since it was asked last, TLS and the protocol included. */
  takeBytes(): { readonly up: number; readonly down: number }
}

export async function openLine(port: number): Promise<HubLine> {
  const sockets = new Set<Socket>()
  let isCut = false
  let bytes = { up: 0, down: 0 }
  const server = createServer((near) => {
    if (isCut) {
      near.destroy()
      return
    }
    const far = connect({ host: "127.0.0.1", port, noDelay: true })
    near.setNoDelay(true)
    near.on("data", (data) => {
      bytes.up += data.length
    })
    far.on("data", (data) => {
      bytes.down += data.length
    })
    const end = () => {
      for (const socket of [near, far]) {
        socket.destroy()
        sockets.delete(socket)
      }
    }
    for (const socket of [near, far]) {
      sockets.add(socket)
      // Either end may leave at any moment: then the other is let go as well.
      socket.on("error", end).on("close", end)
    }
    near.pipe(far)
    far.pipe(near)
  })
  const cut = () => {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }
  await new Promise<void>((settle) => server.listen(0, "127.0.0.1", settle))
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the line has no port")
  return {
    address: `127.0.0.1:${address.port}`,
    cut,
    mend: () => {
      isCut = false
    },
    takeBytes: () => {
      const taken = bytes
      bytes = { up: 0, down: 0 }
      return taken
    },
    [Symbol.asyncDispose]: async () => {
      cut()
      await new Promise((settle) => server.close(settle))
    },
  }
}
