// The templates of the Helm chart use only values and named templates that exist, and close each block that they open.
// Only Helm renders them: deploy/verify.mjs.

import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

const chart = new URL('../../../deploy/helm/gatehouse/', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, chart), 'utf8')
const values = parse(read('values.yaml'))
const templates = readdirSync(new URL('templates/', chart)).map((name) => ({ name, text: read(`templates/${name}`) }))
const actions = (text: string) => [...text.matchAll(/\{\{-?\s*(.*?)\s*-?\}\}/gs)].map(([, action]) => action!)
const defined = new Set(
  templates.flatMap(({ text }) => [...text.matchAll(/define "([^"]+)"/g)].map(([, name]) => name)),
)

/** Whether values.yaml has a value, or a free-form mapping, at this path. */
function has(path: string): boolean {
  let value = values
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !(key in value)) return false
    value = value[key]
  }
  return true
}

test.each(templates)('the Helm template $name closes each block that it opens', ({ text }) => {
  let depth = 0
  for (const action of actions(text)) {
    if (/^(if|with|range|define)\b/.test(action)) depth += 1
    if (action === 'end') depth -= 1
    expect(depth, action).toBeGreaterThanOrEqual(0)
  }
  expect(depth).toBe(0)
})

test.each(templates)('the Helm template $name uses only values that values.yaml lists', ({ text }) => {
  const used = actions(text).flatMap((action) => [...action.matchAll(/\.Values\.([\w.]+)/g)].map(([, path]) => path!))

  expect(used.filter((path) => !has(path))).toEqual([])
})

test.each(templates)('the Helm template $name includes only named templates that exist', ({ text }) => {
  const included = [...text.matchAll(/include "([^"]+)"/g)].map(([, name]) => name)

  expect(included.filter((name) => !defined.has(name))).toEqual([])
})

test.each(['gateway.yaml', 'worker.yaml'])(
  'the pods of the Helm template %s change with the settings and with the secrets',
  (name) => {
    expect(read(`templates/${name}`)).toContain('gatehouse/settings: {{ include "gatehouse.settings" . | sha256sum }}')
    expect(read(`templates/${name}`)).toContain('gatehouse/secrets: {{ include "gatehouse.secretsChecksum" . }}')
  },
)
