import { expect, test } from 'vitest'
import { ConfigError } from '../../../gateway/config/problem.ts'
import { loadSettings, type Settings } from '../../../gateway/config/settings.ts'

// docs/design/contract.md §12: the standard OpenTelemetry variables (Environment Variable Specification), and the
// settings that override these variables.

type Env = Readonly<Record<string, string>>

function load(env: Env, telemetry?: object): Settings {
  const flags = { policy: { path: 'policy.yaml' }, ...(telemetry !== undefined && { telemetry }) }
  return loadSettings({ path: undefined, env, flags })
}

const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/otlp/' }
const goesTo = ({ telemetry: { traces, metrics, logs } }: Settings) =>
  [traces?.endpoint, metrics?.endpoint, logs?.endpoint].map((url) => url ?? '-')

test.each<{ title: string; env: Env; telemetry?: object; expected: readonly string[] }>([
  { title: 'no variable and no setting', env: {}, expected: ['-', '-', '-'] },
  {
    title: 'one endpoint',
    env: collector,
    expected: ['traces', 'metrics', 'logs'].map((signal) => `http://collector:4318/otlp/v1/${signal}`),
  },
  {
    title: 'an endpoint variable for traces only, which is used without a suffix',
    env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example/in' },
    expected: ['https://traces.example/in', '-', '-'],
  },
  { title: 'OTEL_SDK_DISABLED', env: { ...collector, OTEL_SDK_DISABLED: 'TRUE' }, expected: ['-', '-', '-'] },
  {
    title: 'empty variables',
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_EXPORTER_OTLP_PROTOCOL: '' },
    expected: ['-', '-', '-'],
  },
  {
    title: 'metrics and logs exporters set to none',
    env: { ...collector, OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' },
    expected: ['http://collector:4318/otlp/v1/traces', '-', '-'],
  },
  {
    title: 'settings, which override variables and get the path of the signal when they have no path',
    env: collector,
    telemetry: { traces: { endpoint: 'http://other:4318' }, logs: { endpoint: 'http://other:4318/x' } },
    expected: ['http://other:4318/v1/traces', 'http://collector:4318/otlp/v1/metrics', 'http://other:4318/x'],
  },
])(
  'the settings loader determines the endpoints of traces, metrics and logs with $title',
  ({ env, telemetry, expected }) => {
    expect(goesTo(load(env, telemetry))).toEqual(expected)
  },
)

