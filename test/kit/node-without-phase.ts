import { serve } from '../../gateway/main.ts'
import type { Exchange } from '../../gateway/pipeline/exchange/exchange.ts'
import type { Step } from '../../gateway/pipeline/exchange/steps.ts'
import { lifecycle } from '../../gateway/pipeline/lifecycle.ts'

// A node with security holes, for tests that check whether the suite finds such holes: `serve` without the phases that
// GATEHOUSE_DEMO_WITHOUT_PHASES names, separated by commas. Without `check-revocation`, later phases ignore revocations
// too.

const without = process.env['GATEHOUSE_DEMO_WITHOUT_PHASES']?.split(',') ?? []
const request = lifecycle.request.filter(({ name }) => !without.includes(name))
if (request.length !== lifecycle.request.length - without.length) throw new Error(`unknown phase in ${without}`)

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
if (without.includes('check-revocation')) request.unshift(ignoreRevocations)

const config = process.argv[process.argv.indexOf('--config') + 1]
await serve({ config, flags: {}, lifecycle: { ...lifecycle, request } })
