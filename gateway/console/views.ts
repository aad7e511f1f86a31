import type { ConsoleView } from './view.ts'
import { exchangeView } from './views/exchange.tsx'
import { expiryView } from './views/expiry.tsx'
import { explainView } from './views/explain.tsx'
import { limitsView } from './views/limits.tsx'
import { liveView } from './views/live.tsx'
import { nodesView } from './views/nodes.tsx'
import { overviewView } from './views/overview.tsx'
import { peopleView } from './views/people.tsx'
import { policyView } from './views/policy.tsx'
import { revokeView } from './views/revoke.tsx'
import { streamsView } from './views/streams.tsx'
import { upstreamsView } from './views/upstreams.tsx'

/** All views of the console, in the order of the navigation. */
export const views: readonly ConsoleView[] = [
  overviewView,
  liveView,
  exchangeView,
  explainView,
  streamsView,
  limitsView,
  revokeView,
  peopleView,
  policyView,
  nodesView,
  upstreamsView,
  expiryView,
]
