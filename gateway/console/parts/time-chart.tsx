import { useEffect, useRef } from 'react'
import UPlot from 'uplot'
import { clockText } from '../text/format.ts'
import 'uplot/dist/uPlot.min.css'

/** One line of a time chart. */
export interface ChartLine {
  readonly label: string
  /** One value for each step, the oldest first. */
  readonly values: readonly number[]
  /** Variable of the style sheet that has the colour of the line. */
  readonly color: '--accent' | '--bad' | '--warn'
}

interface TimeChartProps {
  /** Content of the chart in words, for screen readers. */
  readonly label: string
  readonly lines: readonly ChartLine[]
  /** Time of one step, s. */
  readonly stepS: number
  /** Time of the newest step, ms since the epoch. */
  readonly endMs: number
}

const HEIGHT_PX = 150

/** Draws lines over the recent time on a canvas, with a text for screen readers. */
export function TimeChart({ label, lines, stepS, endMs }: TimeChartProps) {
  const frame = useRef<HTMLDivElement>(null)
  const chart = useRef<UPlot>(null)
  const names = lines.map((line) => `${line.label}${line.color}`).join()

  // biome-ignore lint/correctness/useExhaustiveDependencies: other lines need another chart, other values do not.
  useEffect(() => {
    const { current } = frame
    if (current === null) return
    const plot = new UPlot(optionsOf(lines, current.clientWidth), [[], ...lines.map(() => [])], current)
    chart.current = plot
    const observer = new ResizeObserver(() => plot.setSize({ width: current.clientWidth, height: HEIGHT_PX }))
    observer.observe(current)
    const dark = matchMedia('(prefers-color-scheme: dark)')
    const recolor = () => plot.redraw(false)
    dark.addEventListener('change', recolor)
    return () => {
      dark.removeEventListener('change', recolor)
      observer.disconnect()
      plot.destroy()
    }
  }, [names])

  useEffect(() => {
    const count = lines[0]?.values.length ?? 0
    const times = Array.from({ length: count }, (_, i) => endMs / 1000 - (count - 1 - i) * stepS)
    chart.current?.setData([times, ...lines.map(({ values }) => [...values])])
  }, [lines, stepS, endMs])

  return (
    <figure className="time-chart">
      <figcaption>
        {lines.map(({ label: name, color }) => (
          <span key={name} className={`line ${color.slice(2)}`}>
            {name}
          </span>
        ))}
      </figcaption>
      <div ref={frame} className="plot" role="img" aria-label={label} />
    </figure>
  )
}

function optionsOf(lines: readonly ChartLine[], width: number): UPlot.Options {
  const axis = {
    stroke: () => colorOf('--muted'),
    grid: { stroke: () => colorOf('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [
      { ...axis, size: 30, space: 90, values: (_plot, times) => times.map((time) => clockText(time * 1000)) },
      { ...axis, size: 44 },
    ],
    series: [
      {},
      ...lines.map(({ label, color }) => ({
        label,
        stroke: () => colorOf(color),
        width: 1.5,
        points: { show: false },
      })),
    ],
  }
}

function colorOf(variable: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(variable)
}
