import { type KeyboardEvent, type RefObject, useState } from 'react'
import { navigate } from './router.ts'
import { searchChoices } from './search-choices.ts'
import { views } from './views.ts'

/** Search field of all views: takes a request id, a subject, a route, a client, or the name of a view. */
export function Search({ field }: { readonly field: RefObject<HTMLInputElement | null> }) {
  const [text, setText] = useState('')
  const [active, setActive] = useState(0)
  const choices = searchChoices(text, views)
  const open = (to: string) => {
    setText('')
    field.current?.blur()
    navigate(to)
  }
  const pressed = (event: KeyboardEvent) => {
    const moved = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (moved !== undefined) setActive(Math.max(0, Math.min(choices.length - 1, active + moved)))
    else if (event.key === 'Enter' && choices[active] !== undefined) open(choices[active].to)
    else if (event.key === 'Escape') {
      setText('')
      field.current?.blur()
    } else return
    event.preventDefault()
  }
  return (
    <search className="search">
      <input
        ref={field}
        type="text"
        role="combobox"
        aria-label="Search by request id, subject, route or client"
        aria-expanded={choices.length > 0}
        aria-controls="search-choices"
        aria-activedescendant={choices.length > 0 ? `search-choice-${active}` : undefined}
        aria-autocomplete="list"
        placeholder="Request id, subject, route …"
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          setActive(0)
        }}
        onKeyDown={pressed}
      />
      <span className="key" aria-hidden="true">
        /
      </span>
      {choices.length > 0 && (
        <div id="search-choices" role="listbox" aria-label="Meanings of the text">
          {choices.map(({ label, to }, i) => (
            // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field (aria-activedescendant).
            // biome-ignore lint/a11y/useKeyWithClickEvents: the field handles the keys.
            <div
              key={to}
              id={`search-choice-${i}`}
              role="option"
              aria-selected={i === active}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => open(to)}
            >
              {label}
            </div>
          ))}
        </div>
      )}
    </search>
  )
}
