import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { guard } from '../../deploy/guard.ts'
import { atEnd, atFailure } from './cleanup.ts'
import { within } from './deadline.ts'
import { LogLines, type LogRecord } from './log-lines.ts'
import { NodeFolder } from './node-folder.ts'
import { patientMs, redisDeadlineWords } from './redis-patience.ts'
import { undeclaredMark } from './undeclared-reason.ts'
import { defaultLimitMs } from './wire.ts'

const gatehouse = fileURLToPath(new URL('../../gateway/cli/gatehouse.mjs', import.meta.url))
const checkedPhases = new URL('checked-phases.ts', import.meta.url).href
const startLimitMs = 50_000
const endLimitMs = 50_000

export interface NodeOptions {
  /** Written as YAML; text is written as it is. */
  readonly policy: object | string
  /** Overrides top-level keys of the test settings. `undefined` removes a key. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Beside a bare environment: what the tests themselves run with is kept from the node. */
  readonly env?: Readonly<Record<string, string>>
  /** Longest wait for Redis in a request, ms. Default `patientMs`; 250 as in the product, for tests of a slow Redis. */
  readonly redisDeadlineMs?: number
}

/** The node ended before it listened. */
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

/** A real node in a separate process. */
export class TestNode {
  /** Removed at the end. */
  readonly folder = new NodeFolder()
  /** The data plane. */
  port = 0
  adminPort = 0
  readonly #process: ChildProcess
  readonly #out: LogLines
  readonly #err: LogLines
  readonly #exited: Promise<unknown>

  constructor({ policy, settings = {}, env = {}, redisDeadlineMs = patientMs }: NodeOptions) {
    this.folder.writePolicy(policy)
    this.folder.writeSettings(settings)
    // Without the cache, the preloaded modules would be compiled at each start.
    const { PATH, HOME, NODE_COMPILE_CACHE } = process.env
    const preloads = ['--import', checkedPhases, ...redisDeadlineWords(redisDeadlineMs)]
    const args = [...preloads, gatehouse, 'serve', '--config', this.folder.file('gatehouse.yaml')]
    this.#process = spawn(process.execPath, args, {
      cwd: this.folder.path,
      env: { PATH, HOME, NODE_COMPILE_CACHE, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#out = new LogLines(this.#process.stdout!)
    this.#err = new LogLines(this.#process.stderr!)
    // Ends it too when the tests are killed and can end nothing themselves.
    const release = guard(this.pid)
    this.#exited = once(this.#process, 'close').finally(release)
  }

  get pid(): number {
    return this.#process.pid!
  }

  get stderr(): string {
    return this.#err.text.join('\n')
  }

  /** All that the node logged, in order. */
  get log(): readonly LogRecord[] {
    return this.#out.records
  }

  accessLog(): LogRecord[] {
    return this.#out.records.filter(isExchange)
  }

  /** The first access-log record, written already or yet to come, of which this is true. */
  waitForRecord(wanted: (record: LogRecord) => boolean, limitMs = defaultLimitMs): Promise<LogRecord> {
    return this.#out.find((record) => isExchange(record) && wanted(record), 'an access-log record', limitMs)
  }

  /** The first line of the log, written already or yet to come, of which this is true. */
  waitForLine(wanted: (record: LogRecord) => boolean, limitMs = defaultLimitMs): Promise<LogRecord> {
    return this.#out.find(wanted, 'a log line', limitMs)
  }

  /** @returns the revision of the new policy, which the node finds by itself */
  writePolicy(policy: object | string): string {
    return this.folder.writePolicy(policy)
  }

  /** @throws {StartFailure} when it ends instead */
  async ready(): Promise<void> {
    const died = this.#exited.then(() => {
      throw new StartFailure(this.#process.exitCode, this.#out.text.join('\n'), this.stderr)
    })
    await Promise.race([died, this.#ready()])
  }

  /** Stops it as an orchestrator does. @returns the exit code; an error when it takes longer than `limitMs` */
  async stop(limitMs = endLimitMs): Promise<number | null> {
    this.#process.kill('SIGTERM')
    return this.ended(limitMs)
  }

  /** Kills the node with SIGKILL. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.ended()
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Waits for it to end by itself. @returns the exit code; `null` when a signal ended it */
  async ended(limitMs = endLimitMs): Promise<number | null> {
    await within(limitMs, `the end of node ${this.pid}`, this.#exited)
    return this.#process.exitCode
  }

  /** @throws {Error} when a phase of the node ended an exchange with a reason that it does not list */
  async remove(): Promise<void> {
    await this.kill()
    this.folder.remove()
    const undeclared = this.#err.text.find((line) => line.startsWith(undeclaredMark))
    if (undeclared !== undefined) throw new Error(undeclared)
  }

  /** Returns the newest output of the node, which a failed test prints. */
  dump(): string {
    const lines = [...this.#out.text.slice(-60), ...this.#err.text.slice(-60)]
    return `--- node ${this.pid}, ${this.folder.path}\n${lines.join('\n')}`
  }

  async #ready(): Promise<void> {
    const { listen, admin } = await this.#out.find(({ msg }) => msg === 'listening', 'the node to listen', startLimitMs)
    this.port = portOf(listen)
    this.adminPort = portOf(admin)
    const deadline = performance.now() + startLimitMs
    while (!(await answers(`http://127.0.0.1:${this.adminPort}/readyz`))) {
      if (performance.now() > deadline) throw new Error(`not ready in ${startLimitMs} ms\n${this.dump()}`)
      await sleep(25)
    }
  }
}

/**
 * Starts a node with this policy and waits until it is ready. It is killed when the file's tests are over, if it is
 * still there; when a test fails, what it logged is shown.
 *
 * @throws {StartFailure} when it refuses to start
 */
export async function startNode(options: NodeOptions): Promise<TestNode> {
  const node = new TestNode(options)
  atFailure(() => console.error(node.dump()))
  atEnd(() => node.remove())
  await node.ready()
  return node
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
