import type { ReplyOf } from '../api/call.ts'

/** One line of the difference of two policies. */
export interface EffectLine {
  readonly id: string
  /** Kind and name of the changed entry, such as `route orders.read`. */
  readonly place: string
  readonly change: string
  /** Whether the change may admit more than before. */
  readonly widens: boolean
  readonly before: string
  readonly after: string
}

type Difference = ReplyOf<'compare_policy'>
type Route = Difference['routes'][number]

/** Returns the changes of a difference as lines: changes that may admit more come first. */
export function effectLines(difference: Difference): EffectLine[] {
  const { routes, limits, credentials, upstreams, issuers, services, relaxations } = difference
  const entries = [...limits, ...credentials, ...upstreams, ...issuers, ...services]
  const lines = [
    ...routes.flatMap(routeLines),
    ...entries.map(({ place, change, widens, before, after }) => ({
      place,
      change,
      widens,
      before: valueText(differingPart(before, after)),
      after: valueText(differingPart(after, before)),
    })),
    ...relaxations.added.map((text) => relaxationLine(text, 'added')),
    ...relaxations.removed.map((text) => relaxationLine(text, 'removed')),
  ]
  return lines
    .sort((a, b) => Number(b.widens) - Number(a.widens))
    .map((line, index) => ({ ...line, id: `${index} ${line.place}` }))
}

type Line = Omit<EffectLine, 'id'>

function routeLines({ route, service, change, widens, keys, takes, loses }: Route): Line[] {
  const place = `route ${route} of ${service}`
  const taken = takes.map(({ from }) => from ?? 'no route')
  const lost = loses.map((to) => to ?? 'no route')
  const moved = [
    ...(taken.length === 0 ? [] : [`matches requests of ${taken.join(', ')}`]),
    ...(lost.length === 0 ? [] : [`loses requests to ${lost.join(', ')}`]),
  ]
  return [
    { place, change: [change, ...moved].join('; '), widens, before: '', after: '' },
    ...keys.map(({ key, effect, before, after }) => ({
      place: `${place}: ${key}`,
      change: effect === 'none' ? 'other value' : effect,
      widens: effect === 'wider' || effect === 'incomparable',
      before: valueText(before),
      after: valueText(after),
    })),
  ]
}

function relaxationLine(text: string, change: string): Line {
  return { place: `relaxation ${text}`, change, widens: change === 'added', before: '', after: '' }
}

/** Members of an object that another object does not have with the same value; other values as they are. */
function differingPart(value: unknown, other: unknown): unknown {
  if (!isObject(value) || !isObject(other)) return value
  return Object.fromEntries(
    Object.entries(value).filter(([name, member]) => JSON.stringify(member) !== JSON.stringify(other[name])),
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Value of a policy as text: texts as they are, other values as JSON; empty for no value. */
function valueText(value: unknown): string {
  if (value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}
