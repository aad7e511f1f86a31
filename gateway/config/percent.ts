import { InvalidText, parsedText } from './text-schemas.ts'

const percentPattern = '^(0|[1-9][0-9]{0,2})%$'

/** Returns the schema of a percentage from `min` to `max`, such as 20%. The parsed value is a fraction: 0.2. */
export function percent({ min, max }: { readonly min: number; readonly max: number }) {
  return parsedText('a whole percentage such as 20%', (text) => {
    const value = new RegExp(percentPattern).test(text) ? Number(text.slice(0, -1)) : undefined
    if (value === undefined) return undefined
    return value >= min && value <= max ? value / 100 : new InvalidText(`must be from ${min}% to ${max}%`)
  })
}

/** Formats a fraction as a percentage, as a policy states it. */
export function formatPercent(fraction: number): string {
  return `${Math.round(fraction * 100)}%`
}
