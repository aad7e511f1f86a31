import { once } from 'node:events'
import { WebSocket } from 'ws'

/** Value of NODE_OPTIONS with which a process accepts `collectGarbage` on this port. */
export const inspectedAt = (port: number): string => `--inspect=127.0.0.1:${port}`

/** Function of an allocation profile, with the size of its sampled allocations, bytes. */
interface AllocationNode {
  readonly selfSize: number
  readonly children: readonly AllocationNode[]
}

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
  async collectGarbage(): Promise<void> {
    await this.#call('HeapProfiler.collectGarbage')
  }

  /**
   * Returns the size of all objects that the process allocates on the JavaScript heap while `work` runs, bytes, as a
   * sample of one byte in 16 Ki estimates it. Objects count too when the collector frees them meanwhile.
   */
  async allocatedBytes(work: () => Promise<unknown>): Promise<number> {
    await this.#call('HeapProfiler.startSampling', {
      samplingInterval: 16 * 1024,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    })
    await work()
    const { profile } = (await this.#call('HeapProfiler.stopSampling')) as {
      readonly profile: { head: AllocationNode }
    }
    return sizeOf(profile.head)
  }

  async #call(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#calls
    this.#socket.send(JSON.stringify({ id, method, params }))
    for (;;) {
      const [message] = await once(this.#socket, 'message')
      const reply = JSON.parse(String(message)) as { readonly id?: number; readonly result?: unknown }
      if (reply.id === id) return reply.result
    }
  }

  detach(): void {
    this.#socket.terminate()
  }
}

function sizeOf({ selfSize, children }: AllocationNode): number {
  return children.reduce((sum, child) => sum + sizeOf(child), selfSize)
}

/** Makes a Node process collect its garbage, through its inspector. Afterwards its memory has live objects only. */
export async function collectGarbage(inspectorPort: number): Promise<void> {
  const inspector = await Inspector.attach(inspectorPort)
  await inspector.collectGarbage()
  inspector.detach()
}
