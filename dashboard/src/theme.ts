/** Dark or light: the system's wish, unless somebody chose. */

const KEY = 'flowcraft-theme'
export type Theme = 'light' | 'dark'

export function chosenTheme(): Theme | undefined {
  try {
    const stored = localStorage.getItem(KEY)
    return stored === 'light' || stored === 'dark' ? stored : undefined
  } catch {
    return undefined
  }
}

export function isDark(): boolean {
  const chosen = chosenTheme()
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = isDark() ? 'dark' : 'light'
}

export function toggleTheme(): void {
  try {
    localStorage.setItem(KEY, isDark() ? 'light' : 'dark')
  } catch {
    // A browser that keeps nothing.
  }
  applyTheme()
}

export function followSystem(): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyTheme)
  applyTheme()
}
