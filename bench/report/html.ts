import type { ScenarioFinding } from '../harness/scenario.ts'
import { formatNumber, formatSpread } from '../harness/statistics.ts'
import { type Bar, barChart, escapeMarkup, lineChart } from './chart.ts'
import { chartStyle, colours } from './chart-style.ts'
import type { BenchRecord } from './record.ts'
import type { Table } from './rows.ts'
import { conditionTexts } from './table.ts'
import { unitOf } from './unit.ts'
import type { BudgetVerdict } from './verdict.ts'

const style = `
:root { color-scheme: light dark }
${colours}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem } p.about { color: var(--dim) }
table { border-collapse: collapse; width: 100%; margin: .75rem 0 } th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--rule) }
td, th { font-variant-numeric: tabular-nums } th { color: var(--dim); font-weight: 500 }
.met { color: var(--good) } .near { color: var(--near) } .missed, .absent, .broken { color: var(--bad); font-weight: 600 }
svg { max-width: 100%; height: auto; display: block; margin: .5rem 0 }
${chartStyle}
`

/** Report of a run as one HTML page, without scripts, fonts and external requests. */
export function htmlReport(record: BenchRecord): string {
  const { machine, commit } = record
  const at = `${record.at.slice(0, 16).replace('T', ' ')} UTC`
  const of = commit === undefined ? '' : `, commit ${commit.id}${commit.changed ? ' with changes' : ''}`
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Gatehouse bench: ${record.kind}</title>
<style>${style}</style>
<h1>Gatehouse bench: ${record.kind}</h1>
<p class="about">${escapeMarkup(`${at}${of}${record.quick ? ', quick' : ''}. ${machine.cpu}, ${machine.cores} cores, ${machine.memory_gib} GiB, Linux ${machine.kernel}, Node ${machine.node}; load before the run ${formatNumber(record.load_before)}.`)}</p>
<p class="about">Bars are medians, the line over a bar goes from the lowest to the highest round, a dashed mark is the budget; dashed lines are what a model says.</p>
${record.verdicts.length === 0 ? '' : budgetTable(record.verdicts)}
${record.findings.map((finding) => section(finding, record.verdicts)).join('\n')}
</html>
`
}

function budgetTable(verdicts: readonly BudgetVerdict[]): string {
  const rows = verdicts.map(({ scenario, figure, most, tolerance, outcome, found }) => {
    const texts = {
      met: 'met',
      near: `missed, within ${Math.round(tolerance * 100)} %`,
      missed: 'missed',
      absent: 'not measured',
    }
    const value = found === undefined ? '' : formatSpread(found, unitOf(figure))
    return `<tr><td>${escapeMarkup(`${scenario} ${figure}`)}<td>${value}<td>≤ ${formatNumber(most)}<td class="${outcome}">${texts[outcome]}`
  })
  return `<h2>Budgets</h2>\n<table><tr><th>figure<th>found<th>budget<th>\n${rows.join('\n')}</table>`
}

function section(finding: ScenarioFinding, verdicts: readonly BudgetVerdict[]): string {
  const own = verdicts.filter(({ scenario }) => scenario === finding.scenario)
  const groups = Map.groupBy(Object.entries(finding.figures), ([name]) => unitOf(name))
  const conditions = conditionTexts(finding)
  const charts = [...groups].map(([unit, figures]) => {
    const bars = figures.map(([label, found]): Bar => {
      const verdict = own.find(({ figure }) => figure === label)
      return verdict === undefined
        ? { label, found }
        : { label, found, most: verdict.most, missed: verdict.outcome === 'missed' }
    })
    return `<p class="about">${escapeMarkup(unit === '' ? 'count' : unit)}</p>\n${barChart(bars, `${finding.scenario}: ${unit}`)}`
  })
  const broken = finding.broken.map((what) => `<p class="broken">${escapeMarkup(what)}</p>`)
  const title = `<h2>${escapeMarkup(finding.scenario)}</h2>\n<p class="about">${escapeMarkup(conditions.join(', '))}</p>`
  const notes = (finding.notes ?? []).map((note) => `<p>${escapeMarkup(note)}</p>`)
  const lines = (finding.charts ?? []).map(
    (chart) => `<p class="about">${escapeMarkup(`${chart.title}, ${chart.unit}`)}</p>\n${lineChart(chart)}`,
  )
  const tables = (finding.tables ?? []).map(tableHtml)
  return [title, ...broken, ...notes, ...tables, ...lines, ...charts].join('\n')
}

function tableHtml({ title, columns, rows }: Table): string {
  const head = columns.map((column) => `<th>${escapeMarkup(column)}`).join('')
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${escapeMarkup(String(cell))}`).join('')}`)
  return `<p class="about">${escapeMarkup(title)}</p>\n<table><tr>${head}\n${body.join('\n')}</table>`
}
