import { expect } from 'vitest'
import { request, requestBytes } from './raw-client.ts'

/** Samples of one `/metrics` reply. A line that the exposition format 0.0.4 does not allow fails the test. */
export class MetricReading {
  readonly #samples = new Map<string, number>()

  constructor(text: string) {
    expect(text.endsWith('\n')).toBe(true)
    const typed = new Set<string>()
    for (const line of text.trimEnd().split('\n')) {
      const [, type] = /^# TYPE (gatehouse_\w+) (?:counter|gauge|histogram)$/.exec(line) ?? []
      if (type !== undefined) {
        expect(typed).not.toContain(type)
        typed.add(type)
      } else if (!/^# HELP gatehouse_\w+ \S/.test(line)) this.#add(line, typed)
    }
  }

  #add(line: string, typed: ReadonlySet<string>): void {
    const [, series, name, value] =
      /^((gatehouse_\w+)(?:\{(?:\w+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) (\S+)$/.exec(line) ?? []
    if (series === undefined) throw new Error(`no line of the exposition format: ${line}`)
    expect(typed.has(name!) || typed.has(name!.replace(/_(bucket|sum|count)$/, ''))).toBe(true)
    expect(this.#samples.has(series)).toBe(false)
    expect(Number.isFinite(Number(value))).toBe(true)
    this.#samples.set(series, Number(value))
  }

  get series(): readonly string[] {
    return [...this.#samples.keys()]
  }

  /** Sum of all series with this name and these labels. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    let sum = 0
    for (const [series, value] of this.#samples) {
      if (series.split('{', 1)[0] !== name) continue
      if (wanted.every((pair) => series.includes(`{${pair}`) || series.includes(`,${pair}`))) sum += value
    }
    return sum
  }
}

/** Reads `/metrics` of an admin or probe listener. */
export async function readMetrics(port: number): Promise<MetricReading> {
  const reply = await request(port, requestBytes({ target: '/metrics', host: 'localhost' }))
  expect(reply.status).toBe(200)
  expect(reply.field('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  return new MetricReading(reply.text)
}
