import type { EntryDifference, PolicyDifference, RouteDifference } from '../policy/difference/policy-difference.ts'
import type { KeyDifference } from '../policy/difference/route-effects.ts'

/** Words with which `gatehouse diff` describes each kind of change of a route. */
const changes: Readonly<Record<RouteDifference['change'], string>> = {
  added: 'added',
  removed: 'removed',
  public: 'becomes public',
  wider: 'wider',
  narrower: 'narrower',
  changed: 'changed, and may admit other requests than before',
  unreachable: 'unreachable: no request can meet its requirement',
  settings: 'admits the same requests, with other settings',
}

/** Formats the difference of two policies as lines of text, the routes first. */
export function differenceLines(difference: PolicyDifference): string[] {
  if (difference.equal) return ['the policies are equal']
  const { routes, limits, credentials, upstreams, issuers, services, relaxations, widens } = difference
  return [
    ...routes.flatMap(routeLines),
    ...[limits, credentials, upstreams, issuers, services].flat().flatMap(entryLines),
    ...relaxations.added.map((relaxation) => `relaxation added: ${relaxation}`),
    ...relaxations.removed.map((relaxation) => `relaxation removed: ${relaxation}`),
    widens
      ? 'the new policy admits requests that the old policy does not, or may do so'
      : 'the new policy admits no request that the old policy does not',
  ]
}

function routeLines(difference: RouteDifference): string[] {
  const { route, service, change, widens, keys, takes, loses } = difference
  const isPublic = difference.public && change === 'added' ? ', public' : ''
  const admits = widens && change === 'added' ? ', and may admit requests that were not admitted before' : ''
  return [
    `services.${service}.routes[${route}]: ${changes[change]}${isPublic}${admits}`,
    ...keys.map(keyLine),
    ...takes.map(({ from, effect }) => {
      const source = from === null ? 'that matched no route' : `of route ${from}`
      return `  matches requests ${source}${marked(effect)}`
    }),
    ...loses.map(
      (to) => `  no longer matches requests that ${to === null ? 'match no route' : `route ${to} matches`} now`,
    ),
  ]
}

function keyLine({ key, effect, before, after }: KeyDifference): string {
  const values = textOf(before) === textOf(after) ? 'the names in it have another meaning' : changeOf(before, after)
  return `  ${key}: ${values}${marked(effect)}`
}

function entryLines({ place, change, before, after }: EntryDifference): string[] {
  if (change === 'added' || change === 'removed') return [`${place}: ${change}`]
  return [`${place}: ${change}`, `  ${changeOf(before, after)}`]
}

function changeOf(before: unknown, after: unknown): string {
  return `${textOf(before)} -> ${textOf(after)}`
}

function textOf(value: unknown): string {
  return value === undefined ? 'none' : typeof value === 'string' ? value : JSON.stringify(value)
}

function marked(effect: KeyDifference['effect']): string {
  if (effect === 'none') return ''
  return effect === 'incomparable' ? ' (not comparable)' : ` (${effect})`
}
