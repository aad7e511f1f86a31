import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogLines, LogRecord } from './log-lines.ts'
import { NodeFolder } from './node-folder.ts'
import { undeclaredMark } from './undeclared-reason.ts'
import { defaultLimitMs } from './wire.ts'

const startLimitMs = 50_000

export interface NodeOptions {
  /** Policy of the node. An object is written as YAML, a string unchanged. */
  readonly policy: object | string
  /** Settings that override top-level keys of the test settings; `undefined` removes a key. */
  readonly settings?: Readonly<Record<string, unknown>>
  /**
   * Environment variables of the node. From the environment of the tests it gets only PATH, HOME and
   * NODE_COMPILE_CACHE.
   */
  readonly env?: Readonly<Record<string, string>>
  /**
   * Longest time that the node waits for Redis in a request, ms. Default `patientMs`. Tests of a slow Redis use 250,
   * the default of the product.
   */
  readonly redisDeadlineMs?: number
}

/** Error when a node exits before it is ready. */
export class StartFailure extends Error {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string

  constructor(exitCode: number | null, stdout: string, stderr: string) {
    super(`the node ended with ${exitCode} before it was ready:\n${stdout}\n${stderr}`)
    this.exitCode = exitCode
    this.stdout = stdout
    this.stderr = stderr
  }
}

/** A real node in another process than the tests. */
export abstract class TestNode {
  /** Folder of the node, which `remove` deletes. */
  readonly folder = new NodeFolder()
  /** Port of the data plane. */
  port = 0
  adminPort = 0
  /** Port of the HTTP/2 listener; 0 without `listen_h2`. */
  http2Port = 0
  /** Output lines of the node. */
  protected abstract readonly out: LogLines
  protected abstract readonly err: LogLines

  constructor({ policy, settings = {} }: NodeOptions) {
    this.folder.writePolicy(policy)
    this.folder.writeSettings(settings)
  }

  /** Resolves when the process of the node has ended. */
  protected abstract get exited(): Promise<unknown>
  protected abstract get pid(): number
  /** Exit code of the process, after its end. */
  protected abstract get exitCode(): number | null
  /** Ends the node. */
  protected abstract end(): Promise<void>
  /** Stops the node gracefully, as an orchestrator does. A process of its own then exits. */
  abstract stop(): Promise<unknown>
  /** Sends SIGHUP to the process: the node reads settings, keys, secrets and certificates again. */
  abstract reload(): void

  /** CPU time of the process since its start, ms. The process may have run other nodes. Linux counts ticks of 10 ms. */
  cpuMs(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  }

  get stderr(): string {
    return this.err.text.join('\n')
  }

  /** All JSON lines that the node logged, in order. */
  get log(): readonly LogRecord[] {
    return this.out.records
  }

  accessLog(): LogRecord[] {
    return this.out.records.filter(isExchange)
  }

  /** Returns the first access-log record, past or future, that matches `wanted`. */
  waitForRecord(wanted: (record: LogRecord) => boolean, limitMs = defaultLimitMs): Promise<LogRecord> {
    return this.out.find((record) => isExchange(record) && wanted(record), 'an access-log record', limitMs)
  }

  /** Returns the first log record, past or future, that matches `wanted`. */
  waitForLine(wanted: (record: LogRecord) => boolean, limitMs = defaultLimitMs): Promise<LogRecord> {
    return this.out.find(wanted, 'a log line', limitMs)
  }

  /** Replaces the policy file, which the node detects by itself. @returns the revision of the new policy */
  writePolicy(policy: object | string): string {
    return this.folder.writePolicy(policy)
  }

  /** Waits until the node is ready. @throws {StartFailure} when the node exits first */
  async ready(): Promise<void> {
    const died = this.exited.then(() => {
      throw new StartFailure(this.exitCode, this.out.text.join('\n'), this.stderr)
    })
    await Promise.race([died, this.#ready()])
  }

  /**
   * Ends the node and removes its folder. @throws {Error} when a phase ended an exchange with a reason that the phase
   * does not list
   */
  async remove(): Promise<void> {
    await this.end()
    this.folder.remove()
    const undeclared = this.err.text.find((line) => line.startsWith(undeclaredMark))
    if (undeclared !== undefined) throw new Error(undeclared)
  }

  /** Returns the last 60 lines of each output stream of the node; printed when a test fails. */
  dump(): string {
    const lines = [...this.out.text.slice(-60), ...this.err.text.slice(-60)]
    return `--- node in ${this.folder.path}\n${lines.join('\n')}`
  }

  async #ready(): Promise<void> {
    const { listen, listen_h2, admin } = await this.out.find(
      ({ msg }) => msg === 'node started',
      'the node to listen',
      startLimitMs,
    )
    this.port = portOf(listen)
    this.adminPort = portOf(admin)
    if (listen_h2 !== undefined) this.http2Port = portOf(listen_h2)
    const deadline = performance.now() + startLimitMs
    while (!(await answers(`http://127.0.0.1:${this.adminPort}/readyz`))) {
      if (performance.now() > deadline) throw new Error(`not ready in ${startLimitMs} ms\n${this.dump()}`)
      await sleep(25)
    }
  }
}

function isExchange(record: LogRecord): boolean {
  return record['msg'] === 'exchange'
}

function portOf(listen: unknown): number {
  const port = Number(/:(\d+)$/.exec(String(listen))?.[1])
  if (!(port > 0)) throw new Error(`no port in ${JSON.stringify(listen)}`)
  return port
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok
  } catch {
    return false
  }
}
