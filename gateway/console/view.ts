import type { ComponentType } from 'react'
import type { OperationId } from './api/call.ts'
import type { PathParameters } from './match-view.ts'

/** Headings of the navigation, in order. */
export const viewGroups = ['Traffic', 'Access', 'Cluster'] as const

/** One view of the console. */
export interface ConsoleView {
  /** Path of the view. A segment with a colon is a parameter of the view. */
  readonly path: string
  readonly title: string
  /** Heading in the navigation; absent: the navigation does not list the view. */
  readonly group?: (typeof viewGroups)[number]
  /** Key that opens the view after the key `g`. */
  readonly key?: string
  /** Operations without which the view shows nothing. The view names a scope that the operator lacks for them. */
  readonly needs: readonly OperationId[]
  readonly component: ComponentType<{ readonly params: PathParameters }>
  /** Returns the `gatehouse` command that shows the same data as the view. */
  readonly cliTwin: (query: URLSearchParams, params: PathParameters) => string
}

/** Declares a view of the console. */
export function consoleView(view: ConsoleView): ConsoleView {
  return view
}
