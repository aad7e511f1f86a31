// Every metric in dashboards and alerts exists. The panel of a renamed metric would be empty without an error.

import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Instrument, instruments } from '../../../gateway/telemetry/instruments.ts'

const deploy = new URL('../../../deploy/', import.meta.url)
const known = new Map(Object.values<Instrument>(instruments).map((instrument) => [instrument.name, instrument]))
/** Labels that Prometheus adds to scraped metrics. */
const scraped = ['instance', 'job', 'le', 'gatehouse_cluster']

interface Expression {
  readonly place: string
  readonly expr: string
}

const dashboards = readdirSync(new URL('grafana/', deploy)).filter((name) => name.endsWith('.json'))
const alerts: { groups: { rules: { alert: string; expr: string }[] }[] } = parse(read('prometheus-alerts.yml'))
const shown: Expression[] = dashboards.flatMap((name) => {
  const { panels }: { panels: { title: string; targets: { expr: string }[] }[] } = JSON.parse(read(`grafana/${name}`))
  return panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ place: `${name}: ${title}`, expr })))
})
const expressions: Expression[] = [
  ...shown,
  ...alerts.groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ place: alert, expr }))),
]

function read(name: string): string {
  return readFileSync(new URL(name, deploy), 'utf8')
}

/**
 * Returns the instrument of a metric name in an expression; the name can be a series of a histogram, such as `_count`.
 */
function instrumentOf(name: string): Instrument | undefined {
  const whole = known.get(name.replace(/_(?:bucket|sum|count)$/, ''))
  return whole?.kind === 'histogram' ? whole : known.get(name)
}

test.each(expressions)('all metrics and labels in the expression $expr of $place exist', ({ expr }) => {
  const names = (expr.match(/\bgatehouse_\w+/g) ?? []).filter((name) => name !== 'gatehouse_cluster')
  const asked = names.map(instrumentOf)
  const labels = [...expr.matchAll(/\b(?:by|on|ignoring) \(([^)]*)\)/g), ...expr.matchAll(/[{,](\w+)(?:=~|!~|!=|=)"/g)]

  expect(names.filter((name) => instrumentOf(name) === undefined)).toEqual([])
  expect([...scraped, ...asked.flatMap((one) => one?.labels ?? [])]).toEqual(
    expect.arrayContaining(labels.flatMap(([, list]) => list!.split(', '))),
  )
})

// Numbers of two clusters in one sum would mean nothing.
test.each(shown)('the expression $expr of $place reads the selected cluster only', ({ expr }) => {
  const names = expr.match(/\bgatehouse_\w+(?!\w|=)/g) ?? []

  expect(names.length).toBeGreaterThan(0)
  expect(expr.match(/\bgatehouse_\w+\{gatehouse_cluster="\$cluster"[,}]/g)).toHaveLength(names.length)
})

test.each(dashboards)('the dashboard %s lets the user select one cluster', (name) => {
  const { templating }: { templating: { list: { name: string; query: string; multi?: boolean }[] } } = JSON.parse(
    read(`grafana/${name}`),
  )

  expect(templating.list.find((each) => each.name === 'cluster')).toMatchObject({
    query: 'label_values(gatehouse_build_info, gatehouse_cluster)',
  })
  expect(templating.list.find((each) => each.name === 'cluster')?.multi).toBeUndefined()
})

test('the test of dashboards and alerts finds more than 30 metric expressions', () => {
  expect(dashboards.length).toBeGreaterThan(0)
  expect(expressions.length).toBeGreaterThan(30)
})
