// The schema of the Helm chart accepts the default values of the chart and the values with which the chart is tested,
// and rejects misspelt and invalid values.

import { readFileSync, realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import type { JsonSchema } from '../../../gateway/config/json-schema.ts'
import { faultsIn } from '../docs/schema-faults.ts'

const deploy = new URL('../../../deploy/', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, deploy), 'utf8')
const schema: JsonSchema = JSON.parse(read('helm/gatehouse/values.schema.json'))

test.each(['helm/gatehouse/values.yaml', 'verify/chart-values.yaml'])(
  'the schema of the Helm chart accepts the values in %s',
  (path) => {
    expect(faultsIn(parse(read(path)), schema, schema)).toEqual([])
  },
)

test.each([
  [{ gatway: {} }, '/: must NOT have additional properties (gatway)'],
  [{ gateway: { replica: 3 } }, '/gateway: must NOT have additional properties (replica)'],
  [{ gateway: { replicas: 0 } }, '/gateway/replicas: must be >= 1'],
  [{ settings: { listen: ':8081' } }, '/settings/listen: boolean schema is false'],
  [{ image: { tag: '1' } }, "/image: must have required property 'repository'"],
  [{ policySource: 'redis' }, '/policySource: must be equal to one of the allowed values'],
  [{ service: { type: 'Balancer' } }, '/service/type: must be equal to one of the allowed values'],
])('the schema of the Helm chart rejects the values %j with the error: %s', (values, fault) => {
  expect(faultsIn(values, schema, schema)).toEqual([fault])
})

test.each([
  ['prometheus-alerts.yml', 'prometheus-alerts.yml'],
  ['gatehouse-traffic.json', 'grafana/gatehouse-traffic.json'],
  ['gatehouse-cluster.json', 'grafana/gatehouse-cluster.json'],
])('the file %s of the Helm chart is a link to deploy/%s, not a copy', (name, source) => {
  const inChart = realpathSync(new URL(`helm/gatehouse/files/${name}`, deploy))

  expect(inChart).toBe(fileURLToPath(new URL(source, deploy)))
})
