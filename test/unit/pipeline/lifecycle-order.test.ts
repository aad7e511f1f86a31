import { expect, test } from 'vitest'
import { denial } from '../../../gateway/base/denial.ts'
import { type Reason, reasons } from '../../../gateway/base/reasons.ts'
import { jsonAnswer } from '../../../gateway/pipeline/exchange/answer.ts'
import { endReasons } from '../../../gateway/pipeline/exchange/end-reasons.ts'
import type { Credentialed, Placed, Shaped, Sized, Valid } from '../../../gateway/pipeline/exchange/exchange.ts'
import { LifecycleBuilder } from '../../../gateway/pipeline/exchange/lifecycle-builder.ts'
import { phase, waitingPhase } from '../../../gateway/pipeline/exchange/phase.ts'
import { checkLifecycle, lifecycle } from '../../../gateway/pipeline/lifecycle.ts'
import { admit } from '../../../gateway/pipeline/phases/admit.ts'
import { allowOrigin } from '../../../gateway/pipeline/phases/allow-origin.ts'
import { answerCheck } from '../../../gateway/pipeline/phases/answer-check.ts'
import { answerReserved } from '../../../gateway/pipeline/phases/answer-reserved.ts'
import { authenticate } from '../../../gateway/pipeline/phases/authenticate.ts'
import { authorize } from '../../../gateway/pipeline/phases/authorize.ts'
import { checkAddress } from '../../../gateway/pipeline/phases/check-address.ts'
import { checkBody } from '../../../gateway/pipeline/phases/check-body.ts'
import { checkRevocation } from '../../../gateway/pipeline/phases/check-revocation.ts'
import { checkUpgrade } from '../../../gateway/pipeline/phases/check-upgrade.ts'
import { checkValidity, checkValidityOfCheck } from '../../../gateway/pipeline/phases/check-validity.ts'
import { consumeProof } from '../../../gateway/pipeline/phases/consume-proof.ts'
import { continueTrace } from '../../../gateway/pipeline/phases/continue-trace.ts'
import { forward } from '../../../gateway/pipeline/phases/forward.ts'
import { guardRequest } from '../../../gateway/pipeline/phases/guard-request.ts'
import { limitAddress } from '../../../gateway/pipeline/phases/limit-address.ts'
import { limitSubject } from '../../../gateway/pipeline/phases/limit-subject.ts'
import { matchRoute } from '../../../gateway/pipeline/phases/match-route.ts'
import { obtainCredential } from '../../../gateway/pipeline/phases/obtain-credential.ts'
import { provePossession } from '../../../gateway/pipeline/phases/prove-possession.ts'
import { readCredential } from '../../../gateway/pipeline/phases/read-credential.ts'
import { reserveAudit } from '../../../gateway/pipeline/phases/reserve-audit.ts'
import { resolveClient } from '../../../gateway/pipeline/phases/resolve-client.ts'
import { sampleTrace } from '../../../gateway/pipeline/phases/sample-trace.ts'
import { selectUpstream } from '../../../gateway/pipeline/phases/select-upstream.ts'
import { settle } from '../../../gateway/pipeline/phases/settle.ts'
import { shapeRequest } from '../../../gateway/pipeline/phases/shape-request.ts'

// docs/design/architecture.md §3: a phase compiles only after the phases that it depends on. `npm run check` compiles
// this file. If a wrong order compiles, its `@ts-expect-error` is unused, which is an error.

