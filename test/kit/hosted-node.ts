import { atEnd, atFailure } from './cleanup.ts'
import { HostProcess } from './host-process.ts'
import { LogLines } from './log-lines.ts'
import { type NodeOptions, RunningNode } from './node.ts'
import { patientMs } from './redis-patience.ts'

/** A node in a process that runs other nodes before and after it, which saves the CPU time of a start. */
export class HostedNode extends RunningNode {
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

  protected override async end(): Promise<void> {
    if (this.#isEnded) return
    this.#isEnded = true
    await (this.#isReady ? this.#host.endNode() : this.#host.kill())
  }
}

/**
 * Starts a node like `startNode`, in a process that runs other nodes before and after it. The node is closed after the
 * last test of the file. For tests that neither signal the process nor read its exit code or memory.
 *
 * @throws {StartFailure} when the node refuses to start
 */
export async function startHostedNode(options: NodeOptions): Promise<RunningNode> {
  const atStart = Object.keys(options.env ?? {}).find((name) => /^(?:NODE|SSL)_/.test(name))
  if (atStart !== undefined) throw new Error(`Node reads ${atStart} when a process starts: use startNode`)
  const node = new HostedNode(options)
  atFailure(() => console.error(node.dump()))
  atEnd(() => node.remove())
  await node.ready()
  return node
}
