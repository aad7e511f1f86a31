import type { ConsoleView } from './view.ts'
import { exchangeView } from './views/exchange.tsx'
import { explainView } from './views/explain.tsx'
import { liveView } from './views/live.tsx'
import { overviewView } from './views/overview.tsx'
import { peopleView } from './views/people.tsx'
import { revokeView } from './views/revoke.tsx'

/** All views of the console, in the order of the navigation. */
export const views: readonly ConsoleView[] = [overviewView, liveView, exchangeView, explainView, revokeView, peopleView]
