import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { keptRuns, newest, provenance } from '../../../bench/docs/kept.ts'
import { circumstances } from '../../../bench/report/machine.ts'
import { marked } from '../../../deploy/docs/marked.ts'

// Tests that the figures of a documentation page come from the newest stored benchmark run and are inserted between two
// marks.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-kept-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = { ...circumstances(), findings: [], verdicts: [], quick: false }
const kept = {
  'peers-1.json': { ...run, kind: 'peers', at: '2026-11-27T10:00:00.000Z' },
  'peers-2.json': { ...run, kind: 'peers', at: '2026-11-28T10:00:00.000Z', load_before: 0.1 },
  'peers-3.json': { ...run, kind: 'peers', at: '2026-11-29T10:00:00.000Z', quick: true },
  'suite-4.json': { ...run, kind: 'suite', at: '2026-11-30T10:00:00.000Z' },
  'peers-5.json': {
    ...run,
    kind: 'peers',
    at: '2026-12-01T10:00:00.000Z',
    findings: [{ scenario: 'peers', conditions: {}, figures: {}, broken: ['not done'] }],
  },
  'suite-4.html': 'a page',
}
for (const [name, content] of Object.entries(kept)) writeFileSync(join(folder, name), JSON.stringify(content))
const runs = keptRuns(folder)

test('the newest stored benchmark run of a kind is used; quick runs and failed runs are ignored', () => {
  expect(newest(runs, 'peers').file).toBe('peers-2.json')
  expect(newest(runs, 'suite').file).toBe('suite-4.json')
})

test('a benchmark kind without a stored run is an error that names the command', () => {
  expect(() => newest(runs, 'scale')).toThrow('npm run bench -- scale')
})

test.each([
  { load: 0.1, says: false },
  { load: 40, says: true },
])(
  'what the benchmark page says about a busy machine if the load before the run was $load on 2 cores: $says',
  ({ load, says }) => {
    const { file, record } = newest(runs, 'peers')
    const busy = { ...record, load_before: load, machine: { ...record.machine, cores: 2 } }

    expect(provenance({ file, record: busy }, 'results/').includes('busy with something else')).toBe(says)
  },
)

test('generated benchmark text replaces only the text between its marks in a page', () => {
  const page = 'a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n'

  expect(marked(page, 'bench:x', 'new\n')).toBe('a\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\nb\n')
})

test.each([
  { what: 'no marks', page: 'a\n' },
  { what: 'a mark that is not closed', page: '<!-- bench:x -->\n' },
  { what: 'the marks twice', page: '<!-- bench:x -->\n<!-- /bench:x -->\n'.repeat(2) },
])('inserting benchmark text into a page with $what is an error', ({ page }) => {
  expect(() => marked(page, 'bench:x', 'new')).toThrow('bench:x')
})
