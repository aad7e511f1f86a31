import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { guard } from '../../deploy/guard.ts'
import { atEnd } from './cleanup.ts'
import { freePort } from './ports.ts'
import { until } from './until.ts'

/**
 * Program of an upstream that prints the target of each request. Each reply closes its connection, so that every
 * request needs a new one.
 */
const program = `
require('node:http').createServer((request, response) => {
  console.log(request.url)
  response.setHeader('connection', 'close')
  response.end('ok')
}).listen({ port: Number(process.argv[1]), host: '127.0.0.1', backlog: 1 }, () => console.log('listening'))
`
const SYN_SENT = '02'
/** Number of connections that fill the accept queue; greater than the backlog. */
const FILLERS = 6

/**
 * An upstream that can prevent new connections to it. Between `hold` and `release` its process is stopped and its
 * accept queue is full, so that the kernel drops each SYN.
 */
export class StoppedUpstream {
  readonly port = freePort()
  readonly #process: ChildProcess
  #output = ''
  #fillers: Socket[] = []

  constructor() {
    this.#process = spawn(process.execPath, ['-e', program, String(this.port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text
    })
    const release = guard(this.#process.pid!)
    this.#process.once('close', release)
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Targets of the requests that arrived, in order. */
  get targets(): readonly string[] {
    return this.#output.split('\n').filter((line) => line.startsWith('/'))
  }

  /** Number of connections, of any process, that wait for the upstream to accept their SYN. */
  get waiting(): number {
    const port = this.port.toString(16).toUpperCase().padStart(4, '0')
    const lines = readFileSync('/proc/net/tcp', 'latin1').split('\n')
    return lines.filter((line) => {
      const [, , remote, state] = line.trim().split(/\s+/)
      return remote?.endsWith(`:${port}`) === true && state === SYN_SENT
    }).length
  }

  async ready(): Promise<void> {
    await until('the upstream listens', () => this.#output.includes('listening'))
  }

  /**
   * Stops the upstream's process and fills its accept queue. When the returned promise resolves, no further connection
   * opens.
   */
  async hold(): Promise<void> {
    this.#process.kill('SIGSTOP')
    this.#fillers = Array.from({ length: FILLERS }, () => {
      const socket = connect(this.port, '127.0.0.1')
      return socket.on('error', () => undefined)
    })
    await until('the accept queue is full', () => this.waiting > 0)
  }

  /** Lets connections open again. A waiting connection opens within seconds, when its kernel sends the next SYN. */
  release(): void {
    for (const socket of this.#fillers.splice(0)) socket.destroy()
    this.#process.kill('SIGCONT')
  }

  stop(): void {
    for (const socket of this.#fillers.splice(0)) socket.destroy()
    this.#process.kill('SIGKILL')
  }
}

export async function startStoppedUpstream(): Promise<StoppedUpstream> {
  const upstream = new StoppedUpstream()
  atEnd(() => upstream.stop())
  await upstream.ready()
  return upstream
}