test('a lifecycle with phases in a wrong order does not compile', () => {
  const begin = LifecycleBuilder.begin()
  const traced = begin.next(guardRequest).next(resolveClient).next(matchRoute).next(continueTrace)
  const placed = traced.next(checkUpgrade).next(checkBody).next(checkAddress)

  // @ts-expect-error match-route needs guard-request
  begin.next(matchRoute)
  // @ts-expect-error match-route needs the client address from resolve-client
  begin.next(guardRequest).next(matchRoute)
  // @ts-expect-error check-address needs the route
  begin.next(guardRequest).next(resolveClient).next(checkAddress)
  // @ts-expect-error read-credential needs check-address
  traced.next(checkBody).next(readCredential)
  // @ts-expect-error authenticate needs limit-address
  placed.next(readCredential).next(authenticate)
  // @ts-expect-error limit-address needs admit
  placed.next(readCredential).next(limitAddress)
  const limited = placed.next(readCredential).next(admit).next(limitAddress)
  // @ts-expect-error authorize needs authenticate
  limited.next(authorize)
  // @ts-expect-error authorize needs check-revocation
  limited.next(authenticate).next(authorize)
  const unrevoked = limited.next(authenticate).next(checkRevocation)
  // @ts-expect-error authorize needs prove-possession
  unrevoked.next(authorize)
  const confirmed = unrevoked.next(provePossession)
  // @ts-expect-error consume-proof needs authorize
  confirmed.next(consumeProof)
  // @ts-expect-error limit-subject needs consume-proof
  confirmed.next(authorize).next(limitSubject)
  const consumed = confirmed.next(authorize).next(consumeProof)
  // @ts-expect-error select-upstream needs limit-subject
  consumed.next(selectUpstream)
  // @ts-expect-error select-upstream needs authorize
  confirmed.next(selectUpstream)
  const recorded = consumed.next(limitSubject).next(sampleTrace).next(reserveAudit)
  // @ts-expect-error forward needs authorize
  confirmed.next(forward)
  // @ts-expect-error select-upstream needs obtain-credential
  recorded.next(selectUpstream)
  const credentialed = recorded.next(obtainCredential)
  // @ts-expect-error forward needs shape-request
  credentialed.next(selectUpstream).next(forward)
  // @ts-expect-error answer-check needs limit-subject
  consumed.next(answerCheck)
  // @ts-expect-error select-upstream needs reserve-audit
  consumed.next(limitSubject).next(selectUpstream)
  // @ts-expect-error a lifecycle must end with forward or answer-check
  credentialed.next(selectUpstream).next(shapeRequest).end([], settle)
  const shaped = credentialed.next(selectUpstream).next(shapeRequest)
  // @ts-expect-error forward needs check-validity after the last wait
  shaped.next(forward)
  // @ts-expect-error answer-check needs check-validity after the last wait
  credentialed.next(answerCheck)
  shaped.next(checkValidity).next(forward).end([], settle)
  // @ts-expect-error check-validity of a check needs obtain-credential, which may wait
  recorded.next(checkValidityOfCheck)
  credentialed.next(checkValidityOfCheck).next(answerCheck).end([], settle)

  expect(lifecycle.request.map((phase) => phase.name)).toEqual([
    'guard-request',
    'resolve-client',
    'check-certificate',
    'answer-reserved',
    'answer-preflight',
    'match-route',
    'allow-origin',
    'continue-trace',
    'check-upgrade',
    'check-body',
    'check-address',
    'read-credential',
    'admit',
    'limit-address',
    'authenticate',
    'check-revocation',
    'prove-possession',
    'authorize',
    'consume-proof',
    'limit-subject',
    'sample-trace',
    'reserve-audit',
    'answer-max-forwards',
    'obtain-credential',
    'select-upstream',
    'shape-request',
    'check-validity',
    'forward',
  ])
})

test('a forward-auth check runs the phases from match-route to reserve-audit in the same order as a forwarded request', () => {
  const names = ({ request }: typeof lifecycle) => request.map(({ name }) => name)
  const decisive = names(lifecycle).slice(
    names(lifecycle).indexOf('match-route'),
    names(lifecycle).indexOf('answer-max-forwards'),
  )

  expect(names(checkLifecycle)).toEqual([
    'guard-request',
    'resolve-client',
    'check-certificate',
    'read-check',
    ...decisive,
    'obtain-credential',
    'check-validity',
    'answer-check',
  ])
})

/** Phases that a later version can add between `check-validity` and `forward`, such as a token exchange. */
const synchronous = phase<Valid<Shaped>, Valid<Shaped>>()({
  name: 'added-later',
  waits: false,
  denies: [],
  run: () => undefined,
})
const waiting = waitingPhase<Valid<Shaped>, Valid<Shaped>>()({
  name: 'added-later',
  waits: 'for a token exchange',
  denies: [],
  run: async () => undefined,
})
const waitingCheck = waitingPhase<Valid<Credentialed>, Valid<Credentialed>>()({
  name: 'added-later',
  waits: 'for a token exchange',
  denies: [],
  run: async () => undefined,
})

test('a lifecycle that has a phase with a wait between check-validity and its last phase does not compile', () => {
  const credentialed = LifecycleBuilder.begin()
    .next(guardRequest)
    .next(resolveClient)
    .next(matchRoute)
    .next(allowOrigin)
    .next(continueTrace)
    .next(checkUpgrade)
    .next(checkBody)
    .next(checkAddress)
    .next(readCredential)
    .next(admit)
    .next(limitAddress)
    .next(authenticate)
    .next(checkRevocation)
    .next(provePossession)
    .next(authorize)
    .next(consumeProof)
    .next(limitSubject)
    .next(sampleTrace)
    .next(reserveAudit)
    .next(obtainCredential)
  const valid = credentialed.next(selectUpstream).next(shapeRequest).next(checkValidity)

  valid.next(synchronous).next(forward).end([], settle)
  // @ts-expect-error the credential can have been revoked during the wait
  valid.next(waiting).next(forward)
  valid.next(waiting).next(checkValidity).next(forward).end([], settle)
  // @ts-expect-error in a forward-auth check too, the credential can have been revoked during the wait
  credentialed.next(checkValidityOfCheck).next(waitingCheck).next(answerCheck)

  for (const { request } of [lifecycle, checkLifecycle]) {
    const names = request.map(({ name }) => name)
    const waits = request.filter(({ waits }) => waits !== false).map(({ name }) => name)
    expect(Math.max(...waits.map((name) => names.indexOf(name)))).toBeLessThan(names.indexOf('check-validity'))
    expect(names.indexOf('check-validity')).toBe(names.length - 2)
  }
})

