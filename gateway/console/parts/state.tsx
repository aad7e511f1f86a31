import type { ReactNode } from 'react'

export type StateTone = 'good' | 'warn' | 'bad' | 'plain'

/** A state in words, with a sign whose shape and colour show how serious it is. */
export function StateSign({ tone, children }: { readonly tone: StateTone; readonly children: ReactNode }) {
  return <span className={`state ${tone}`}>{children}</span>
}
