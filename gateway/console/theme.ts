export const themes = ['system', 'light', 'dark'] as const

export type Theme = (typeof themes)[number]

const STORED_AS = 'gatehouse-console-theme'

/** Theme that the viewer chose in this browser; `system` follows the setting of the operating system. */
export function storedTheme(): Theme {
  return themes.find((theme) => theme === localStorage.getItem(STORED_AS)) ?? 'system'
}

export function applyTheme(theme: Theme = storedTheme()): void {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
}

export function storeTheme(theme: Theme): void {
  localStorage.setItem(STORED_AS, theme)
  applyTheme(theme)
}