test('a phase that returns a promise but does not declare a wait does not compile', () => {
  const hidden = phase<Valid<Shaped>, Valid<Shaped>>()({
    name: 'hidden',
    waits: false,
    denies: [],
    // @ts-expect-error a phase that can wait must be a waiting phase, which names its dependencies
    run: async () => undefined,
  })
  const silent = waitingPhase<Valid<Shaped>, Valid<Shaped>>()({
    name: 'silent',
    // @ts-expect-error a waiting phase must name the dependencies that it waits for
    waits: false,
    denies: [],
    run: async () => undefined,
  })

  expect([hidden, silent]).toMatchObject([{ waits: false }, { waits: false }])
})

test('a phase compiles only if `denies` and `answers` list exactly the reasons that its `run` returns', () => {
  const addressDenied = denial('address-denied')
  const rateLimited = denial('rate-limited')
  const either = (x: Sized) => (x.nowMs > 0 ? addressDenied : x.nowMs < 0 ? rateLimited : undefined)
  const answered = () => jsonAnswer('{}')
  const common = { name: 'added-later', waits: false } as const
  const placed = LifecycleBuilder.begin()
    .next(guardRequest)
    .next(resolveClient)
    .next(matchRoute)
    .next(continueTrace)
    .next(checkUpgrade)
    .next(checkBody)
  const define = phase<Sized, Placed>()

  placed.next(define({ ...common, denies: ['address-denied', 'rate-limited'], run: either }))
  // @ts-expect-error `denies` lacks the reason rate-limited, which `run` can return
  placed.next(define({ ...common, denies: ['address-denied'], run: either }))
  // @ts-expect-error `denies` lists the reason role-missing, which `run` never returns
  placed.next(define({ ...common, denies: ['address-denied', 'rate-limited', 'role-missing'], run: either }))
  // @ts-expect-error `denies` lists a reason, but `run` never denies
  placed.next(define({ ...common, denies: ['address-denied'], run: () => undefined }))
  placed.next(define({ ...common, denies: [], answers: ['answered'], run: answered }))
  // @ts-expect-error `answers` lacks the reason answered, which `run` returns
  placed.next(define({ ...common, denies: [], run: answered }))
  // @ts-expect-error `denies` must not list answered, which is a reply of the gate and no denial
  placed.next(define({ ...common, denies: ['answered'], run: answered }))

  const later = waitingPhase<Sized, Placed>()
  const waits = { name: 'added-later', waits: 'for Redis' } as const
  placed.next(later({ ...waits, denies: ['address-denied', 'rate-limited'], run: async (x) => either(x) }))
  // @ts-expect-error `denies` lacks the reason rate-limited, which `run` can return
  placed.next(later({ ...waits, denies: ['address-denied'], run: async (x) => either(x) }))
})

test('every reason of the gate is listed by a phase or among the reasons for ends outside the phases', () => {
  const listed = new Set<Reason>(endReasons)
  for (const { request } of [lifecycle, checkLifecycle]) {
    for (const { denies, answers, throws } of request) {
      for (const reason of [...denies, ...answers, ...throws]) listed.add(reason)
    }
  }

  expect([...listed].sort()).toEqual(Object.keys(reasons).sort())
})

/**
 * Reasons in the order of their phases. If several of the reasons apply to a request, the first one ends the exchange.
 */
const precedence: readonly Reason[] = [
  'framing-length',
  'proxied-address',
  'route-unknown',
  'body-too-large',
  'address-denied',
  'credential-malformed',
  'address-limited',
  'token-signature',
  'token-revoked',
  'proof-key',
  'scope-missing',
  'proof-replayed',
  'rate-limited',
  'audit-unavailable',
  'upstream-unreachable',
]

test.each(precedence.slice(1).map((later, i) => [precedence[i]!, later] as const))(
  'a phase that ends an exchange with %s runs before the first phase that ends it with %s',
  (earlier, later) => {
    const { request } = lifecycle
    // `answer-reserved` replies only to reserved paths of the gate, which never reach the later phases.
    const shared = request.filter(({ name }) => name !== answerReserved.name)
    const firstWith = (reason: Reason) =>
      shared.findIndex(({ denies, throws }) => [...denies, ...throws].includes(reason))

    expect(firstWith(earlier)).toBeGreaterThanOrEqual(0)
    expect(firstWith(earlier)).toBeLessThan(firstWith(later))
  },
)
