import { expect, test } from 'vitest'
import { type Batch, packedLine, packLines, sealLine, unpackLines } from '../../../gateway/audit/batch.ts'
import { Chain } from '../../../gateway/audit/chain.ts'
import { readArchive } from '../../../gateway/audit/read-archive.ts'
import { recordLine } from '../../../gateway/audit/record-line.ts'
import { type AuditKey, type SealDraft, seal } from '../../../gateway/audit/seal.ts'
import { type LogSurroundings, Verification, type VerificationReport } from '../../../gateway/audit/verification.ts'

// S-144: verification of the audit log reports a deleted record, an altered record, two swapped records, a cut tail and
// a restarted chain.

const key: AuditKey = { id: 'a1', secret: new Uint8Array(32).fill(1) }
const otherKey: AuditKey = { id: 'a2', secret: new Uint8Array(32).fill(2) }

interface ChainOptions {
  readonly node?: string
  readonly key?: AuditKey | undefined
  readonly close?: boolean
}

/**
 * Returns a chain of four batches with three records each, numbered from 1 to 12. The first record opens the chain, the
 * last one closes it.
 */
function batches({ node = 'n1', close = true, ...options }: ChainOptions = {}): Batch[] {
  const chain = new Chain(node, 'key' in options ? options.key : key)
  return Array.from({ length: 4 }, (_, b) => {
    for (let i = 0; i < 3; i++) {
      const kind = b + i === 0 ? 'chain.open' : close && b === 3 && i === 2 ? 'chain.close' : 'exchange'
      chain.add(recordLine(kind, 1_790_000_000_000 + b, { 'gatehouse.node': node, 'url.path': `/${b}/${i}` }))
    }
    return chain.seal()
  })
}

const linesOf = ({ packed }: Batch): string[] => unpackLines(packed)!.toString().split('\n').slice(0, -1)
const repacked = (batch: Batch, lines: readonly string[]): Batch => ({
  ...batch,
  packed: packLines(Buffer.from(lines.map((line) => `${line}\n`).join(''))),
})

function verified(log: readonly Batch[], more: Partial<LogSurroundings> = {}, keys = [key]): VerificationReport {
  const verification = new Verification({ keys })
  for (const [i, batch] of log.entries()) verification.batch(batch, `entry ${i}`)
  return verification.report({ trimmed: new Map(), running: new Set(), seen: [], ...more })
}

const told = ({ findings }: VerificationReport) => findings.map(({ kind, first, last }) => [kind, first, last])

test('verification of an unchanged audit log reports no problem, and reports how the chain ended', () => {
  const report = verified(batches())

  expect(report).toMatchObject({ records: 12, batches: 4, findings: [] })
  expect(report.chains).toMatchObject([{ node: 'n1', first: 1, last: 12, end: 'closed', keyed: true, lost: 0 }])
})

const tampered: [title: string, tamper: (log: Batch[]) => Batch[], findings: unknown[]][] = [
  [
    'a record deleted from its batch',
    ([a, b, ...rest]) => [a!, repacked(b!, linesOf(b!).toSpliced(1, 1)), ...rest],
    [['missing', 5, 5]],
  ],
  [
    'a record altered',
    ([a, b, ...rest]) => [a!, repacked(b!, linesOf(b!).with(2, linesOf(b!)[2]!.replace('/1/2', '/1/9'))), ...rest],
    [['altered', 6, 6]],
  ],
  [
    'two records swapped',
    ([a, b, ...rest]) => [
      a!,
      repacked(
        b!,
        [1, 0, 2].map((i) => linesOf(b!)[i]!),
      ),
      ...rest,
    ],
    [['swapped', 4, 5]],
  ],
  [
    'a record of another batch inserted',
    ([a, b, ...rest]) => [a!, repacked(b!, [...linesOf(b!), linesOf(a!)[0]!]), ...rest],
    [['stray', 4, 6]],
  ],
  ['a batch deleted', (log) => log.toSpliced(1, 1), [['missing', 4, 6]]],
  ['the beginning deleted', (log) => log.slice(2), [['missing', 1, 6]]],
  ['two batches swapped', ([a, b, c, d]) => [a!, c!, b!, d!], [['swapped', 4, 9]]],
  [
    'records that cannot be decompressed',
    ([a, ...rest]) => [{ ...a!, packed: Buffer.from('x') }, ...rest],
    [['altered', 1, 3]],
  ],
  ['a seal altered', ([a, b, ...rest]) => [a!, { ...b!, seal: { ...b!.seal, lost: 1 } }, ...rest], [['altered', 4, 6]]],
  [
    'a batch rewritten by a writer without the key',
    ([a, b, ...rest]) => {
      const lines = Buffer.from(`${linesOf(b!).join('\n').replace('/1/0', '/9/9')}\n`)
      return [
        a!,
        {
          seal: { ...seal(b!.seal as SealDraft, lines, undefined), key: 'a1', mac: b!.seal.mac! },
          packed: packLines(lines),
        },
        ...rest,
      ]
    },
    [
      ['forged', 4, 6],
      ['altered', 7, 9],
    ],
  ],
  [
    'a batch rewritten without any key',
    ([a, b, ...rest]) => [a!, { ...b!, seal: seal(unsealed(b!), unpackLines(b!.packed)!, undefined) }, ...rest],
    [['forged', 4, 6]],
  ],
]

