import '../../gateway/config/interpret-schemas.ts'
import type { Exchange } from '../../gateway/pipeline/exchange/exchange.ts'
import type { Step, Verdict } from '../../gateway/pipeline/exchange/steps.ts'
import { checkLifecycle, lifecycle } from '../../gateway/pipeline/lifecycle.ts'
import { forward } from '../../gateway/pipeline/phases/forward.ts'
import { settle } from '../../gateway/pipeline/phases/settle.ts'
import { undeclaredEnd, undeclaredFault, undeclaredVerdict } from './undeclared-reason.ts'

// This module is preloaded into the nodes of the tests. When a phase ends an exchange with a reason that the phase does
// not list, the module writes a line to the error output. That line fails the test file.

for (const step of new Set([...lifecycle.request, ...checkLifecycle.request]))
  Object.assign(step, { run: checked(step) })
Object.assign(settle, { run: checkedEnd(settle.run) })

function checked(step: Step): Step['run'] {
  const { run } = step
  const accept = <V extends Verdict>(verdict: V): V => {
    report(undeclaredVerdict(step, verdict))
    return verdict
  }
  const fail = (error: unknown): never => {
    report(undeclaredFault(step, error))
    throw error
  }
  return (x) => {
    try {
      const verdict = run(x)
      return verdict instanceof Promise ? verdict.then(accept, fail) : accept(verdict)
    } catch (error) {
      return fail(error)
    }
  }
}

/**
 * Checks the reasons of exchanges that end after the phase `forward` has returned: events of the upstream connection
 * end such exchanges.
 */
function checkedEnd(run: (x: Exchange) => void): (x: Exchange) => void {
  return (x) => {
    if (x.forwardedAt !== 0) report(undeclaredEnd(forward, x.reason))
    run(x)
  }
}

function report(undeclared: string | undefined): void {
  if (undeclared !== undefined) console.error(undeclared)
}
