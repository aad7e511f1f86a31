// docs/reference/oauth2-proxy.md: what each option of oauth2-proxy becomes.

import { expect, test } from 'vitest'
import { proxyOptionsPage } from '../../../deploy/docs/proxy-options-page.ts'
import { documentedOptions } from '../cli/imports/documented-options.ts'

test('the page about options of oauth2-proxy has a row for each option that oauth2-proxy documents', () => {
  const page = proxyOptionsPage()
  const named = new Set([...page.matchAll(/`([a-z0-9_]+)(?: = [^`]*)?`/g)].map(([, name]) => name))

  expect(documentedOptions.filter((key) => !named.has(key))).toEqual([])
})
