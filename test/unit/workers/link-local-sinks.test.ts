import { expect, test } from 'vitest'
import { sinkEntry } from '../../../gateway/config/sinks/sink-kinds.ts'

// S-121: an audit sink must not have a link-local address, where clouds serve the credentials of a machine.

test.each([
  { type: 'http', url: 'http://169.254.169.254/latest' },
  { type: 'http', url: 'https://[::ffff:a9fe:a9fe]/', preset: 'loki' },
  { type: 'otlp', url: 'https://[fe80::1]/v1/logs' },
  { type: 'otlp', url: 'http://2852039166/' },
  { type: 'syslog', address: '169.254.169.254:6514' },
  { type: 'syslog', address: '[fe80::1]:6514' },
])('the settings reject a $type sink at the link-local address $url$address', (entry) => {
  const { error } = sinkEntry.safeParse(entry)

  expect(error?.issues[0]?.message).toContain('link-local')
})

test.each([
  { url: 'http://10.0.0.7/', insecure_http: false, fine: false },
  { url: 'http://10.0.0.7/', insecure_http: true, fine: true },
  { url: 'http://127.0.0.1:9/', insecure_http: false, fine: true },
  { url: 'https://user:pw@logs.example/', insecure_http: false, fine: false },
  { url: 'file:///etc/passwd', insecure_http: true, fine: false },
])(
  'whether the settings accept an http sink with the URL $url and insecure_http $insecure_http: $fine',
  ({ fine, ...entry }) => {
    expect(sinkEntry.safeParse({ type: 'http', ...entry }).success).toBe(fine)
  },
)
