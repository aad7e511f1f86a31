import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { guard } from '../../deploy/guard.ts'
import { atEnd } from './cleanup.ts'
import { within } from './deadline.ts'
import { LogLines, type LogRecord } from './log-lines.ts'
import { NodeFolder } from './node-folder.ts'
import { heapFlags, programPath } from './programs.ts'
import { patientMs, redisDeadlineWords } from './redis-patience.ts'
import { type NodeOptions, StartFailure } from './test-node.ts'
import { defaultLimitMs } from './wire.ts'

const startLimitMs = 50_000
const endLimitMs = 50_000

/** A real worker in a separate process. */
export class TestWorker {
  readonly folder = new NodeFolder()
  readonly #process: ChildProcess
  readonly #out: LogLines
  readonly #err: LogLines
  readonly #exited: Promise<unknown>

  constructor({ policy, settings = {}, env = {}, redisDeadlineMs = patientMs }: NodeOptions) {
    this.folder.writePolicy(policy)
    this.folder.writeSettings(settings)
    const { PATH, HOME, NODE_COMPILE_CACHE } = process.env
    this.#process = spawn(
      process.execPath,
      [
        ...heapFlags,
        ...redisDeadlineWords(redisDeadlineMs),
        programPath('worker'),
        '--config',
        this.folder.file('gatehouse.yaml'),
        '--output',
        'json',
      ],
      {
        cwd: this.folder.path,
        env: { PATH, HOME, NODE_COMPILE_CACHE, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    this.#out = new LogLines(this.#process.stdout!)
    this.#err = new LogLines(this.#process.stderr!)
    const release = guard(this.#process.pid!)
    this.#exited = once(this.#process, 'close').finally(release)
  }

  get log(): readonly LogRecord[] {
    return this.#out.records
  }

  get stderr(): string {
    return this.#err.text.join('\n')
  }

  /** Results of the jobs that the worker has done: `active`, `ended`, `fresh` … */
  get done(): readonly unknown[] {
    return this.log.filter(({ msg }) => msg === 'job done').map(({ result }) => result)
  }

  waitForLine(wanted: (record: LogRecord) => boolean, limitMs = defaultLimitMs): Promise<LogRecord> {
    return this.#out.find(wanted, 'a log line of the worker', limitMs)
  }

  /** Waits until the worker has started. @throws {StartFailure} when the worker exits first */
  async working(): Promise<LogRecord> {
    const died = this.#exited.then(() => {
      throw new StartFailure(this.#process.exitCode, this.#out.text.join('\n'), this.stderr)
    })
    return Promise.race([died, this.waitForLine(({ msg }) => msg === 'worker started', startLimitMs)])
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  async stop(limitMs = endLimitMs): Promise<number | null> {
    this.#process.kill('SIGTERM')
    return this.ended(limitMs)
  }

  /** Waits until the worker exits by itself. @returns the exit code; `null` when a signal ended the worker */
  async ended(limitMs = endLimitMs): Promise<number | null> {
    await within(limitMs, 'the end of a worker', this.#exited)
    return this.#process.exitCode
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await within(endLimitMs, 'the end of a worker', this.#exited)
  }
}

/** Starts a worker and waits until it accepts jobs. The worker is killed after the last test of the file. */
export async function startWorker(options: NodeOptions): Promise<TestWorker> {
  const worker = new TestWorker(options)
  atEnd(async () => {
    await worker.kill()
    worker.folder.remove()
  })
  await worker.working()
  return worker
}
