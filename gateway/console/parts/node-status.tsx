import type { ReplyOf } from '../api/call.ts'
import { useOperation } from '../api/use-operation.ts'
import { bytesText, countText, durationText, shareText } from '../text/format.ts'
import { type Fact, Facts } from './facts.tsx'
import { LoadedContent, Notice } from './notices.tsx'
import { Section } from './section.tsx'
import { Distance, Value } from './texts.tsx'

/** Pause between two loads of the status, ms. */
const EVERY_MS = 5000

type Status = ReplyOf<'show_status'>

/** State of the node that serves the console: what only this node knows. */
export function NodeStatus() {
  const status = useOperation('show_status', {}, { everyMs: EVERY_MS })
  return (
    <Section title="This node" aside={status.document && <Value text={status.document.node} />}>
      <LoadedContent of={status}>{(document) => <StatusContent status={document} />}</LoadedContent>
    </Section>
  )
}

function StatusContent({ status }: { readonly status: Status }) {
  const { ready, warnings, relaxations, audit, issuers } = status
  return (
    <>
      {!ready && <Notice tone="bad">The node is not ready: its load balancer must send it no request.</Notice>}
      {audit?.trouble && (
        <Notice tone="bad">
          Audit records are not in Redis yet: <Value text={audit.trouble} />
        </Notice>
      )}
      {issuers
        .filter(({ outcome }) => outcome === 'failed')
        .map(({ name, error }) => (
          <Notice key={name} tone="bad">
            The keys of the issuer <Value text={name} /> cannot be fetched: <Value text={error ?? ''} />
          </Notice>
        ))}
      <Facts facts={[...loadFacts(status), ...clusterFacts(status)]} />
      <Texts title="Warnings about the settings" texts={warnings} />
      <Texts title="Security relaxations in settings and policy" texts={relaxations} />
    </>
  )
}

function loadFacts(status: Status): Fact[] {
  const { version, started_at: startedAt, connections, in_flight: inFlight, overload, tokens } = status
  const { mode, busy, memory, shed } = overload
  return [
    ['Version', <Value key="v" text={version} />],
    ['Started', <Distance key="v" iso={startedAt} />],
    ['Connections', countText(connections)],
    ['In flight', countText(inFlight)],
    ['Event loop busy', shareText(busy, 1)],
    ['Memory used', shareText(memory, 1)],
    ['Shed requests', mode === 'off' ? undefined : `${countText(shed)}${mode === 'observe' ? ' (not enforced)' : ''}`],
    ['Known tokens', `${countText(tokens.cached)} of ${countText(tokens.capacity)}`],
  ]
}

function clusterFacts({ cluster, revocations, audit, log_lines_lost: linesLost }: Status): Fact[] {
  return [
    ['State of the cluster', cluster && stateText(cluster)],
    ['Revocations', revocations && `${countText(revocations.held)}, ${bytesText(revocations.bytes)}`],
    ['Audit records', audit && `${countText(audit.records)}, ${countText(audit.lost)} lost`],
    ['Lost log lines', linesLost === 0 ? undefined : countText(linesLost)],
  ]
}

function stateText({
  in_contact: inContact,
  age_ms: ageMs,
  bound_ms: boundMs,
}: NonNullable<Status['cluster']>): string {
  const age =
    ageMs === null ? 'never confirmed' : `confirmed ${durationText(ageMs)} ago, at most ${durationText(boundMs)}`
  return inContact ? age : `no contact to Redis; ${age}`
}

function Texts({ title, texts }: { readonly title: string; readonly texts: readonly string[] }) {
  if (texts.length === 0) return null
  return (
    <details className="record">
      <summary>
        {title}: {texts.length}
      </summary>
      <ul className="plain">
        {texts.map((text) => (
          <li key={text}>
            <Value text={text} />
          </li>
        ))}
      </ul>
    </details>
  )
}
