import { expect, test } from 'vitest'
import { single, spread } from '../../../bench/harness/statistics.ts'
import { barPicture } from '../../../bench/report/chart.ts'
import { htmlReport } from '../../../bench/report/html.ts'
import { circumstances } from '../../../bench/report/machine.ts'
import type { BenchRecord } from '../../../bench/report/record.ts'
import { findingTable, verdictText } from '../../../bench/report/table.ts'
import { verdictsOf } from '../../../bench/report/verdict.ts'

// The result of a benchmark run is printed on the terminal and written as a self-contained HTML page.

const findings = [
  {
    scenario: 'hot',
    conditions: { rounds: 3, generator: 'wrk' },
    figures: { cpu_us_per_request: spread([40, 41, 44]), ratio: single(3), failed: single(0) },
    broken: ['a reply was <wrong> & "odd"'],
    notes: ['1 < 2'],
    tables: [
      {
        title: 'Rows',
        columns: ['limit', 'over'],
        rows: [
          ['10/s', 0],
          ['<100>/s', 12],
        ],
      },
    ],
    charts: [
      {
        title: 'CPU',
        unit: 'µs',
        xLabel: 'nodes',
        lines: [{ label: 'a<b', points: [[1, 2] as const, [8, 3] as const], model: [[1, 1] as const] }],
      },
    ],
  },
]
const verdicts = verdictsOf(findings, [
  { scenario: 'hot', figure: 'ratio', most: 2, tolerance: 0.1 },
  { scenario: 'hot', figure: 'failed', most: 0, tolerance: 0 },
  { scenario: 'hot', figure: 'gone', most: 1, tolerance: 0 },
])
const record: BenchRecord = {
  kind: 'suite',
  at: '2026-11-27T19:05:00.000Z',
  quick: false,
  ...circumstances(),
  findings,
  verdicts,
}

test('the terminal table of a benchmark run shows each figure, the budget of the figure and the failures', () => {
  const table = findingTable(findings[0]!, verdicts)

  expect(table).toContain('HOT (rounds 3, generator wrk)')
  expect(table).toMatch(/^cpu_us_per_request +41 \(40–44\)$/m)
  expect(table).toMatch(/^ratio +3 +≤ 2 {2}MISSED$/m)
  expect(table).toMatch(/^failed +0 +≤ 0 {2}met$/m)
  expect(table).toContain('Rows\nLIMIT    OVER\n10/s     0\n<100>/s  12\n')
  expect(table).toContain('BROKEN: a reply was <wrong>')
})

test('the summary of a benchmark run names missed and unmeasured budgets', () => {
  expect(verdictText(verdicts)).toBe(
    '3 budgets: 1 met, 0 missed within tolerance, 1 missed\n' +
      '  hot ratio: 3, budget ≤ 2\n  hot gone: not measured, budget ≤ 1',
  )
})

test('the HTML page of a benchmark run has no scripts and loads nothing', () => {
  const page = htmlReport(record)

  expect(page).not.toMatch(/https?:|src=|href=|@import|url\(|<script|<link|\son\w+=/i)
})

test('the HTML page of a benchmark run escapes markup in texts', () => {
  const page = htmlReport(record)

  expect(page).toContain('a reply was &lt;wrong&gt; &amp; &quot;odd&quot;')
  expect(page).toContain('a&lt;b')
  expect(page).not.toContain('<wrong>')
})

test('a bar on the benchmark page shows its budget, and a bar with a missed budget has its own class', () => {
  const page = htmlReport(record)

  expect(page.match(/class="most"/g)).toHaveLength(2)
  expect(page.match(/class="bar missed"/g)).toHaveLength(1)
})

test('the HTML page of a benchmark run supports a dark colour scheme', () => {
  expect(htmlReport(record)).toContain('color-scheme: light dark')
})

test('an SVG bar chart of the benchmarks is self-contained, has a background, and supports a dark colour scheme', () => {
  const picture = barPicture([{ label: 'a<b', found: spread([1, 2, 3]) }], 'CPU & more')

  expect(picture).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
  expect(picture).toContain('a&lt;b')
  expect(picture).toContain('<title>CPU &amp; more</title>')
  expect(picture).toContain('prefers-color-scheme: dark')
  expect(picture).toContain('class="paper"')
  expect(picture).not.toMatch(/<script|href=|url\(|@import/)
})