const unsealed = ({ seal: { v: _, hash: __, key: ___, mac: ____, ...draft } }: Batch): SealDraft => draft

test.each(tampered)('verification of the audit log reports this change: %s', (_, tamper, findings) => {
  expect(told(verified(tamper(batches())))).toEqual(findings)
})

test('verification of the audit log reports a chain that starts again under the same name', () => {
  const [first, ...rest] = batches()
  const lines = Buffer.from(`${linesOf(first!).join('\n').replace('/0/1', '/9/9')}\n`)
  const again = { seal: seal(unsealed(first!), lines, key), packed: packLines(lines) }

  expect(told(verified([first!, again, ...rest]))).toContainEqual(['restarted', 1, 3])
})

test('verification of the audit log reports a missing end of a chain if a batch of another chain or the node names the hash of a missing batch', () => {
  const log = batches()
  const { chain, last, hash } = log[3]!.seal
  const witness = new Chain('n2', key)
  witness.witness(log[3]!.seal)
  witness.add(recordLine('chain.open', 0, {}))

  expect(told(verified([...log.slice(0, 2), witness.seal()]))).toEqual([['cut', 7, 12]])
  expect(told(verified(log.slice(0, 2), { seen: [{ chain, last, hash }] }))).toEqual([['cut', 7, 12]])
  expect(told(verified([], { seen: [{ chain, last, hash }] }))).toEqual([['cut', 1, 12]])
})

test('verification of the audit log reports a rewritten last batch if the verifier knows the original seal', () => {
  const log = batches({ key: undefined })
  const lines = Buffer.from(`${linesOf(log[3]!).join('\n').replace('/3/0', '/9/9')}\n`)
  const rewritten = { seal: seal(unsealed(log[3]!), lines, undefined), packed: packLines(lines) }

  expect(told(verified([...log.slice(0, 3), rewritten], { seen: [log[3]!.seal] }, []))).toEqual([
    ['altered', undefined, 12],
  ])
})

test('verification of the audit log reports a chain without a key whose records were packed into other batches only if the verifier knows an original seal', () => {
  const log = batches({ key: undefined })
  const lines = log.flatMap(linesOf)
  let previous = '0'.repeat(64)
  const rewritten = [5, 7].map((count, i) => {
    const bytes = Buffer.from(`${lines.slice(i * 5, i * 5 + count).join('\n')}\n`)
    const [first, last] = [i * 5 + 1, i * 5 + count]
    const sealed = seal({ chain: log[0]!.seal.chain, first, last, previous, lost: 0, sums: '' }, bytes, undefined)
    previous = sealed.hash
    return { seal: sealed, packed: packLines(bytes) }
  })

  expect(told(verified(rewritten, {}, []))).toEqual([])
  expect(told(verified(rewritten, { seen: [log[1]!.seal] }, []))).toEqual([['altered', undefined, 6]])
})

test('verification of the audit log rejects a seal whose record numbers or chain differ from those of its records', () => {
  const [a] = batches()
  const lines = unpackLines(a!.packed)!
  const promising = (change: Partial<SealDraft>) => ({ ...a!, seal: seal({ ...unsealed(a!), ...change }, lines, key) })

  expect(verified([promising({ last: 9e14 })])).toMatchObject({ records: 0, findings: [{ kind: 'altered' }] })
  expect(verified([promising({ last: 2 })])).toMatchObject({ records: 0, findings: [{ kind: 'stray' }] })
  expect(verified([promising({ chain: 'n9.0' })])).toMatchObject({ records: 0 })
})

test('verification of the audit log reports the last chain of a running node as running, and an earlier chain of the node without a closing record as open', () => {
  const before = batches({ close: false })
  const now = new Chain('n1', key)
  now.add(recordLine('chain.open', 0, {}))

  expect(verified([...before, now.seal()], { running: new Set(['n1']) }).chains).toMatchObject([
    { end: 'open' },
    { end: 'running' },
  ])
})

