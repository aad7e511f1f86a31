import { expect, test } from 'vitest'
import { lifecycle } from '../../../gateway/pipeline/lifecycle.ts'
import { LifecycleBuilder } from '../../../gateway/pipeline/phase.ts'
import { authenticate } from '../../../gateway/pipeline/phases/authenticate.ts'
import { authorize } from '../../../gateway/pipeline/phases/authorize.ts'
import { checkAddress } from '../../../gateway/pipeline/phases/check-address.ts'
import { checkBody } from '../../../gateway/pipeline/phases/check-body.ts'
import { forward } from '../../../gateway/pipeline/phases/forward.ts'
import { guardRequest } from '../../../gateway/pipeline/phases/guard-request.ts'
import { matchRoute } from '../../../gateway/pipeline/phases/match-route.ts'
import { readCredential } from '../../../gateway/pipeline/phases/read-credential.ts'
import { selectUpstream } from '../../../gateway/pipeline/phases/select-upstream.ts'
import { settle } from '../../../gateway/pipeline/phases/settle.ts'
import { shapeRequest } from '../../../gateway/pipeline/phases/shape-request.ts'

// ARCHITECTURE: a phase is accepted only where what it needs has been proven. `npm run check` compiles this file, so an
// order that the compiler should refuse and does not is an unused `@ts-expect-error`, which is an error.

test('a lifecycle in another order does not compile', () => {
  const begin = LifecycleBuilder.begin()
  const placed = begin.next(guardRequest).next(matchRoute).next(checkBody).next(checkAddress)

  // @ts-expect-error nothing is matched before the wire was guarded
  begin.next(matchRoute)
  // @ts-expect-error addresses are the route's, so a route comes first
  begin.next(guardRequest).next(checkAddress)
  // @ts-expect-error a credential is read only once the address may be here
  begin.next(guardRequest).next(matchRoute).next(checkBody).next(readCredential)
  // @ts-expect-error there is nobody to authorize before authentication
  placed.next(readCredential).next(authorize)
  // @ts-expect-error no upstream is chosen for a request that is not permitted
  placed.next(readCredential).next(authenticate).next(selectUpstream)
  // @ts-expect-error nothing is forwarded that was not permitted
  placed.next(readCredential).next(authenticate).next(forward)
  // @ts-expect-error nothing is forwarded with the fields that the client sent
  placed.next(readCredential).next(authenticate).next(authorize).next(selectUpstream).next(forward)
  // @ts-expect-error a lifecycle that does not forward is none
  placed.next(readCredential).next(authenticate).next(authorize).next(selectUpstream).next(shapeRequest).end([], settle)

  expect(lifecycle.request.map((phase) => phase.name)).toEqual([
    'guard-request',
    'answer-reserved',
    'match-route',
    'check-body',
    'check-address',
    'read-credential',
    'authenticate',
    'authorize',
    'select-upstream',
    'shape-request',
    'forward',
  ])
})
