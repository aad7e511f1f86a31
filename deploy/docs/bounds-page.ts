import { type DerivedBound, derivedBounds, type GrowingCollection, growingCollections } from './bounds.ts'
import { code, generatedNote, table } from './markdown.ts'
import { redisKeyBounds } from './redis-bounds.ts'

/**
 * Builds docs/reference/bounds.md: the bound of every collection that can grow while the process runs, and of every key
 * in Redis.
 */
export function boundsPage(): string {
  const collections = growingCollections().filter(({ bound }) => bound !== undefined && bound !== 'owner')
  const own = collections.filter(({ bound }) => !isDerived(bound!))
  const derived = (Object.keys(derivedBounds) as DerivedBound[]).filter((word) => word !== 'owner')
  return `# Bounds

${generatedNote}

Every queue, cache, pool and map of a node or worker has a maximum, and every key [in Redis](#in-redis) a lifetime or a fixed number. A test fails when a new one states none.

${table(
  ['where', 'holds', 'maximum', 'when it is full', 'metric'],
  own.map((each) => [where(each), each.meaning, ...partsOf(each.bound!).map(asMetric)]),
)}

## In Redis

Names are those of \`gateway/redis/keys.ts\`. The name of a key and Redis's own overhead add about 200 bytes to each key. When Redis is out of memory (\`maxmemory\` with \`noeviction\`), it rejects writes, except those of revocations, logouts, leases and locks.

${table(
  ['key', 'holds', 'number and size', 'lifetime', 'when it is full', 'metric'],
  redisKeyBounds().map(({ name, meaning, bound }) => [code(name), meaning, ...partsOf(bound ?? '').map(asMetric)]),
)}

## Sizes that follow from something else

${derived.map((word) => derivedSection(word, collections)).join('\n\n')}
`
}

function derivedSection(word: DerivedBound, collections: readonly GrowingCollection[]): string {
  const rows = collections.filter(({ bound }) => bound === word).map((each) => [where(each), each.meaning])
  return `### By ${word}\n\n${derivedBounds[word]}\n\n${table(['where', 'holds'], rows)}`
}

function isDerived(bound: string): bound is DerivedBound {
  return bound in derivedBounds
}

/** Returns the parts of a stated bound: maximum, what happens when it is full, and metric. */
export function partsOf(bound: string): readonly string[] {
  return bound.split('|').map((part) => part.trim())
}

function asMetric(part: string): string {
  return part.startsWith('gatehouse_') ? code(part) : part
}

function where({ path, name }: GrowingCollection): string {
  return `${code(name)} in ${path.split('/').slice(0, -1).join('/').replace('gateway/', '')}`
}
