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
 * Environment of a run: an issuer, an upstream and a plain proxy in front of it, which all scenarios share, and the
 * processes that one scenario starts, which end with it.
 */
export class Site {
  readonly issuer: BenchIssuer
  readonly upstream: Nginx
  /** The reference proxy: it only forwards to the same upstream. */
  readonly bare: Nginx
  readonly progress: (line: string) => void
  /** Load generator for scenarios that use `--generator`. */
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

  /** Returns the path of a folder that no other part of this run uses. */
  newFolder(name: string): string {
    return join(this.#folder, `${this.#folders++}-${name}`)
  }

  /** Stops it at the end of the scenario. */
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

  /** Starts nodes one after the other: in parallel, each would exceed its start limit. */
  async nodes(count: number, plan: NodePlan): Promise<BenchNode[]> {
    const nodes: BenchNode[] = []
    while (nodes.length < count) nodes.push(await this.node(plan))
    return nodes
  }

  /** Values of `Authorization` for this number of users. */
  async tokens(count: number, first = 0): Promise<string[]> {
    const tokens: string[] = []
    for (let n = first; n < first + count; n++) tokens.push(`Bearer ${await this.issuer.token(n)}`)
    return tokens
  }

  /** Stops everything that a scenario started, newest first. */
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