test('verification reports that an audit chain without a closing record has an open end, unless its node is running', () => {
  const log = batches({ close: false })

  expect(verified(log)).toMatchObject({ findings: [], chains: [{ end: 'open' }] })
  expect(verified(log, { running: new Set(['n1']) })).toMatchObject({ chains: [{ end: 'running' }] })
})

test('verification of the audit log accepts batches that occur twice, even if the second copy comes later', () => {
  const [a, b, c, d] = batches()

  expect(verified([a!, b!, a!, b!, c!, d!, b!])).toMatchObject({ records: 12, findings: [] })
})

test('verification accepts a trimmed audit chain that continues at the trim mark, and reports a chain that does not continue there', () => {
  const [, b, c, d] = batches()
  const { chain, last, hash } = b!.seal

  expect(told(verified([c!, d!], { trimmed: new Map([[chain, { last, hash }]]) }))).toEqual([])
  expect(told(verified([b!, c!, d!], { trimmed: new Map([[chain, { last, hash }]]) }))).toEqual([])
  expect(told(verified([d!], { trimmed: new Map([[chain, { last, hash }]]) }))).toEqual([['missing', 7, 9]])
  expect(told(verified([c!, d!], { trimmed: new Map([[chain, { last, hash: 'f'.repeat(64) }]]) }))).toEqual([
    ['altered', 7, 9],
  ])
})

test('verification of the audit log reports seals with an unknown key if the verifier has a key, and does not check the keys of seals if the verifier has none', () => {
  const log = batches({ key: otherKey })

  expect(told(verified(log)).map(([kind]) => kind)).toEqual(Array(4).fill('unknown-key'))
  expect(verified(log, {}, [key, otherKey])).toMatchObject({ findings: [], chains: [{ keyed: true }] })
  expect(verified(log, {}, [])).toMatchObject({ findings: [], chains: [{ keyed: false }] })
})

test('the verification report of an audit log contains the number of records that a node lost', () => {
  const chain = new Chain('n1', key)
  chain.add(recordLine('chain.open', 0, {}))
  const first = chain.seal()
  for (let i = 0; i < 7; i++) chain.lose()
  chain.add(recordLine('exchange', 0, {}))

  expect(verified([first, chain.seal()])).toMatchObject({ findings: [], chains: [{ lost: 7 }] })
})

// Verification of files: of records with their seals, and of whole batches as a node spills them.

async function archived(text: string, partial = false): Promise<VerificationReport> {
  const verification = new Verification({ keys: [key], partial })
  await readArchive(chunksOf(Buffer.from(text)), 'a.ndjson', verification)
  return verification.report()
}

/** Splits the bytes into chunks that do not end at the ends of lines. */
async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777)
}

const plainFile = (log: readonly Batch[]) =>
  log.map((batch) => `${linesOf(batch).join('\n')}\n${sealLine(batch.seal)}\n`).join('')
const spillFile = (log: readonly Batch[]) => log.map((batch) => `${packedLine(batch)}\n`).join('')

test.each([
  ['records with seals', plainFile],
  ['whole batches', spillFile],
])(
  'verification accepts a complete audit file of %s, and reports an incomplete file unless the caller declares the file partial',
  async (_, write) => {
    const log = batches()

    expect(await archived(write(log))).toMatchObject({ records: 12, findings: [], chains: [{ end: 'closed' }] })
    expect(told(await archived(write(log.toSpliced(1, 1))))).toEqual([['missing', 4, 6]])
    expect(told(await archived(write(log).slice(0, -3)))).toContainEqual(['stray', undefined, undefined])
    expect(told(await archived(write(log.slice(1, 3))))).toEqual([['missing', 1, 3]])
    expect(told(await archived(write(log.slice(1, 3)), true))).toEqual([])
  },
)

test('verification of an audit file reports a line that was deleted, altered, or appended without a seal', async () => {
  const file = plainFile(batches())
  const lines = file.split('\n')

  expect(told(await archived(lines.toSpliced(1, 1).join('\n')))).toEqual([['missing', 2, 2]])
  expect(told(await archived(file.replace('/2/1', '/2/9')))).toEqual([['altered', 8, 8]])
  expect(told(await archived(`${file}${lines[0]}\n`))).toEqual([['stray', undefined, undefined]])
  expect(told(await archived(`${file}{"seal":{"v":9}}\n`))).toEqual([['stray', undefined, undefined]])
})

test('a sealed batch holds only the memory of its compressed records, so that audit.memory limits the memory of waiting batches', () => {
  const chain = new Chain('n1', key)
  chain.add('"time":"2030-01-31T12:00:00.020Z","kind":"exchange"}')
  const { packed } = chain.seal()

  expect(packed.buffer.byteLength).toBe(packed.length)
})
