import { outageTerms } from '../services/on-outage.ts'
import { acceptedIssuersEffect, requirementEffect, schemesEffect } from './caller-effect.ts'
import { areWithin } from './condition-atom.ts'
import { combined, type Effect, membersAdmit, moreAdmits } from './effect.ts'
import { limitsEffect } from './limit-effect.ts'
import { type ComparedRoute, isSame } from './policy-side.ts'

/**
 * A key of a route whose effective value differs in the new policy, with the effect of the change on the admitted
 * requests.
 */
export interface KeyDifference {
  /** Changed policy key of the route, or of its service. */
  readonly key: string
  readonly effect: Effect
  /**
   * Values of the changed key with all defaults, as `gatehouse check --print` prints them; absent for a key without a
   * value.
   */
  readonly before?: unknown
  readonly after?: unknown
}

type Compare = (before: ComparedRoute, after: ComparedRoute) => Effect

const unchanged: Compare = () => 'none'
const unknown: Compare = () => 'incomparable'

/**
 * For each key of a route: the effect of its change on the admitted requests. A change of a key that is not listed here
 * is `incomparable`.
 */
const ofRoute: Readonly<Record<string, Compare>> = {
  id: unchanged,
  match: unchanged,
  require: requirementEffect,
  accept: schemesEffect,
  basic: schemesEffect,
  addresses: ({ entry: old }, { entry: now }) => {
    const [allOld, allNow] = [old.addresses ?? {}, now.addresses ?? {}]
    return combined([areWithin(allNow, allOld) ? 'none' : 'wider', areWithin(allOld, allNow) ? 'none' : 'narrower'])
  },
  body: ({ route: old }, { route: now }) => moreAdmits(orNoLimit(old.maxBodyBytes), orNoLimit(now.maxBodyBytes)),
  timeouts: unchanged,
  retry: unchanged,
  credentials: ({ route: old }, { route: now }) =>
    old.credential.type === 'token_exchange' || now.credential.type === 'token_exchange' ? 'incomparable' : 'none',
  cors: unknown,
  grpc: ({ route: old }, { route: now }) => moreAdmits(old.grpcMessageMaxBytes ?? -1, now.grpcMessageMaxBytes ?? -1),
  websocket: websocketEffect,
  // Report no effect of changed limits here, because they have their own list. `limitsEffect` compares them only for
  // requests that reach another route than before.
  limits: unchanged,
  rewrite: unchanged,
  on_outage: outageEffect,
  streams: streamsEffect,
  priority: unchanged,
  audit: ({ route: old }, { route: now }) =>
    moreAdmits(Number(old.audit.whenFull === 'open'), Number(now.audit.whenFull === 'open')),
  shadow: unchanged,
}

/**
 * For each key of a service that is not repeated in its routes: the effect of its change on the requests that the
 * routes admit. A route repeats the other keys of its service, such as `cors`.
 */
const ofService: Readonly<Record<string, Compare>> = {
  issuers: acceptedIssuersEffect,
  protocol: unknown,
  encoded_slashes: ({ service: old }, { service: now }) =>
    moreAdmits(Number(old.encoded_slashes === 'keep'), Number(now.encoded_slashes === 'keep')),
  path_parameters: ({ service: old }, { service: now }) =>
    moreAdmits(Number(old.path_parameters === 'allow'), Number(now.path_parameters === 'allow')),
  chunked: ({ service: old }, { service: now }) =>
    moreAdmits(Number(old.chunked === 'accept'), Number(now.chunked === 'accept')),
}

/**
 * Compares all keys of a route in the old and the new policy. Its limits, and which requests it matches, are compared
 * elsewhere.
 *
 * @returns only keys whose effective value or meaning differs
 */
