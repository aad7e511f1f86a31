import { type ReactNode, useEffect, useId, useState } from 'react'

interface TextFieldProps {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly placeholder?: string
  /** Known values, which the browser offers. */
  readonly choices?: readonly string[]
}

/** Pause after the last key before a filter takes effect, ms. */
const SETTLE_MS = 300

/** A text filter. It takes effect when the operator stops to write, and at once on Enter. */
export function TextFilter({ label, value, onChange, placeholder, choices }: TextFieldProps) {
  const [text, setText] = useState(value)
  const list = useId()
  useEffect(() => setText(value), [value])
  useEffect(() => {
    if (text === value) return
    const timer = setTimeout(() => onChange(text.trim()), SETTLE_MS)
    return () => clearTimeout(timer)
  }, [text, value, onChange])
  return (
    <label>
      {label}
      <input
        type="text"
        value={text}
        placeholder={placeholder}
        spellCheck={false}
        list={choices === undefined ? undefined : list}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => event.key === 'Enter' && onChange(text.trim())}
      />
      {choices !== undefined && (
        <datalist id={list}>
          {choices.map((choice) => (
            <option key={choice} value={choice} />
          ))}
        </datalist>
      )}
    </label>
  )
}

interface ChoiceFilterProps {
  readonly label: string
  readonly value: string
  readonly choices: readonly string[]
  readonly onChange: (value: string) => void
  /** Whether the filter can be left out. Default true. */
  readonly hasAny?: boolean
}

export function ChoiceFilter({ label, value, choices, onChange, hasAny = true }: ChoiceFilterProps) {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        {hasAny && <option value="">any</option>}
        {choices.map((choice) => (
          <option key={choice}>{choice}</option>
        ))}
      </select>
    </label>
  )
}

/** A row of filters above a table. */
export function Filters({ children }: { readonly children: ReactNode }) {
  return (
    <fieldset className="filters">
      <legend className="hidden-text">Filters</legend>
      {children}
    </fieldset>
  )
}
