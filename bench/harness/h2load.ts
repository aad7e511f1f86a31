import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { h2load } from '../../deploy/server-program.mjs'
import type { HeaderField } from '../../gateway/base/denial.ts'
import { cpuTimeUs } from './cpu.ts'
import type { LoadTarget } from './drive.ts'

/** A client of the load: one process of h2load, which sends the same request again and again. */
export interface LoadClient {
  readonly fields: readonly HeaderField[]
  /** Body of each request; `undefined`: GET without a body. */
  readonly body?: Uint8Array
}

export interface H2LoadOptions {
  readonly path: string
  readonly clients: readonly LoadClient[]
  /** Number of connections of each client. */
  readonly connections: number
  /** Number of requests in progress on each connection; 1 without HTTP/2. */
  readonly streams: number
  /** Number of requests of all clients together. */
  readonly requests: number
  /** True: uses HTTP/1.1 instead of HTTP/2. */
  readonly http1?: boolean
  /** Folder in which the bodies of the requests are stored for h2load. */
  readonly folder: string
}

export interface H2LoadResult {
  /** User and system CPU time of the target per request, µs. */
  readonly cpuUs: number
  /**
   * Body bytes of the replies per request. They show refused gRPC calls, whose replies have no body but the HTTP status
   * 200.
   */
  readonly bytes: number
}

/**
 * Downloads and unpacks h2load if the machine does not have it.
 *
 * @throws {Error} when that is impossible; the message names the package
 */
export async function needH2load(progress: (line: string) => void): Promise<void> {
  if (h2load.look() !== undefined) return
  progress('unpacking h2load, because this machine has none')
  await h2load.install()
}

/**
 * Sends a number of requests as fast as the target replies, with the load generator h2load. It uses about 5 µs of CPU
 * time per request, so that it saturates its target.
 *
 * @throws {Error} when a request fails, or has a status from 300 on
 */
export async function loadByH2load(target: LoadTarget, options: H2LoadOptions): Promise<H2LoadResult> {
  const { clients, requests, folder } = options
  mkdirSync(folder, { recursive: true })
  const each = Math.ceil(requests / clients.length)
  const beforeUs = cpuTimeUs(target.pid)
  const bytes = await Promise.all(
    clients.map((client, i) => runClient(target, client, each, options, join(folder, `body-${i}`))),
  )
  const sent = each * clients.length
  return { cpuUs: (cpuTimeUs(target.pid) - beforeUs) / sent, bytes: bytes.reduce((sum, one) => sum + one, 0) / sent }
}

/** Runs one process of h2load. @returns body bytes of all its replies */
async function runClient(
  { port }: LoadTarget,
  { fields, body }: LoadClient,
  requests: number,
  { path, connections, streams, http1 = false }: H2LoadOptions,
  bodyFile: string,
): Promise<number> {
  const { command, env } = h2load.find()
  if (body !== undefined) writeFileSync(bodyFile, body)
  const words = [
    ...['-n', String(requests), '-c', String(connections), '-m', String(streams)],
    ...(http1 ? ['--h1'] : []),
    ...fields.flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
    ...(body === undefined ? [] : ['-d', bodyFile]),
    `http://127.0.0.1:${port}${path}`,
  ]
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } })
  const ended = once(child, 'close')
  const report = await text(child.stdout)
  const [code] = await ended
  const good = Number(/^status codes: (\d+) 2xx/m.exec(report)?.[1])
  const bytes = Number(/\((\d+)\) data$/m.exec(report)?.[1])
  if (code === 0 && good === requests && Number.isSafeInteger(bytes)) return bytes
  throw new Error(
    `h2load ended with exit code ${code}, ${good} of ${requests} replies with a status below 300:\n${report}`,
  )
}
