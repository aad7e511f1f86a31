import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { guard } from '../../deploy/guard.ts'
import { NodeFolder } from '../kit/node-folder.ts'
import { until } from '../kit/until.ts'

interface FloodedNodeOptions {
  /** Root folder of the checkout whose node is started: the current checkout, or an earlier one for comparison. */
  readonly tree: string
  readonly policy: object
  readonly settings: Readonly<Record<string, unknown>>
  readonly env: Readonly<Record<string, string>>
}

/** A node in its own process. Stores the node's JSON log lines, except those of exchanges. */
export class FloodedNode {
  readonly folder = new NodeFolder()
  readonly lines: Record<string, unknown>[] = []
  port = 0
  adminPort = 0
  /** Highest resident memory (RSS) of the process so far, in bytes. */
  peakBytes = 0
  readonly #process: ChildProcess
  readonly #closed: Promise<unknown>
  readonly #sampling: NodeJS.Timeout

  constructor({ tree, policy, settings, env }: FloodedNodeOptions) {
    this.folder.writePolicy(policy)
    this.folder.writeSettings(settings)
    const { PATH, HOME } = process.env
    const words = [`${tree}/gateway/cli/gatehouse.mjs`, 'serve', '--config', this.folder.file('gatehouse.yaml')]
    this.#process = spawn(process.execPath, words, {
      cwd: this.folder.path,
      env: { PATH, HOME, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const release = guard(this.#process.pid!)
    this.#closed = once(this.#process, 'close').finally(release)
    createInterface({ input: this.#process.stdout! }).on('line', (line) => {
      if (!line.includes('"msg":"exchange"') && line.startsWith('{')) this.lines.push(JSON.parse(line))
    })
    this.#sampling = setInterval(() => this.#sample(), 250)
  }

  /** Exit code of the process; `undefined` while the process runs, `null` if a signal ended it. */
  get exitCode(): number | null | undefined {
    return this.#process.exitCode ?? (this.#process.signalCode === null ? undefined : null)
  }

  async ready(): Promise<void> {
    const listening = () => this.lines.find(({ msg }) => msg === 'node started')
    await until('the node to listen', () => listening() !== undefined || this.exitCode !== undefined)
    this.port = portOf(listening()?.['listen'])
    this.adminPort = portOf(listening()?.['admin'])
    await until('the node to be ready', async () => (await this.admin('/readyz')).ok)
  }

  admin(path: string, token?: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.adminPort}${path}`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    })
  }

  async stop(): Promise<void> {
    clearInterval(this.#sampling)
    this.#process.kill('SIGTERM')
    await this.#closed
  }

  async remove(): Promise<void> {
    clearInterval(this.#sampling)
    this.#process.kill('SIGKILL')
    await this.#closed
    this.folder.remove()
  }

  #sample(): void {
    try {
      const status = readFileSync(`/proc/${this.#process.pid}/status`, 'utf8')
      this.peakBytes = Math.max(this.peakBytes, Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024)
    } catch {
      // The process has ended.
    }
  }
}

function portOf(listen: unknown): number {
  return Number(/:(\d+)$/.exec(String(listen))?.[1] ?? 0)
}
