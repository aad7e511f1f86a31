import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { guard } from '../../deploy/guard.ts'
import type { HostAnswer, HostOrder, NodeOrder } from './host-order.ts'
import type { LogLines } from './log-lines.ts'
import { heapFlags, programPath } from './programs.ts'

/** Longest time in which a node stops or closes, ms. After that, its host is killed. */
const endLimitMs = { stop: 50_000, close: 10_000 }

/** Largest number of hosts of this test process that wait for their next node. Each takes about 150 MB of memory. */
const idleMost = 3

const idle: HostProcess[] = []
let ends = 0

/** A process that runs the nodes of the tests one after the other (`program-host.ts`). */
export class HostProcess {
  readonly #process: ChildProcess
  readonly #out: HostStream
  readonly #err: HostStream
  /** Resolves when the process has ended. */
  readonly exited: Promise<unknown>

  private constructor() {
    const { PATH, HOME, NODE_COMPILE_CACHE } = process.env
    this.#process = fork(programPath('program-host'), [], {
      cwd: '/',
      env: { PATH, HOME, NODE_COMPILE_CACHE },
      execArgv: [...heapFlags],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#out = new HostStream(this.#process.stdout!)
    this.#err = new HostStream(this.#process.stderr!)
    const release = guard(this.#process.pid!)
    this.exited = once(this.#process, 'close').finally(release)
    // A host that waits for its next node does not keep the process of the tests alive.
    this.#process.unref()
    this.#process.channel?.unref()
    for (const stream of [this.#process.stdout, this.#process.stderr]) Object(stream).unref()
  }

  /** Returns a host that runs no node. */
  static take(): HostProcess {
    for (let host = idle.pop(); host !== undefined; host = idle.pop()) if (host.#process.connected) return host
    return new HostProcess()
  }

  get pid(): number {
    return this.#process.pid!
  }

  get exitCode(): number | null {
    return this.#process.exitCode
  }

  /** Starts a node, whose output lines go to `out` and `err`. */
  run(order: NodeOrder, out: LogLines, err: LogLines): void {
    this.#out.lines = out
    this.#err.lines = err
    this.#send(order)
  }

  /**
   * Stops or closes the node. The host is then free for another node; a host whose node does not close is killed.
   */
  async endNode(how: 'stop' | 'close'): Promise<void> {
    if (!this.#process.connected) return this.kill()
    const endMark = `end of node ${++ends} of a host`
    const marks = [this.#out, this.#err].map((stream) => stream.reads(endMark))
    const late = AbortSignal.timeout(endLimitMs[how])
    const answered = once(this.#process, 'message', { signal: late })
    this.#send({ kind: how, endMark })
    const answer = await Promise.race([answered, this.exited]).catch(() => undefined)
    if (!this.#process.connected || answer === undefined) {
      console.warn('a node did not close, so its process was killed')
      return this.kill()
    }
    await Promise.all(marks)
    const { left, isFree } = (answer as [HostAnswer])[0]
    if (left.length > 0) console.warn(`a closed node left in its process: ${left.join(', ')}`)
    if (isFree && idle.length < idleMost) idle.push(this)
    else await this.kill()
  }

  /** Sends SIGHUP, which the node handles. */
  reload(): void {
    this.#process.kill('SIGHUP')
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.exited
  }

  #send(order: HostOrder): void {
    this.#process.send(order)
  }
}

/** An output stream of a host. Its lines belong to the node that the host runs. */
class HostStream {
  lines: LogLines | undefined
  #mark: string | undefined
  #found: (() => void) | undefined

  constructor(stream: Readable) {
    createInterface({ input: stream }).on('line', (line) => {
      if (line === this.#mark) this.#found?.()
      else this.lines?.add(line)
    })
  }

  /** Waits for the line `mark`, which is the last one of a node. */
  reads(mark: string): Promise<void> {
    this.#mark = mark
    return new Promise((resolve) => {
      this.#found = () => {
        this.lines = undefined
        resolve()
      }
    })
  }
}
