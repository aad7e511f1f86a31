import { expect, test } from 'vitest'
import { cliCommand } from '../../../gateway/console/text/command-line.ts'
import { bytesText, countText, distanceText, durationText, shareText } from '../../../gateway/console/text/format.ts'
import { visibleText } from '../../../gateway/console/text/visible-text.ts'

test.each([
  ['a carriage return and a line feed', 'a\r\nb', 'a␍␊b'],
  ['NUL and DEL', '\0\x7f', '␀␡'],
  ['a control of the C1 block', '\u0085', '⟦U+0085⟧'],
  ['a direction override', 'user\u202Etxt', 'user⟦U+202E⟧txt'],
  ['direction isolates', '\u2066x\u2069', '⟦U+2066⟧x⟦U+2069⟧'],
  ['a zero-width space and a byte order mark', '\u200B\uFEFF', '⟦U+200B⟧⟦U+FEFF⟧'],
  ['a no-break space', 'a\u00A0b', 'a⟦U+00A0⟧b'],
  ['a filler that fonts draw as nothing', '\u3164', '⟦U+3164⟧'],
  ['a tag character', '\u{E0041}', '⟦U+E0041⟧'],
  ['half of a surrogate pair', '\uD800', '⟦U+D800⟧'],
  ['a private character', '\uE000', '⟦U+E000⟧'],
  ['a line separator', '\u2028', '⟦U+2028⟧'],
])('visibleText shows %s', (_what, text, shown) => {
  expect(visibleText(text)).toBe(shown)
})

test.each(['alice', 'two  spaces', 'Zoë', '日本語', 'مرحبا', '😀', '<img src=x onerror=alert(1)>', ''])(
  'visibleText leaves the visible text %j unchanged',
  (text) => {
    expect(visibleText(text)).toBe(text)
  },
)

test.each([
  [0, '0 ms'],
  [0.4213, '0.42 ms'],
  [12.34, '12.3 ms'],
  [318.4, '318 ms'],
  [2400, '2.4 s'],
  [180_000, '3 min'],
  [5 * 3600_000, '5 h'],
  [12 * 24 * 3600_000, '12 d'],
  [-500, '−500 ms'],
])('durationText writes %d ms as %s', (ms, text) => {
  expect(durationText(ms)).toBe(text)
})

test.each([
  [0, 0, '0 %'],
  [0, 10, '0 %'],
  [1, 1_000_000, '< 0.01 %'],
  [1, 2000, '0.05 %'],
  [3, 100, '3.0 %'],
  [99, 100, '99 %'],
])('shareText writes %d of %d as %s', (part, whole, text) => {
  expect(shareText(part, whole)).toBe(text)
})

test('counts and sizes have at most five digits', () => {
  expect([countText(99_999), countText(1_234_567)]).toEqual(['99,999', '1.2M'])
  expect([bytesText(12), bytesText(1536), bytesText(5 * 1024 ** 3)]).toEqual(['12 B', '1.5 KiB', '5 GiB'])
})

test('distanceText states times before and after now', () => {
  const nowMs = Date.parse('2030-01-31T12:00:00Z')
  expect(distanceText('2030-01-31T11:57:00Z', nowMs)).toBe('3 min ago')
  expect(distanceText('2030-02-10T12:00:00Z', nowMs)).toBe('in 10 d')
})

test('cliCommand leaves out empty options and quotes words for a shell', () => {
  expect(
    cliCommand(['audit', 'search'], { subject: "o'hara $(id)", route: '', decision: null, 'no-color': true }),
  ).toBe(`gatehouse audit search --subject 'o'\\''hara $(id)' --no-color`)
})
