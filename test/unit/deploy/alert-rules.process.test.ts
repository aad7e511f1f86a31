// The alert rules are valid for Prometheus; each alert fires, does not fire in the nearest harmless state, and has a
// runbook.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { promtool } from '../../../deploy/server-program.mjs'
import { alertCases } from './alert-cases.ts'

interface Rule {
  readonly alert: string
  readonly labels: { readonly severity: string }
  readonly annotations: Readonly<Record<string, string>>
}

const checkout = resolve(import.meta.dirname, '../../..')
const file = join(checkout, 'deploy/prometheus-alerts.yml')
const { groups }: { groups: { rules: Rule[] }[] } = parse(readFileSync(file, 'utf8'))
const rules = groups.flatMap((group) => group.rules)
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-alerts-'))
afterAll(() => rmSync(folder, { recursive: true }))

const { command, env } = promtool.find()
const tool = { encoding: 'utf8', env: { ...process.env, ...env }, cwd: folder } as const

type Labels = Readonly<Record<string, string>>
type AlertCase = (typeof alertCases)[number]

const numberedCases = alertCases.map((each, i) => [each, i] as const)
/** Times of the two tests of promtool, which evaluates all rules at each interval. */
const speeds = [
  { isSlow: undefined, interval: '15s', evaluation: '30s', at: '20m' },
  { isSlow: true, interval: '5m', evaluation: '30m', at: '25h' },
] as const

/** Returns one test of promtool with the series of all cases; `expected` has the alerts that then fire for a case. */
function testOf(
  { isSlow, interval, at }: (typeof speeds)[number],
  series: 'fires' | 'quiet',
  expected: (each: AlertCase) => readonly string[],
) {
  const cases = numberedCases.filter(([each]) => each.isSlow === isSlow)
  return {
    interval,
    name: series,
    input_series: cases.flatMap(([each, i]) =>
      Object.entries(each[series]).map(([name, values]) => ({ series: numbered(name, i), values })),
    ),
    promql_expr_test: cases.map(([each, i]) => ({
      expr: numbered(`ALERTS{alertname="${each.alert}",alertstate="firing",gatehouse_cluster="c"}`, i),
      eval_time: at,
      exp_samples: expected(each).map((labels) => ({ labels: numbered(labels, i), value: 1 })),
    })),
  }
}

/** Gives the clusters of a case names that no other case has, so that promtool evaluates all cases together. */
function numbered(text: string, i: number): string {
  return text.replaceAll(/gatehouse_cluster="(\w)"/g, `gatehouse_cluster="$1${i}"`)
}

function alertSeries(alert: string, labels: Labels): string {
  const { severity } = rules.find((rule) => rule.alert === alert)!.labels
  const all = { alertname: alert, alertstate: 'firing', severity, ...labels }
  return `ALERTS{${Object.entries(all).map(([name, value]) => `${name}="${value}"`)}}`
}

test('promtool accepts the alert rules', () => {
  expect(execFileSync(command, ['check', 'rules', '--lint-fatal', file], tool)).toContain(`${rules.length} rules found`)
})

test('Prometheus can parse every expression of the dashboards', () => {
  const grafana = join(checkout, 'deploy/grafana')
  const all = readdirSync(grafana).flatMap((name) => {
    const { panels }: { panels: { targets: { expr: string }[] }[] } = JSON.parse(
      readFileSync(join(grafana, name), 'utf8'),
    )
    return panels.flatMap(({ targets }) => targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m')))
  })
  const recorded = all.map((expr, i) => ({ record: `panel_${i}`, expr }))
  writeFileSync(join(folder, 'panels.yml'), JSON.stringify({ groups: [{ name: 'panels', rules: recorded }] }))

  expect(execFileSync(command, ['check', 'rules', 'panels.yml'], tool)).toContain(`${all.length} rules found`)
})

test.each(speeds)(
  'every alert fires for its cause within $at, and does not fire in the nearest harmless state',
  (speed) => {
    const fires = testOf(speed, 'fires', ({ alert, labels }) => [alertSeries(alert, labels)])
    const tests = [fires, testOf(speed, 'quiet', () => [])]
    const cases = { rule_files: [file], evaluation_interval: speed.evaluation, tests }
    writeFileSync(join(folder, 'cases.json'), JSON.stringify(cases))

    const { status, stdout, stderr } = spawnSync(command, ['test', 'rules', 'cases.json'], tool)
    expect({ status, failures: `${stdout}${stderr}` }).toEqual({
      status: 0,
      failures: expect.stringContaining('SUCCESS'),
    })
  },
)

test('every alert has a test case', () => {
  expect([...new Set(alertCases.map(({ alert }) => alert))]).toEqual(rules.map(({ alert }) => alert))
})

test('every alert has texts and a runbook of its own, and every runbook has an alert', () => {
  const headings = [...readFileSync(join(checkout, 'docs/runbooks.md'), 'utf8').matchAll(/^## (\w+)$/gm)]

  for (const { alert, labels, annotations } of rules) {
    expect(['warning', 'critical']).toContain(labels.severity)
    expect(Object.keys(annotations)).toEqual(['summary', 'description', 'runbook_url'])
    expect(annotations.runbook_url).toBe(`docs/runbooks.md#${alert.toLowerCase()}`)
  }
  expect(headings.map(([, heading]) => heading)).toEqual(rules.map(({ alert }) => alert))
})
