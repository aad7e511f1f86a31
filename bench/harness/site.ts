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
 * What a run measures on: an issuer, an upstream and a bare proxy in front of it, which all scenarios share; and what one
 * scenario starts for itself, which ends with it.
 */
export class Site {
  readonly issuer: BenchIssuer
  readonly upstream: Nginx
  /** The yardstick: forwards to the same upstream and does nothing else. */
  readonly bare: Nginx
  readonly progress: (line: string) => void
  /** For scenarios that leave it to whoever runs them. */
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

  /** A name that no other folder of this run has. */
  newFolder(name: string): string {
    return join(this.#folder, `${this.#folders++}-${name}`)
  }

  /** Ends it with the scenario. */
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

  /** Nodes one after the other: together they would each take longer to start than they are given. */
  async nodes(count: number, plan: NodePlan): Promise<BenchNode[]> {
    const nodes: BenchNode[] = []
    while (nodes.length < count) nodes.push(await this.node(plan))
    return nodes
  }

  /** Values of `Authorization`, of as many people. */
  async tokens(count: number, first = 0): Promise<string[]> {
    const tokens: string[] = []
    for (let n = first; n < first + count; n++) tokens.push(`Bearer ${await this.issuer.token(n)}`)
    return tokens
  }

  /** Ends what a scenario started, last first. */
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
