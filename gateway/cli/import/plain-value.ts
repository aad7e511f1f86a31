/** Returns a parsed YAML or TOML value as a mapping; `undefined` when the value is not a mapping. */
export function mappingOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return value as Readonly<Record<string, unknown>>
}

/** Returns a parsed value as a list; an absent or other value is an empty list. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** Returns a parsed value if it is a non-empty text; `undefined` for any other value. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Makes a name for a service or route from any text: letters, digits, dots, - and _, at most 64 characters. */
export function nameFrom(text: string, fallback: string): string {
  const name = text
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .slice(0, 64)
  return name === '' ? fallback : name
}
