import { get, type IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { bearer } from './load-client.ts'
import type { WorldNode } from './world.ts'

/** Pause between two messages of a client, ms. */
const PAUSE_MS = 200

/** A stream of the load. It remembers when the service sent the newest message that arrived. */
export interface LoadStream {
  readonly path: string
  readonly isOpen: () => boolean
  /** Unix time in ms at which the service sent the newest message that the client received; 0 before the first. */
  readonly newestMs: () => number
  /** Number of messages that the client received. */
  readonly received: () => number
  readonly close: () => void
}

let streams = 0

/** Opens an event stream at a node. It reports nothing when it fails: `isOpen` is false then. */
export function openEvents(node: WorldNode, token: string): LoadStream {
  const path = `/events/${node.name}/${++streams}`
  const state = { isOpen: true, newestMs: 0, received: 0 }
  const request = get({ port: node.clients.port, host: '127.0.0.1', path, headers: bearer(token), agent: false })
  const ended = (): void => {
    state.isOpen = false
    request.destroy()
  }
  request.on('error', ended)
  request.on('response', (response: IncomingMessage) => {
    if (response.statusCode !== 200) ended()
    response.setEncoding('utf8')
    response.on('error', ended)
    response.on('close', ended)
    response.on('data', (text: string) => {
      for (const [, sent] of text.matchAll(/"sentMs":(\d+)/g)) {
        state.newestMs = Number(sent)
        state.received++
      }
    })
  })
  return streamOf(path, state, ended)
}

/** Opens a WebSocket at a node. Its client sends a message every 200 ms, with the time. */
export function openWebSocket(node: WorldNode, token: string): LoadStream {
  const path = `/live/${node.name}/${++streams}`
  const state = { isOpen: true, newestMs: 0, received: 0 }
  const socket = new WebSocket(`ws://127.0.0.1:${node.clients.port}${path}`, { headers: bearer(token) })
  const timer = setInterval(() => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ sentMs: Date.now() }))
  }, PAUSE_MS)
  const ended = (): void => {
    state.isOpen = false
    clearInterval(timer)
    socket.terminate()
  }
  socket.on('error', ended)
  socket.on('close', ended)
  socket.on('message', (text) => {
    state.newestMs = (JSON.parse(String(text)) as { sentMs: number }).sentMs
    state.received++
  })
  return streamOf(path, state, ended)
}

interface StreamState {
  readonly isOpen: boolean
  readonly newestMs: number
  readonly received: number
}

function streamOf(path: string, state: StreamState, close: () => void): LoadStream {
  return { path, isOpen: () => state.isOpen, newestMs: () => state.newestMs, received: () => state.received, close }
}
