import { useEffect } from 'react'
import { navigate } from './router.ts'
import type { ConsoleView } from './view.ts'

/** Time after the key `g` in which the key of a view opens the view, ms. */
const SECOND_KEY_MS = 1500

interface KeyActions {
  readonly search: () => void
  readonly help: () => void
}

/** Handles the keys of the console, except while the operator writes in a field. */
export function useKeys(views: readonly ConsoleView[], { search, help }: KeyActions): void {
  useEffect(() => {
    let beganMs = Number.NEGATIVE_INFINITY
    const pressed = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || isEditing(event.target)) return
      const afterG = event.timeStamp - beganMs < SECOND_KEY_MS
      beganMs = Number.NEGATIVE_INFINITY
      const view = afterG ? views.find(({ key }) => key === event.key) : undefined
      if (view !== undefined) navigate(view.path)
      else if (event.key === 'g') beganMs = event.timeStamp
      else if (event.key === '/') search()
      else if (event.key === '?') help()
      else return
      event.preventDefault()
    }
    document.addEventListener('keydown', pressed)
    return () => document.removeEventListener('keydown', pressed)
  })
}

function isEditing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input:not([type=radio], [type=checkbox]), select, textarea')
}
