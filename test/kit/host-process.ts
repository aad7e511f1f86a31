import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { guard } from '../../deploy/guard.ts'
import type { EndOrder, HostAnswer, HostOrder, NodeOrder, VerbOrder, VerbRun } from './host-order.ts'
import { LogLines } from './log-lines.ts'
import { heapFlags, programPath } from './programs.ts'

/** Longest time in which a verb ends, or a node stops or closes, ms. After that, its host is killed. */
const endLimitMs = { verb: 50_000, stop: 50_000, close: 10_000 }

/** Largest number of hosts of this test process that wait for their next node. Each takes about 150 MB of memory. */
const idleMost = 3

const idle: HostProcess[] = []
let ends = 0

/** A process that runs nodes and verbs of the tests one after the other (`program-host.ts`). */
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
    const answer = await this.#answerTo({ kind: how, endMark })
    if (answer === undefined) {
      console.warn('a node did not close, so its process was killed')
      return this.kill()
    }
    await Promise.all(marks)
    await this.#release(answer)
  }

  /** Runs a verb. The host is then free. @throws {Error} when the verb does not end, or crashes */
  async runVerb(order: VerbOrder): Promise<VerbRun> {
    const err = new LogLines()
    this.#err.lines = err
    const answer = await this.#answerTo(order)
    if (answer?.run === undefined) {
      await this.kill()
      throw new Error(`gatehouse ${order.words[0]} did not end, or crashed:\n${err.text.join('\n')}`)
    }
    await this.#release(answer)
    return answer.run
  }

  /** Sends an order to the host process. @returns its answer; `undefined` when the host gives no answer in time */
  async #answerTo(order: EndOrder | VerbOrder): Promise<HostAnswer | undefined> {
    const late = AbortSignal.timeout(endLimitMs[order.kind])
    const answered = once(this.#process, 'message', { signal: late })
    this.#send(order)
    const answer = await Promise.race([answered, this.exited]).catch(() => undefined)
    return this.#process.connected ? (answer as [HostAnswer] | undefined)?.[0] : undefined
  }

  async #release({ left, isFree }: HostAnswer): Promise<void> {
    if (left.length > 0) console.warn(`a closed node or verb left in its process: ${left.join(', ')}`)
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
