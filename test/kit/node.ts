import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { guard } from '../../deploy/guard.ts'
import { atEnd, atFailure } from './cleanup.ts'
import { within } from './deadline.ts'
import { LogLines, type LogRecord } from './log-lines.ts'
import { NodeFolder } from './node-folder.ts'
import { heapFlags, programPath, programUrl } from './programs.ts'
import { patientMs, redisDeadlineWords } from './redis-patience.ts'
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
export abstract class RunningNode {
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
  /** Exit code of the process, after its end. */
  protected abstract get exitCode(): number | null
  /** Ends the node. */
  protected abstract end(): Promise<void>
  /** Sends SIGHUP to the process: the node reads settings, keys, secrets and certificates again. */
  abstract reload(): void

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

const endLimitMs = 50_000

/**
 * A node with a separate process: needed to test signals, exit code, memory, descriptors or Node flags. The start takes
 * ten times the CPU time of `startHostedNode`.
 */
export class TestNode extends RunningNode {
  readonly #process: ChildProcess
  protected override readonly out: LogLines
  protected override readonly err: LogLines
  protected override readonly exited: Promise<unknown>

  constructor(options: NodeOptions) {
    super(options)
    const { env = {}, redisDeadlineMs = patientMs } = options
    // Without the compile cache, Node would compile the preloaded modules at each start.
    const { PATH, HOME, NODE_COMPILE_CACHE } = process.env
    const preloads = [...heapFlags, '--import', programUrl('checked-phases'), ...redisDeadlineWords(redisDeadlineMs)]
    const args = [...preloads, programPath('gatehouse'), 'serve', '--config', this.folder.file('gatehouse.yaml')]
    this.#process = spawn(process.execPath, args, {
      cwd: this.folder.path,
      env: { PATH, HOME, NODE_COMPILE_CACHE, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.out = new LogLines(this.#process.stdout!)
    this.err = new LogLines(this.#process.stderr!)
    // The watchdog of `guard` also ends the node when the test process is killed and cannot end the node itself.
    const release = guard(this.pid)
    this.exited = once(this.#process, 'close').finally(release)
  }

  get pid(): number {
    return this.#process.pid!
  }

  protected override get exitCode(): number | null {
    return this.#process.exitCode
  }

  /**
   * Stops the node with SIGTERM, as an orchestrator does. @returns the exit code. Throws when the exit takes longer
   * than `limitMs`.
   */
  async stop(limitMs = endLimitMs): Promise<number | null> {
    this.#process.kill('SIGTERM')
    return this.ended(limitMs)
  }

  /** Kills the node with SIGKILL. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.ended()
  }

  override reload(): void {
    this.signal('SIGHUP')
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Waits until the node exits by itself. @returns the exit code; `null` when a signal ended the node */
  async ended(limitMs = endLimitMs): Promise<number | null> {
    await within(limitMs, `the end of node ${this.pid}`, this.exited)
    return this.#process.exitCode
  }

  protected override end(): Promise<void> {
    return this.kill()
  }
}

/**
 * Starts a node with this policy and waits until it is ready. The node is killed after the last test of the file. When
 * a test fails, the last log lines of the node are printed.
 *
 * @throws {StartFailure} when the node refuses to start
 */
export async function startNode(options: NodeOptions): Promise<TestNode> {
  const node = new TestNode(options)
  atFailure(() => console.error(node.dump()))
  atEnd(() => node.remove())
  await node.ready()
  return node
}
