import { useEffect, useRef } from 'react'
import type { ConsoleView } from './view.ts'

interface KeyHelpProps {
  readonly views: readonly ConsoleView[]
  readonly onClose: () => void
}

/** List of the keys. The dialog of the browser keeps the focus inside and closes with Escape. */
export function KeyHelp({ views, onClose }: KeyHelpProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  const keys = [
    ['/', 'Search'],
    ['?', 'Show or hide this list'],
    ['Esc', 'Close this list, or leave the search'],
    ...views.flatMap(({ key, title }) => (key === undefined ? [] : [[`g ${key}`, title] as const])),
  ] as const
  return (
    <dialog ref={dialog} className="keys" aria-labelledby="keys-title" onClose={onClose}>
      <h2 id="keys-title">Keys</h2>
      <dl>
        {keys.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <button type="button" className="button small" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  )
}
