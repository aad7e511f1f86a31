import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { guard } from '../../deploy/guard.ts'
import { within } from './deadline.ts'
import { LogLines } from './log-lines.ts'

const run = promisify(execFile)
const endLimitMs = 50_000

interface PartOptions {
  readonly name: string
  readonly command: string
  readonly words: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Waits until the started process serves. */
  readonly ready: (part: PartProcess) => Promise<unknown>
  /** Receives the messages that the process sends with `process.send`. Default: the process has no such channel. */
  readonly heard?: (message: never) => void
}

/** A process that a test kills, suspends and starts again with the same ports and files. */
export class PartProcess {
  readonly name: string
  readonly #options: PartOptions
  #process: ChildProcess | undefined
  #exited: Promise<unknown> = Promise.resolve()
  out = new LogLines()
  err = new LogLines()

  constructor(options: PartOptions) {
    this.name = options.name
    this.#options = options
  }

  /** Words of the command line of the process, without the command. */
  get words(): readonly string[] {
    return this.#options.words
  }

  get pid(): number {
    return this.#process!.pid!
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** Exit code or signal of the last process; `undefined` while it runs. */
  get ending(): string | undefined {
    if (this.isRunning) return undefined
    return this.#process?.signalCode ?? `exit code ${this.#process?.exitCode}`
  }

  /** Starts the process, and waits until it serves. */
  async start(): Promise<void> {
    const { command, words, env, cwd, heard, ready } = this.#options
    // A shell lets the process ignore SIGXFSZ, so that a write beyond the size limit of files fails with EFBIG.
    const child = spawn('/bin/sh', ['-c', 'trap "" XFSZ; exec "$0" "$@"', command, ...words], {
      cwd,
      env: env as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'pipe', ...(heard === undefined ? [] : ['ipc' as const])],
    })
    this.#process = child
    this.out = new LogLines(child.stdout!)
    this.err = new LogLines(child.stderr!)
    if (heard !== undefined) child.on('message', (message) => heard(message as never))
    const release = guard(child.pid!)
    this.#exited = once(child, 'close').finally(release)
    const died = this.#exited.then(() => {
      throw new Error(`${this.name} ended (${this.ending}) before it was ready:\n${this.dump()}`)
    })
    await Promise.race([died, within(endLimitMs, () => `${this.name} to be ready\n${this.dump()}`, ready(this))])
    died.catch(() => undefined)
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal)
  }

  /** Ends the process with SIGKILL. */
  async kill(): Promise<void> {
    if (!this.isRunning) return
    this.signal('SIGKILL')
    await within(endLimitMs, `the end of ${this.name}`, this.#exited)
  }

  /** State of the process in /proc, such as `S` (sleeping) or `T` (stopped); `gone` without a process. */
  state(pid = this.pid): string {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      return stat.slice(stat.lastIndexOf(')') + 2)[0]!
    } catch {
      return 'gone'
    }
  }

  /** Limits the size of the files that the process writes (RLIMIT_FSIZE), as a full disk does. */
  async limitFiles(bytes: number | 'unlimited'): Promise<void> {
    await run('prlimit', ['--pid', `${this.pid}`, `--fsize=${bytes}:`])
  }

  dump(): string {
    return [...this.out.text.slice(-30), ...this.err.text.slice(-30)].join('\n')
  }
}
