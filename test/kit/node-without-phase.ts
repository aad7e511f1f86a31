import { serve } from '../../gateway/main.ts'
import type { Exchange } from '../../gateway/pipeline/exchange/exchange.ts'
import type { Step } from '../../gateway/pipeline/exchange/steps.ts'
import { lifecycle } from '../../gateway/pipeline/lifecycle.ts'

// A node with a security hole, for tests that check whether the suite finds such a hole: `serve` without the phase that
// GATEHOUSE_DEMO_WITHOUT_PHASE names. Without `check-revocation`, later phases ignore revocations too.

const without = process.env['GATEHOUSE_DEMO_WITHOUT_PHASE']
const request = lifecycle.request.filter((phase) => phase.name !== without)
if (request.length === lifecycle.request.length) throw new Error(`there is no phase ${without}`)

const ignoreRevocations: Step = {
  name: 'ignore-revocations',
  waits: false,
  denies: [],
  answers: [],
  throws: [],
  run(x: Exchange) {
    Object.assign(x, { gate: { ...x.gate, revocations: undefined } })
    return undefined
  },
}
if (without === 'check-revocation') request.unshift(ignoreRevocations)

const config = process.argv[process.argv.indexOf('--config') + 1]
await serve({ config, flags: {}, lifecycle: { ...lifecycle, request } })