export function keyDifferences(before: ComparedRoute, after: ComparedRoute): KeyDifference[] {
  const names = new Set([...Object.keys(before.printed), ...Object.keys(after.printed)])
  names.delete('id')
  names.delete('limits')
  const own = [...names].flatMap((key) =>
    changeOf(key, ofRoute[key] ?? unknown, before.printed, after.printed, [before, after]),
  )
  const shared = Object.entries(ofService).flatMap(([key, compare]) =>
    changeOf(key, compare, before.printedService, after.printedService, [before, after]),
  )
  return [...own, ...shared.filter(({ effect }) => effect !== 'none')]
}

function changeOf(
  key: string,
  compare: Compare,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  routes: readonly [ComparedRoute, ComparedRoute],
): KeyDifference[] {
  const differs = !isSame(before[key], after[key])
  // Compare the meaning too: even if the text of a key is unchanged, its meaning can change with the issuer or role
  // that it names.
  const effect =
    differs || compare === acceptedIssuersEffect || compare === requirementEffect ? compare(...routes) : 'none'
  return differs || effect !== 'none' ? [{ key, effect, before: before[key], after: after[key] }] : []
}

/**
 * Returns the effect on requests that match the route `after` in the new policy and matched the route `before` in the
 * old one. The two routes can belong to different services, and have different limits.
 */
export function handOverEffect(before: ComparedRoute, after: ComparedRoute): Effect {
  const effects = keyDifferences(before, after).map(({ effect }) => effect)
  return combined([...effects, limitsEffect(before.route.limits, after.route.limits)])
}

function orNoLimit(value: number | undefined): number {
  return value ?? Number.POSITIVE_INFINITY
}

function websocketEffect(
  { route: { websocket: old } }: ComparedRoute,
  { route: { websocket: now } }: ComparedRoute,
): Effect {
  if (old === undefined || now === undefined) return moreAdmits(Number(old !== undefined), Number(now !== undefined))
  const rest = ({ subprotocols, maxMessageBytes, messageLimits }: typeof old) => [
    subprotocols && [...subprotocols],
    maxMessageBytes,
    messageLimits,
  ]
  return combined([
    membersAdmit(old.origins, now.origins),
    moreAdmits(Number(old.tokenInProtocol), Number(now.tokenInProtocol)),
    isSame(rest(old), rest(now)) ? 'none' : 'incomparable',
  ])
}

const outages = ['closed', 'local', 'open']

/** Returns the effective `on_outage.limits` of a route, also of a route without limits. */
function limitsOutage({ policy, service, entry }: ComparedRoute): string {
  return outageTerms(policy.document.on_outage, service.on_outage, entry.on_outage).limits
}

function outageEffect(before: ComparedRoute, after: ComparedRoute): Effect {
  const [{ route: old }, { route: now }] = [before, after]
  const [stale, staleAfter] = [old.introspection.staleMs, now.introspection.staleMs]
  const introspection =
    (stale === undefined) !== (staleAfter === undefined) ? 'incomparable' : moreAdmits(stale ?? 0, staleAfter ?? 0)
  return combined([
    introspection,
    moreAdmits(outages.indexOf(limitsOutage(before)), outages.indexOf(limitsOutage(after))),
    moreAdmits(old.revocationStaleMs, now.revocationStaleMs),
    moreAdmits(Number(old.replayOnOutage === 'node'), Number(now.replayOnOutage === 'node')),
  ])
}

function streamsEffect({ route: { streams: old } }: ComparedRoute, { route: { streams: now } }: ComparedRoute): Effect {
  const hold =
    (old.holdMs === undefined) !== (now.holdMs === undefined)
      ? 'incomparable'
      : moreAdmits(old.holdMs ?? 0, now.holdMs ?? 0)
  return combined([
    moreAdmits(orNoLimit(old.max), orNoLimit(now.max)),
    moreAdmits(orNoLimit(old.maxPerSubject), orNoLimit(now.maxPerSubject)),
    moreAdmits(orNoLimit(old.maxAgeMs), orNoLimit(now.maxAgeMs)),
    moreAdmits(orNoLimit(old.idleMs), orNoLimit(now.idleMs)),
    hold,
    moreAdmits(Number(old.keeps), Number(now.keeps)),
  ])
}
