import { z } from 'zod'
import type { HttpFormatKind } from './http-format.ts'
import { httpFormatKinds } from './http-formats.ts'
import { openHttpSink } from './http-sink.ts'
import { sinkKind } from './sink-kind.ts'
import { httpMembers, requireSecureUrl, restart, sinkType, webUrl } from './sink-members.ts'

type FormatSettings = (typeof httpFormatKinds)[number]['settings']
type Intersection<Union> = (Union extends unknown ? (member: Union) => void : never) extends (all: infer All) => void
  ? All
  : never

const presets = httpFormatKinds.map(({ preset }) => preset)
const formatList = httpFormatKinds.map(({ preset, description }) => `${preset}: ${description}`).join('; ')
/** Settings that only some request formats of the `http` audit sink use. */
const formatSettings = Object.assign(
  {},
  ...httpFormatKinds.map(({ settings }) => settings),
) as Intersection<FormatSettings>

const formats: ReadonlyMap<string, HttpFormatKind> = new Map(
  httpFormatKinds.map((kind) => [kind.preset, kind as HttpFormatKind]),
)

const schema = z
  .strictObject({
    type: sinkType('http'),
    preset: z
      .enum(presets, { error: `must be one of ${presets.join(', ')}` })
      .prefault(httpFormatKinds[0].preset)
      .describe(`Format of the requests. Default ${presets[0]}. ${formatList}.`)
      .meta(restart),
    url: webUrl
      .describe(
        'URL of the receiver. Redirects are not followed. Link-local and cloud metadata addresses are rejected.',
      )
      .meta(restart),
    ...formatSettings,
    ...httpMembers,
  })
  .superRefine((entry, context) => requireSecureUrl(entry, context))
  .describe('`type: http`: NDJSON by POST, Elasticsearch, OpenSearch, Grafana Loki, Splunk HEC.')

/** Audit sink `http`: a receiver of HTTP requests in one of the formats of `http-formats.ts`. */
export const http = sinkKind({
  type: 'http',
  schema,
  open: (entry, resources) => openHttpSink(entry, formats.get(entry.preset)!.open(entry), resources),
})
