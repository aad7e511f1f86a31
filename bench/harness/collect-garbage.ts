import { once } from 'node:events'
import { WebSocket } from 'ws'

/** Value of NODE_OPTIONS with which a process accepts `collectGarbage` on this port. */
export const inspectedAt = (port: number): string => `--inspect=127.0.0.1:${port}`

/** Makes a Node process collect its garbage, through its inspector. Afterwards its memory has live objects only. */
export async function collectGarbage(inspectorPort: number): Promise<void> {
  const targets = (await (await fetch(`http://127.0.0.1:${inspectorPort}/json/list`)).json()) as {
    readonly webSocketDebuggerUrl: string
  }[]
  const socket = new WebSocket(targets[0]!.webSocketDebuggerUrl)
  await once(socket, 'open')
  for (const [i, method] of ['HeapProfiler.enable', 'HeapProfiler.collectGarbage'].entries()) {
    socket.send(JSON.stringify({ id: i + 1, method }))
    await once(socket, 'message')
  }
  socket.terminate()
}
