import { HostProcess } from './host-process.ts'
import { LogLines } from './log-lines.ts'
import { patientMs } from './redis-patience.ts'
import { type NodeOptions, TestNode } from './test-node.ts'

/** A node in a process that runs other nodes before and after it, which saves the CPU time of a start. */
export class HostedNode extends TestNode {
  readonly #host = HostProcess.take()
  protected override readonly out = new LogLines()
  protected override readonly err = new LogLines()
  #isReady = false
  #isEnded = false

  constructor(options: NodeOptions) {
    super(options)
    const { env = {}, redisDeadlineMs = patientMs } = options
    const { PATH, HOME } = process.env
    const settingsFile = this.folder.file('gatehouse.yaml')
    const order = { kind: 'node', settingsFile, cwd: this.folder.path, redisDeadlineMs } as const
    this.#host.run({ ...order, env: { PATH, HOME, ...env } }, this.out, this.err)
  }

  protected override get exited(): Promise<unknown> {
    return this.#host.exited
  }

  protected override get pid(): number {
    return this.#host.pid
  }

  protected override get exitCode(): number | null {
    return this.#host.exitCode
  }

  override async ready(): Promise<void> {
    await super.ready()
    this.#isReady = true
  }

  override reload(): void {
    this.#host.reload()
  }

  override stop(): Promise<void> {
    return this.#end('stop')
  }

  protected override end(): Promise<void> {
    return this.#end('close')
  }

  async #end(how: 'stop' | 'close'): Promise<void> {
    if (this.#isEnded) return
    this.#isEnded = true
    await (this.#isReady ? this.#host.endNode(how) : this.#host.kill())
  }
}
