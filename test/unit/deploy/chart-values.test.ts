// The chart's schema takes the values that it ships with and those of its check, and no misspelt or contradictory ones.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import type { JsonSchema } from '../../../gateway/config/json-schema.ts'
import { faultsIn } from '../docs/tiny-validator.ts'

const deploy = new URL('../../../deploy/', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, deploy), 'utf8')
const schema: JsonSchema = JSON.parse(read('helm/gatehouse/values.schema.json'))

test.each(['helm/gatehouse/values.yaml', 'verify/chart-values.yaml'])('%s is taken', (path) => {
  expect(faultsIn(parse(read(path)), schema, schema)).toEqual([])
})

test.each([
  [{ gatway: {} }, '$: additional gatway'],
  [{ gateway: { replica: 3 } }, '$.gateway: additional replica'],
  [{ gateway: { replicas: 0 } }, '$.gateway.replicas: range'],
  [{ settings: { listen: ':8081' } }, '$.settings: additional listen'],
  [{ image: { tag: '1' } }, '$.image: required repository'],
  [{ service: { type: 'Balancer' } }, '$.service.type: enum'],
])('%j is refused: %s', (values, fault) => {
  expect(faultsIn(values, schema, schema)).toEqual([fault])
})
