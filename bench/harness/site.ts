import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Generator } from './load.ts'
import { type Nginx, startBareProxy, startUpstream } from './nginx.ts'
import { type BenchNode, type NodePlan, startNode } from './node.ts'
import type { Running } from './process.ts'
import { BenchRedis } from './redis.ts'
import { BenchIssuer } from './tokens.ts'

/**
 * Environment of a benchmark run. All scenarios share an issuer, an upstream service and a plain proxy. Nodes and Redis
 * servers belong to one scenario and are stopped at its end.
 */
export class Site {
  readonly issuer: BenchIssuer
  readonly upstream: Nginx
  /** The reference proxy: an nginx that only forwards to `upstream`. */
  readonly bare: Nginx
  readonly progress: (line: string) => void
  /** Load generator for the scenarios that `--generator` applies to. */
  readonly generator: Generator
  readonly #folder: string
  readonly #passing: { stop(): Promise<void> }[] = []
  #folders = 0

  private constructor(folder: string, parts: Pick<Site, 'issuer' | 'upstream' | 'bare' | 'progress' | 'generator'>) {
    this.#folder = folder
    this.issuer = parts.issuer
    this.upstream = parts.upstream
    this.bare = parts.bare
    this.progress = parts.progress
    this.generator = parts.generator
  }

  static async open(progress: Site['progress'], generator: Generator): Promise<Site> {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
    const issuer = await BenchIssuer.start()
    const upstream = await startUpstream(join(folder, 'upstream'))
    const bare = await startBareProxy(join(folder, 'bare'), upstream.port)
    return new Site(folder, { issuer, upstream, bare, progress, generator })
  }

  /** Returns a path below the folder of this run that was not returned before. */
  newFolder(name: string): string {
    return join(this.#folder, `${this.#folders++}-${name}`)
  }

  /** Registers a process that `clear` stops at the end of the scenario. */
  keep<T extends { stop(): Promise<void> }>(part: T): T {
    this.#passing.push(part)
    return part
  }

  async redis(): Promise<BenchRedis> {
    return this.keep(await BenchRedis.start(this.newFolder('redis')))
  }

  async node(plan: NodePlan): Promise<BenchNode> {
    return this.keep(await startNode(this.newFolder('node'), plan))
  }

  /**
   * Starts nodes one after the other. Started in parallel, the nodes would slow each other down and exceed their
   * start-up time limit.
   */
  async nodes(count: number, plan: NodePlan): Promise<BenchNode[]> {
    const nodes: BenchNode[] = []
    while (nodes.length < count) nodes.push(await this.node(plan))
    return nodes
  }

  /**
   * Returns values of `Authorization` with new access tokens.
   *
   * @param first  number of the first token; no other token of the run may have the same number
   * @param users  number of users who have the tokens, in turn. Default: each token has its own user
   */
  async tokens(count: number, first = 0, users = Number.POSITIVE_INFINITY): Promise<string[]> {
    const tokens: string[] = []
    for (let n = first; n < first + count; n++)
      tokens.push(`Bearer ${await this.issuer.token(n, n < users ? n : n % users)}`)
    return tokens
  }

  /** Stops the processes of a scenario in reverse order of their start. */
  async clear(): Promise<void> {
    for (let part = this.#passing.pop(); part !== undefined; part = this.#passing.pop()) await part.stop()
  }

  async close(): Promise<void> {
    await this.clear()
    for (const part of [this.bare, this.upstream] satisfies Running[]) await part.stop()
    this.issuer.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
