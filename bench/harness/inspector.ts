import { once } from 'node:events'
import { WebSocket } from 'ws'

/** Value of NODE_OPTIONS with which a process accepts `collectGarbage` on this port. */
export const inspectedAt = (port: number): string => `--inspect=127.0.0.1:${port}`

/** Connection to the inspector of a Node process. */
export class Inspector {
  readonly #socket: WebSocket
  #calls = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
  }

  static async attach(port: number): Promise<Inspector> {
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
      readonly webSocketDebuggerUrl: string
    }[]
    const socket = new WebSocket(targets[0]!.webSocketDebuggerUrl)
    await once(socket, 'open')
    const inspector = new Inspector(socket)
    await inspector.#call('HeapProfiler.enable')
    return inspector
  }

  /** Makes the process collect its garbage. Afterwards its memory has live objects only. */
  collectGarbage(): Promise<void> {
    return this.#call('HeapProfiler.collectGarbage')
  }

  async #call(method: string): Promise<void> {
    this.#socket.send(JSON.stringify({ id: ++this.#calls, method }))
    await once(this.#socket, 'message')
  }

  detach(): void {
    this.#socket.terminate()
  }
}

/** Makes a Node process collect its garbage, through its inspector. Afterwards its memory has live objects only. */
export async function collectGarbage(inspectorPort: number): Promise<void> {
  const inspector = await Inspector.attach(inspectorPort)
  await inspector.collectGarbage()
  inspector.detach()
}
