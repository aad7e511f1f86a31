import type { ConsoleView } from './view.ts'
import { explainView } from './views/explain.tsx'
import { overviewView } from './views/overview.tsx'

/** All views of the console, in the order of the navigation. */
export const views: readonly ConsoleView[] = [overviewView, explainView]
