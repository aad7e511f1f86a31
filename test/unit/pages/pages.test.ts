// HTML pages of the gate: escaping, content security policy, and texts of refusals.

import { expect, test } from 'vitest'
import { reasons } from '../../../gateway/base/reasons.ts'
import { Pages } from '../../../gateway/pages/pages.ts'
import { refusalText } from '../../../gateway/pages/refusal-texts.ts'

const hostile = `<script>alert(1)</script>"'\`&`
const none = { product: undefined, support: undefined, logo: undefined, css: undefined }
const file = (type: string) => ({ type, content: Buffer.from('x') })
const policyOf = (page: ReturnType<Pages['render']>) =>
  page.fields.find(([name]) => name === 'content-security-policy')![1]

test.each(['title', 'says', 'quoted', 'href', 'text', 'button', 'product', 'support', 'request id'])(
  'an HTML page of the gate escapes markup in its %s',
  (place) => {
    const at = (name: string) => (name === place ? hostile : 'plain')
    const pages = new Pages({ ...none, product: at('product'), support: { text: at('support'), href: undefined } })

    const { body } = pages.render(
      {
        title: at('title'),
        says: [at('says')],
        quoted: [at('quoted')],
        links: [{ href: at('href'), text: at('text') }],
        button: at('button'),
      },
      at('request id'),
    )

    expect(body).not.toContain('<script')
    expect(body).toContain('&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#96;&#38;')
  },
)

test('an HTML page of the gate quotes text of the issuer without control characters and direction overrides', () => {
  const { body } = new Pages(none).render({ title: 't', says: [], quoted: ['a\u202eb\u0000c\u2028d'] }, 'id')

  expect(body).toContain('<q>a b c d</q>')
})

test('an HTML page of the gate without logo and style sheet loads nothing, runs no script, and cannot be framed', () => {
  const page = new Pages(none).render({ title: 't', says: [] }, 'id')

  expect(policyOf(page)).toMatch(
    /^default-src 'none'; style-src 'sha256-[^ ]+'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'$/,
  )
  expect(page.body).not.toMatch(/<link|<img|<header/)
})

test('an HTML page of the gate with logo and style sheet loads both from the gate, by a URL that changes with the content', () => {
  const pages = new Pages({ ...none, logo: file('image/png'), css: file('text/css') })
  const page = pages.render({ title: 't', says: [] }, 'id')
  pages.replace({ ...none, css: { type: 'text/css', content: Buffer.from('y') } })
  const later = pages.render({ title: 't', says: [] }, 'id')

  const urlOf = (text: string) => /href="(\/\.gatehouse\/pages\/css\?v=[0-9a-f]{16})"/.exec(text)?.[1]
  expect(policyOf(page)).toMatch(/style-src 'sha256-[^ ]+' 'self'; img-src 'self'; /)
  expect(page.body).toMatch(/<img src="\/\.gatehouse\/pages\/logo\?v=[0-9a-f]{16}" alt="Logo">/)
  expect(urlOf(page.body)).toBeDefined()
  expect(urlOf(later.body)).not.toBe(urlOf(page.body))
  expect(pages.fileAt('/.gatehouse/pages/logo')).toBeUndefined()
})

test('the Content-Security-Policy of an HTML page of the gate lists in form-action the origins to which the form button leads', () => {
  const page = new Pages(none).render({ title: 't', says: [], leadsTo: ['https://idp.example'] }, 'id')

  expect(policyOf(page)).toMatch(/; form-action 'self' https:\/\/idp\.example$/)
})

test('every refusal has texts for its HTML page, which depend only on the status and the error code', () => {
  const refusals = Object.values(reasons).filter(({ status }) => status >= 400)

  for (const { status, code, why } of refusals) {
    const { title, why: shown, remedy } = refusalText(status, code)
    expect([title, shown, remedy].every((text) => text.length > 5)).toBe(true)
    expect([title, shown, remedy].join(' ')).not.toContain(why)
  }
})
