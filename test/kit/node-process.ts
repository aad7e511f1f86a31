import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { guard } from '../../deploy/guard.ts'
import { within } from './deadline.ts'
import { LogLines } from './log-lines.ts'
import { heapFlags, programPath, programUrl } from './programs.ts'
import { patientMs, redisDeadlineWords } from './redis-patience.ts'
import { type NodeOptions, TestNode } from './test-node.ts'

const endLimitMs = 50_000

/**
 * A node with a separate process: needed to test signals, exit code, memory, descriptors or Node flags. The start takes
 * ten times the CPU time of `startNode`.
 */
export class NodeProcess extends TestNode {
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

  override get pid(): number {
    return this.#process.pid!
  }

  protected override get exitCode(): number | null {
    return this.#process.exitCode
  }

  /**
   * Stops the node with SIGTERM, as an orchestrator does. @returns the exit code. Throws when the exit takes longer
   * than `limitMs`.
   */
  override async stop(limitMs = endLimitMs): Promise<number | null> {
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
