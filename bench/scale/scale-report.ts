import { formatNumber, type Spread, single } from '../harness/statistics.ts'
import type { LineChart } from '../report/chart.ts'
import { BUSY, type Fit, predicted, type ScaleModel, sizeFor, terms } from './model.ts'
import { type Kind, kinds, type ScaleStep } from './step.ts'

export function stepText({ amounts, nodeCpuUs, redisCpuUs, redisCommands }: ScaleStep): string {
  const requests = amounts.request === 0 ? '' : `${formatNumber(nodeCpuUs / amounts.request)} µs a request, `
  return `${requests}Redis ${formatNumber(redisCommands)} commands and ${formatNumber(redisCpuUs / 1000)} ms of CPU a second`
}

export function scaleFigures(steps: readonly ScaleStep[], model: ScaleModel): Record<string, Spread> {
  const found: Record<string, Spread> = {}
  for (const step of steps) {
    const name = `${step.kind}_${step.nodes}`
    if (step.kind === 'idle') found[`${name}_node_us_per_second`] = single(step.nodeCpuUs / step.nodes)
    else found[`${name}_cpu_us_per_request`] = single(step.nodeCpuUs / step.amounts.request)
    found[`${name}_redis_us_per_second`] = single(step.redisCpuUs)
    found[`${name}_redis_commands_per_second`] = single(step.redisCommands)
  }
  const perRequest = (nodes: number): number => found[`leased_${nodes}_cpu_us_per_request`]!.median
  found['cpu_growth_1_to_8'] = single(perRequest(8) / perRequest(1))
  for (const [name, fit] of fits(model)) {
    for (const term of terms) found[`model_${name}_per_${term}`] = single(fit.costs[term])
    found[`model_${name}_error_percent`] = single(fit.error.median * 100)
    found[`model_${name}_worst_error_percent`] = single(fit.error.worst * 100)
  }
  return found
}

function fits(model: ScaleModel): readonly (readonly [name: string, fit: Fit])[] {
  return [
    ['node_us', model.nodeCpuUs],
    ['redis_us', model.redisCpuUs],
    ['redis_commands', model.redisCommands],
  ]
}

/** Numbers of clients with their own limit: few business partners, or many users. */
const subjectCounts = [100, 10_000] as const

export function scaleNotes(model: ScaleModel): string[] {
  const equations = fits(model).map(([name, { costs, error }]) => {
    const sum = terms.map((term) => `${formatNumber(costs[term])} × ${term}`).join(' + ')
    const off = `error of the fit: median ${formatNumber(error.median * 100)} %, maximum ${formatNumber(error.worst * 100)} %`
    return `${name} a second = ${sum}; ${off}.`
  })
  const loads = [10_000, 100_000, 1_000_000].flatMap((requests) =>
    subjectCounts.map((subjects) => {
      const size = sizeFor(model, { requests, exactShare: 0.01, subjects })
      const load = `${requests} requests/s, 1 % under exact limits, ${subjects} subjects with leased ones`
      if (size === undefined) return `${load}: no number of nodes is enough.`
      const commands = formatNumber(size.redisCommands)
      return `${load}: nodes ${size.nodes}, Redis shards ${size.shards}, ${commands} Redis commands/s.`
    }),
  )
  return [...equations, `One core each, used to ${BUSY * 100} %:`, ...loads]
}

export function scaleCharts(steps: readonly ScaleStep[], model: ScaleModel): LineChart[] {
  const line = (kind: Kind, of: (step: ScaleStep) => number) =>
    steps.filter((step) => step.kind === kind).map((step): readonly [number, number] => [step.nodes, of(step)])
  const chart = (
    title: string,
    unit: string,
    shown: readonly Kind[],
    fit: Fit,
    by: (step: ScaleStep, value: number) => number,
    of: (step: ScaleStep) => number,
  ): LineChart => ({
    title,
    unit,
    xLabel: 'nodes',
    lines: shown.map((kind) => ({
      label: kind,
      points: line(kind, (step) => by(step, of(step))),
      model: line(kind, (step) => by(step, predicted(fit, step.amounts))),
    })),
  })
  const loaded = kinds.filter((kind) => kind !== 'idle')
  const whole = (_: ScaleStep, value: number): number => value
  return [
    chart(
      'CPU of the nodes',
      'µs a request',
      loaded,
      model.nodeCpuUs,
      (step, value) => value / step.amounts.request,
      (step) => step.nodeCpuUs,
    ),
    chart('CPU of Redis', 'µs a second', kinds, model.redisCpuUs, whole, (step) => step.redisCpuUs),
    chart('Commands of Redis', 'a second', kinds, model.redisCommands, whole, (step) => step.redisCommands),
  ]
}
