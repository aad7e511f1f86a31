import { expect, test } from 'vitest'
import { denial } from '../../../gateway/base/denial.ts'
import { GatewayFault } from '../../../gateway/base/fault.ts'
import { jsonAnswer } from '../../../gateway/pipeline/exchange/answer.ts'
import { undeclaredEnd, undeclaredFault, undeclaredVerdict } from '../../kit/undeclared-reason.ts'

// Nodes that tests start report a phase that ends an exchange with a reason that the phase does not list. They accept
// `node-fault` and unexpected exceptions of every phase.

const phase = {
  name: 'read-credential',
  denies: ['credential-missing'],
  answers: ['login-required'],
  throws: ['store-unavailable'],
} as const
const silent = { ...phase, denies: [], answers: [], throws: [] }

test('the test kit reports a phase that denies with a reason that it does not list in `denies`', () => {
  expect(undeclaredVerdict(phase, undefined)).toBeUndefined()
  expect(undeclaredVerdict(phase, denial('credential-missing'))).toBeUndefined()
  expect(undeclaredVerdict(silent, denial('credential-missing'))).toContain('its denies must list')
})

test('the test kit reports a phase whose gate reply has a reason that it does not list in `answers`', () => {
  const reply = jsonAnswer('{}')

  expect(undeclaredVerdict({ ...phase, answers: ['answered'] }, reply)).toBeUndefined()
  expect(undeclaredVerdict({ ...phase, denies: ['answered'] }, reply)).toContain('its answers must list')
})

test('the test kit reports a phase that throws a fault with a reason that it does not list in `throws`', () => {
  const fault = new GatewayFault('store-unavailable', 'store', 'Redis did not reply in time')

  expect(undeclaredFault(phase, fault)).toBeUndefined()
  expect(undeclaredFault(silent, fault)).toContain('its throws must list')
})

test('the test kit accepts a phase that throws a node-fault or an exception, although it does not list them in `throws`', () => {
  expect(undeclaredFault(silent, new GatewayFault('node-fault', 'node', 'internal error'))).toBeUndefined()
  expect(undeclaredFault(silent, new TypeError('x is undefined'))).toBeUndefined()
})

test('the test kit reports a phase that ends an exchange with a reason that is neither in `forward` nor in `endReasons`', () => {
  expect(undeclaredEnd(phase, 'store-unavailable')).toBeUndefined()
  expect(undeclaredEnd(silent, 'client-gone')).toBeUndefined()
  expect(undeclaredEnd(silent, 'store-unavailable')).toContain('endReasons must list')
})
