import type { ReplyOf } from '../api/call.ts'
import { toneOf } from '../text/decisions.ts'
import { durationText, sentenceOf } from '../text/format.ts'
import { Facts } from './facts.tsx'
import { Notice } from './notices.tsx'
import { Section } from './section.tsx'
import { StateSign, type StateTone } from './state.tsx'
import { type Column, DataTable } from './table.tsx'
import { Time, Value } from './texts.tsx'

type Explanation = ReplyOf<'explain_request'>
type Route = Explanation['nearest'][number]
type Check = NonNullable<Explanation['token']>['checks'][number]
type Limit = NonNullable<Explanation['limits']>[number]

/** A nested requirement, as the API describes it in `parts`. */
interface Requirement {
  readonly demand: string
  readonly met: boolean | null
  readonly reason: string | null
  readonly parts: readonly Requirement[]
}

/** Decision of the node on a request and the next step, then the details. */
export function Explained({ explanation }: { readonly explanation: Explanation }) {
  const { decision, reason, why, first_step: firstStep, phases, route, nearest, fault } = explanation
  const { token, requirement, limits, service_receives: receives, reply } = explanation
  return (
    <>
      <Notice tone={{ good: 'plain', warn: 'warn', bad: 'bad', plain: 'plain' }[toneOf(decision)] as 'plain'}>
        <p>
          <StateSign tone={toneOf(decision)}>{decision}</StateSign> <code>{reason}</code>
          {reply !== null && ` · status ${reply.status}`}
        </p>
        <p>{sentenceOf(why)}</p>
        {firstStep !== null && (
          <p className="remedy">
            What to do: <Value text={firstStep} />
          </p>
        )}
        {fault !== null && (
          <p>
            Fault: <Value text={fault} />
          </p>
        )}
      </Notice>
      <Section title="Phases" aside={`${phases.length} ran; the last one decided`}>
        <ol className="phases">
          {phases.map((phase) => (
            <li key={phase}>{phase}</li>
          ))}
        </ol>
      </Section>
      {route !== null && <RouteFacts route={route} />}
      {nearest.length > 0 && <Routes title="Nearest routes" routes={nearest} />}
      {token !== null && <TokenChecks token={token} />}
      {requirement !== null && (
        <Section title="Requirement">
          <ul className="requirement">
            <RequirementItem requirement={requirement as unknown as Requirement} />
          </ul>
        </Section>
      )}
      {limits !== null && limits.length > 0 && <Limits limits={limits} />}
      {receives !== null && <Receives receives={receives} />}
    </>
  )
}

function RouteFacts({ route: { id, service, host, path, methods } }: { readonly route: Route }) {
  return (
    <Section title="Route">
      <Facts
        facts={[
          ['Route', <Value key="v" text={id} />],
          ['Service', <Value key="v" text={service} />],
          ['Host', host ?? 'any'],
          ['Path', <code key="v">{path}</code>],
          ['Methods', methods.join(' ')],
        ]}
      />
    </Section>
  )
}

function Routes({ title, routes }: { readonly title: string; readonly routes: readonly Route[] }) {
  const columns: readonly Column<Route>[] = [
    { title: 'Route', isName: true, cell: ({ id }) => <Value text={id} /> },
    { title: 'Service', cell: ({ service }) => <Value text={service} /> },
    { title: 'Host', isExtra: true, cell: ({ host }) => host ?? 'any' },
    { title: 'Path', cell: ({ path }) => <code>{path}</code> },
    { title: 'Methods', cell: ({ methods }) => methods.join(' ') },
  ]
  return (
    <Section title={title}>
      <DataTable caption={title} columns={columns} rows={routes} keyOf={({ id }) => id} />
    </Section>
  )
}

function TokenChecks({ token: { checks, claims, issuer } }: { readonly token: NonNullable<Explanation['token']> }) {
  const columns: readonly Column<Check>[] = [
    { title: 'Check', isName: true, cell: ({ check }) => check },
    { title: 'Result', cell: ({ verdict }) => <StateSign tone={verdictTone(verdict)}>{verdict}</StateSign> },
    { title: 'Reason', cell: ({ reason }) => reason !== null && <code>{reason}</code> },
    { title: 'Compared', cell: ({ detail }) => detail !== null && <Value text={detail} /> },
  ]
  return (
    <Section title="Token" aside={issuer === null ? undefined : `issuer ${issuer.name}`}>
      <DataTable caption="Checks of the token" columns={columns} rows={checks} keyOf={({ check }) => check} />
      {claims !== null && (
        <Facts
          facts={[
            ['Subject', <Value key="v" text={claims.subject} />],
            ['Client', claims.client !== null && <Value text={claims.client} />],
            ['Audience', <Value key="v" text={claims.audience.join(' ')} />],
            ['Scopes', <Value key="v" text={claims.scopes.join(' ')} />],
            ['Roles', <Value key="v" text={claims.roles.join(' ')} />],
            ['Expires', claims.expires_at !== null && <Time iso={claims.expires_at} />],
          ]}
        />
      )}
    </Section>
  )
}

function verdictTone(verdict: string): StateTone {
  if (verdict === 'passed') return 'good'
  return verdict === 'failed' ? 'bad' : 'plain'
}

function RequirementItem({ requirement: { demand, met, reason, parts } }: { readonly requirement: Requirement }) {
  const tone = met === null ? 'plain' : met ? 'good' : 'bad'
  return (
    <li>
      <StateSign tone={tone}>{met === null ? 'not evaluated' : met ? 'met' : 'not met'}</StateSign>{' '}
      <Value text={demand} isCode /> {reason !== null && <code className="muted">{reason}</code>}
      {parts.length > 0 && (
        <ul>
          {parts.map((part, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a requirement have an order and no names.
            <RequirementItem key={i} requirement={part} />
          ))}
        </ul>
      )}
    </li>
  )
}

function Limits({ limits }: { readonly limits: readonly Limit[] }) {
  const columns: readonly Column<Limit>[] = [
    { title: 'Limit', isName: true, cell: ({ limit }) => <Value text={limit} /> },
    { title: 'By', cell: ({ by }) => by.join(', ') },
    { title: 'Used', isNumber: true, cell: ({ used }) => used ?? 'unknown' },
    { title: 'Maximum', isNumber: true, cell: ({ requests, messages }) => requests ?? messages ?? '' },
    { title: 'Window', isNumber: true, cell: ({ window_ms: windowMs }) => durationText(windowMs) },
    { title: 'Mode', isExtra: true, cell: ({ mode, shadow }) => (shadow ? `${mode}, shadow` : mode) },
  ]
  return (
    <Section title="Rate limits" aside="the explanation charged none">
      <DataTable caption="Rate limits" columns={columns} rows={limits} keyOf={({ limit }) => limit} />
    </Section>
  )
}

function Receives({ receives }: { readonly receives: NonNullable<Explanation['service_receives']> }) {
  type Field = (typeof receives.fields)[number]
  const columns: readonly Column<Field>[] = [
    { title: 'Header field', isName: true, cell: ({ name }) => <code>{name}</code> },
    { title: 'Value', cell: ({ value }) => (value === null ? 'hidden' : <Value text={value} isCode />) },
    { title: 'From', cell: ({ from }) => from },
  ]
  return (
    <Section title="The service receives" aside={<code>{`${receives.method} ${receives.path}`}</code>}>
      <DataTable
        caption="Header fields that the service receives"
        columns={columns}
        rows={receives.fields}
        keyOf={({ name, from }) => `${from} ${name}`}
      />
    </Section>
  )
}
