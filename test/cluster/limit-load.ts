import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** A request and its result as the client saw them. Times are monotonic, in milliseconds. */
export interface Sample {
  readonly sentMs: number
  readonly repliedMs: number
  /** HTTP status of the reply; 0 when the client got no reply. */
  readonly status: number
  readonly fields: Readonly<Record<string, string | string[] | undefined>>
}

export interface LoadOptions {
  readonly ports: readonly number[]
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly perSecond: number
  readonly seconds: number
  /** Fraction of the load that goes to the first port in addition to its equal share. Default 0. */
  readonly firstPart?: number
}

/** Sends requests at a fixed rate, without waiting for replies. */
export async function load(options: LoadOptions): Promise<Sample[]> {
  const { ports, path, headers = {}, perSecond, seconds, firstPart = 0 } = options
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const samples: Promise<Sample>[] = []
  const startMs = performance.now()
  const total = Math.round(perSecond * seconds)
  while (samples.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) * perSecond) / 1000))
    while (samples.length < due) {
      const first = Math.random() < firstPart
      const port = first ? ports[0]! : ports[Math.floor(Math.random() * ports.length)]!
      samples.push(sendOne({ port, path, headers, agent }))
    }
    await sleep(2)
  }
  const done = await Promise.all(samples)
  agent.destroy()
  return done
}

interface SingleRequest {
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly agent?: Agent
}

export function sendOne({ port, path, headers, agent }: SingleRequest): Promise<Sample> {
  const sentMs = performance.now()
  return new Promise((resolve) => {
    const lost = (): void => resolve({ sentMs, repliedMs: performance.now(), status: 0, fields: {} })
    const sent = request(
      { host: '127.0.0.1', port, path, headers, ...(agent && { agent }), timeout: 30_000 },
      (response) => {
        const repliedMs = performance.now()
        response.resume()
        response.on('error', () => undefined)
        response.on('end', () => resolve({ sentMs, repliedMs, status: response.statusCode!, fields: response.headers }))
        response.on('close', lost)
      },
    )
      .on('timeout', () => sent.destroy())
      .on('error', lost)
      .end()
  })
}

/** @returns the samples with status 200, ascending by `sentMs` */
export function admittedOf(samples: readonly Sample[]): Sample[] {
  return samples.filter(({ status }) => status === 200).sort((a, b) => a.sentMs - b.sentMs)
}
