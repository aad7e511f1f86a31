import { performance } from 'node:perf_hooks'
import { GatewayFault } from '../../base/fault.ts'
import { safeMethods } from '../../base/methods.ts'
import { Supervisor } from '../../base/supervisor.ts'
import { fail } from './driver.ts'
import type { Shaped } from './exchange.ts'
import { isRepeatable } from './repeatable.ts'
import { RetryState } from './retry-state.ts'

const renewal = new Supervisor('credential-renewal')

/** Steps of `forward` that repeat a request with a newer credential. */
interface RepeatSteps {
  /** Validates the credential of the client again. @returns false after ending the exchange */
  isValid(): boolean
  /** Sends the request to the service again, on a new connection. */
  send(): void
}

/**
 * Handles a 401 of the service to a credential of the gate. Sends the request again, once, with a newer credential, if
 * the request is repeatable. Otherwise the exchange ends with 502, without the challenge of the service, and the newer
 * credential serves the next requests.
 *
 * @returns false when the 401 passes to the client
 */
export function isCredentialRefused(x: Shaped, steps: RepeatSteps): boolean {
  const { credential } = x.route
  const { upstreamCredential: refused } = x
  if (refused === undefined || credential.replace === undefined) return false
  const isReplaced = x.retryState?.isCredentialReplaced === true
  const repeats = isRepeatable(x, safeMethods) && !isReplaced
  const newer = isReplaced ? undefined : credential.replace(x, x.gate, refused)
  if (credential.passesRefusal === true && !(repeats && newer !== undefined)) return false
  x.call!.abort()
  if (!repeats || newer === undefined) {
    if (newer instanceof Promise) void renewal.attempt(() => newer)
    fail(x, refusedFault(x))
  } else if (newer instanceof Promise) {
    void renewal.attempt(async () => {
      const late = await newer
      x.readClock()
      if (!x.aborted && !x.settled) sendAgain(x, late, steps)
    })
  } else sendAgain(x, newer, steps)
  return true
}

function sendAgain(x: Shaped, credential: string | undefined, { isValid, send }: RepeatSteps): void {
  if (credential === undefined) {
    fail(x, refusedFault(x))
    return
  }
  if (!isValid()) return
  x.retryState ??= new RetryState()
  x.retryState.isCredentialReplaced = true
  x.retryState.add(performance.now(), 'credential', x.target)
  x.runtime.balancers[x.route.service.index]?.retries.count('credential', 'retried')
  x.upstreamCredential = credential
  const { requestFields: fields } = x
  const { field } = x.route.credential
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === field) fields[i + 1] = credential
  // Use a new connection to the service: a pooled one may be closed already, and the request must not be sent a third
  // time.
  send()
}

function refusedFault({ route, retryState }: Shaped): GatewayFault {
  const { credential, service } = route
  const renewed = retryState?.isCredentialReplaced === true ? ', also after its renewal' : ''
  const message =
    `service ${service.id} replied 401 to the gate's credential (${credential.type})${renewed}; ` +
    `check services.${service.id}.credentials in the policy, and the service`
  return new GatewayFault('upstream-credential-refused', 'upstream', message)
}