test.each<{ env: Env; telemetry?: object; expected: object }>([
  { env: {}, expected: { ratio: 0.01, parentBased: true } },
  { env: { OTEL_TRACES_SAMPLER: 'always_on' }, expected: { ratio: 1, parentBased: false } },
  { env: { OTEL_TRACES_SAMPLER: 'always_off' }, expected: { ratio: 0, parentBased: false } },
  { env: { OTEL_TRACES_SAMPLER: 'parentbased_always_on' }, expected: { ratio: 1, parentBased: true } },
  { env: { OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, expected: { ratio: 0, parentBased: true } },
  {
    env: { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' },
    expected: { ratio: 0.25, parentBased: false },
  },
  { env: { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio' }, expected: { ratio: 1, parentBased: true } },
  {
    env: { OTEL_TRACES_SAMPLER: 'always_on' },
    telemetry: { traces: { sample: 0.5 } },
    expected: { ratio: 0.5, parentBased: true },
  },
])(
  'with the OpenTelemetry variables $env and the telemetry settings $telemetry, the sampling of traces is $expected',
  ({ env, telemetry, expected }) => {
    expect(load({ ...collector, ...env }, telemetry).telemetry.traces).toMatchObject(expected)
  },
)

test.each<{ env: Env; telemetry?: object; wrong: string }>([
  {
    env: { ...collector, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    wrong: 'OTEL_EXPORTER_OTLP_PROTOCOL: must be http/protobuf',
  },
  {
    env: { ...collector, OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json' },
    wrong: 'OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: must be http/protobuf',
  },
  {
    env: { OTEL_TRACES_EXPORTER: 'zipkin' },
    wrong: 'OTEL_TRACES_EXPORTER: must be otlp or none, the only supported exporters',
  },
  {
    env: { OTEL_METRICS_EXPORTER: 'prometheus' },
    wrong: 'OTEL_METRICS_EXPORTER: must be otlp or none, the only supported exporters',
  },
  {
    env: { ...collector, OTEL_TRACES_SAMPLER: 'xray' },
    wrong: 'OTEL_TRACES_SAMPLER: must be always_on, always_off or traceidratio',
  },
  {
    env: { ...collector, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '7' },
    wrong: 'OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1',
  },
  { env: { ...collector, OTEL_PROPAGATORS: 'b3' }, wrong: 'OTEL_PROPAGATORS: must be tracecontext,baggage' },
  {
    env: { ...collector, OTEL_METRIC_EXPORT_INTERVAL: '1s' },
    wrong: 'OTEL_METRIC_EXPORT_INTERVAL: must be a number of milliseconds',
  },
  {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' },
    wrong: 'OTEL_EXPORTER_OTLP_ENDPOINT: must be an http or https URL',
  },
  {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://169.254.169.254' },
    wrong: 'OTEL_EXPORTER_OTLP_ENDPOINT: must not be a link-local or cloud metadata address',
  },
  {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:word@collector' },
    wrong: 'OTEL_EXPORTER_OTLP_ENDPOINT: must not contain a user or password',
  },
  {
    env: {},
    telemetry: { traces: { link: 'https://jaeger.example' } },
    wrong: 'telemetry.traces.link: must contain {trace_id}',
  },
  {
    env: {},
    telemetry: { traces: { link: 'javascript:alert({trace_id})' } },
    wrong: 'telemetry.traces.link: must be an http or https URL',
  },
  { env: {}, telemetry: { traces: { sampel: 1 } }, wrong: 'telemetry.traces.sampel: unknown key' },
  { env: {}, telemetry: { traces: { sample: 2 } }, wrong: 'telemetry.traces.sample: ' },
  { env: {}, telemetry: { metrics: {} }, wrong: 'telemetry.metrics.endpoint: ' },
  {
    env: {},
    telemetry: { authorization: { env: 'NOT_THERE' } },
    wrong: 'telemetry.authorization: environment variable NOT_THERE is not set',
  },
  {
    env: { AUTH: 'Bearer x' },
    telemetry: { authorization: { env: 'AUTH' }, logs: { endpoint: 'http://collector:4318' } },
    wrong: 'telemetry.authorization: must not be sent unencrypted to http://collector:4318',
  },
  {
    env: { AUTH: 'Bearer x', ...collector },
    telemetry: { authorization: { env: 'AUTH' }, traces: { endpoint: 'https://collector.example' } },
    wrong: 'telemetry.authorization: must not be sent unencrypted to http://collector:4318',
  },
])(
  'the settings loader rejects the OpenTelemetry variables $env with the telemetry settings $telemetry: $wrong',
  ({ env, telemetry, wrong }) => {
    const failure = (() => {
      try {
        return load(env, telemetry)
      } catch (error) {
        return error
      }
    })()

    expect(failure).toBeInstanceOf(ConfigError)
    expect((failure as ConfigError).message).toContain(wrong)
  },
)

test('invalid OpenTelemetry variables of a signal that is not exported cause no problem and no warning', () => {
  const { warnings } = load({
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_TRACES_SAMPLER: 'xray',
    OTEL_PROPAGATORS: 'b3',
  })

  expect(warnings).toEqual([])
})

test('an OpenTelemetry variable that the gate does not use causes a warning; a variable that the exporters read does not', () => {
  const { warnings } = load({
    OTEL_SERVICE_NAME: 'edge',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'a=b',
    OTEL_BSP_MAX_QUEUE_SIZE: '7',
  })

  expect(warnings).toEqual([
    'Gatehouse ignores the variable OTEL_BSP_MAX_QUEUE_SIZE: docs/guide/telemetry.md lists the supported OTEL_ variables',
  ])
})

test('environment variables that start with GATEHOUSE_TELEMETRY_ set the telemetry settings', () => {
  const { telemetry } = load({
    GATEHOUSE_TELEMETRY_TRACES_SAMPLE: '1',
    GATEHOUSE_TELEMETRY_METRICS_ENDPOINT: 'http://c:4318',
  })

  expect(telemetry).toMatchObject({ traces: { ratio: 1 }, metrics: { endpoint: 'http://c:4318/v1/metrics' } })
})

test('an invalid OpenTelemetry variable that several signals read is reported once', () => {
  const failure = (() => {
    try {
      return load({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' })
    } catch (error) {
      return error
    }
  })()

  expect((failure as ConfigError).problems).toMatchObject([{ file: 'OTEL_EXPORTER_OTLP_ENDPOINT' }])
})
