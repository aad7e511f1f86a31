/**
 * Units of figures by the ending of the figure's name. The first matching ending applies. A figure without such an
 * ending is a count.
 */
const endings: readonly (readonly [ending: RegExp, unit: string])[] = [
  [/ratio|growth/, '×'],
  [/us_per_request$/, 'µs a request'],
  [/us_per_mib$/, 'µs a MiB'],
  [/us_per_event$/, 'µs an event'],
  [/bytes_per_event$/, 'bytes an event'],
  [/_mib_per_hour$/, 'MiB an hour'],
  [/_ms_per_hour$/, 'ms an hour'],
  [/_per_hour$/, 'an hour'],
  [/_us(_|$)/, 'µs'],
  [/_ms$/, 'ms'],
  [/_kib/, 'KiB'],
  [/_mib$/, 'MiB'],
  [/_percent$/, '%'],
  [/_per_1000$/, 'for 1,000 requests'],
  [/_per_second$/, 'a second'],
]

export function unitOf(figure: string): string {
  return endings.find(([ending]) => ending.test(figure))?.[1] ?? ''
}
