import { serve } from '../../gateway/main.ts'
import { lifecycle } from '../../gateway/pipeline/lifecycle.ts'

// A node with a hole, for the tests of tests: `serve` with the phase named by GATEHOUSE_DEMO_WITHOUT_PHASE taken out.

const without = process.env['GATEHOUSE_DEMO_WITHOUT_PHASE']
const request = lifecycle.request.filter((phase) => phase.name !== without)
if (request.length === lifecycle.request.length) throw new Error(`there is no phase ${without}`)

const config = process.argv[process.argv.indexOf('--config') + 1]
await serve({ config, flags: {}, lifecycle: { ...lifecycle, request } })
