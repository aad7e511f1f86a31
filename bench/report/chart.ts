import { formatNumber, formatSpread, type Spread } from '../harness/statistics.ts'
import { chartStyle, colours } from './chart-style.ts'

/** One bar of a chart: the median as bar, lowest to highest value as line, and the budget as mark. */
export interface Bar {
  readonly label: string
  readonly found: Spread
  readonly most?: number
  readonly missed?: boolean
}

type Points = readonly (readonly [x: number, y: number])[]

export interface Line {
  readonly label: string
  readonly points: Points
  /** Values that the scaling model predicts, drawn as a dashed line. */
  readonly model?: Points
}

export interface LineChart {
  readonly title: string
  readonly unit: string
  readonly xLabel: string
  readonly lines: readonly Line[]
}

const LABEL = 310
const PLOT = 400
const ROW = 26
const VALUE = 170
const BAR_WIDTH = LABEL + PLOT + VALUE

/** Escapes the characters `&`, `<`, `>` and `"` of a text for HTML and SVG. */
export function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

export function barChart(bars: readonly Bar[], title: string): string {
  return svg(BAR_WIDTH, bars.length * ROW, title, barRows(bars))
}

/** Margin of an SVG file on each side, px. */
const MARGIN = 16
const HEADING = 30

/** Bar chart as an SVG file. It has a title and a background, so that it is readable on light and dark pages. */
export function barPicture(bars: readonly Bar[], title: string): string {
  const [width, height] = [BAR_WIDTH + 2 * MARGIN, bars.length * ROW + HEADING + 2 * MARGIN]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escapeMarkup(title)}</title>
<style>
${colours}
${chartStyle}
.paper { fill: var(--paper); stroke: var(--rule) } text.title { font-weight: 600 }
</style>
<rect class="paper" x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8"/>
<text class="title" x="${MARGIN}" y="${MARGIN + 8}">${escapeMarkup(title)}</text>
<g transform="translate(${MARGIN} ${MARGIN + HEADING})">
${barRows(bars)}
</g>
</svg>
`
}

function barRows(bars: readonly Bar[]): string {
  const top = Math.max(...bars.map(({ found, most = 0 }) => Math.max(found.max, most)), Number.MIN_VALUE)
  const x = (value: number): number => LABEL + (Math.max(0, value) / top) * PLOT
  const rows = bars.map(({ label, found, most, missed }, i) => {
    const [y, middle] = [i * ROW, i * ROW + ROW / 2]
    const width = (x(found.median) - LABEL).toFixed(1)
    return [
      `<text class="label" x="${LABEL - 8}" y="${middle}">${escapeMarkup(label)}</text>`,
      `<rect class="${missed === true ? 'bar missed' : 'bar'}" x="${LABEL}" y="${y + 5}" width="${width}" height="${ROW - 10}"/>`,
      `<path class="spread" d="M${x(found.min).toFixed(1)} ${middle}H${x(found.max).toFixed(1)}"/>`,
      most === undefined ? '' : `<path class="most" d="M${x(most).toFixed(1)} ${y + 1}v${ROW - 2}"/>`,
      `<text class="value" x="${LABEL + PLOT + 10}" y="${middle}">${escapeMarkup(formatSpread(found))}</text>`,
    ].join('')
  })
  return rows.join('\n')
}

const [LEFT, RIGHT, HEIGHT, BOTTOM] = [70, 190, 220, 44]

export function lineChart({ title, unit, xLabel, lines }: LineChart): string {
  const points = lines.flatMap((line) => [...line.points, ...(line.model ?? [])])
  const xs = [...new Set(points.map(([x]) => x))].sort((a, b) => a - b)
  const [most, top] = [Math.max(...xs), Math.max(...points.map(([, y]) => y), Number.MIN_VALUE)]
  const x = (value: number): number => LEFT + (value / most) * PLOT
  const y = (value: number): number => 10 + HEIGHT - (Math.max(0, value) / top) * HEIGHT
  const path = (own: Points): string =>
    own.map(([px, py], n) => `${n === 0 ? 'M' : 'L'}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join('')
  const drawn = lines.map(({ label, points: own, model }, i) => {
    const dots = own.map(([px, py]) => `<circle cx="${x(px).toFixed(1)}" cy="${y(py).toFixed(1)}" r="3"/>`)
    const legend = `<text x="${LEFT + PLOT + 16}" y="${22 + i * 18}">${escapeMarkup(label)}</text>`
    const dashes = model === undefined ? '' : `<path class="line model" d="${path(model)}"/>`
    return `<g class="c${i % 6}"><path class="line" d="${path(own)}"/>${dashes}${dots.join('')}${legend}</g>`
  })
  const base = 10 + HEIGHT
  const ticks = xs.map((value) => `<text class="tick" x="${x(value)}" y="${base + 16}">${formatNumber(value)}</text>`)
  const axis = `<path class="axis" d="M${LEFT} 10V${base}H${LEFT + PLOT}"/>`
  const scale = [0, top / 2, top].map(
    (value) => `<text class="label" x="${LEFT - 8}" y="${y(value)}">${formatNumber(value)}</text>`,
  )
  const names = `<text class="tick" x="${LEFT + PLOT / 2}" y="${base + 34}">${escapeMarkup(xLabel)}</text>`
  const body = [axis, ...scale, ...ticks, names, ...drawn].join('')
  return svg(LEFT + PLOT + RIGHT, base + BOTTOM, `${title}, ${unit}`, body)
}

function svg(width: number, height: number, title: string, body: string): string {
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"><title>${escapeMarkup(title)}</title>${body}</svg>`
}
