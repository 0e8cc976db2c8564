// What the reader chose, for the next time. A browser that keeps nothing, or
// forbids it, is one that forgets.

export type Times = 'off' | 'absolute' | 'relative'
export interface Settings { wrap: boolean; times: Times }

export const next = { off: 'absolute', absolute: 'relative', relative: 'off' } as const

const KEY = 'job-log'

export function load(): Settings {
  const settings: Settings = { wrap: false, times: 'off' }
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    settings.wrap = kept.wrap === true
    if (kept.times === 'absolute' || kept.times === 'relative') settings.times = kept.times
  } catch {
    // Nothing is kept.
  }
  return settings
}

export function save(settings: Settings): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings))
  } catch {
    // It is for this visit only.
  }
}
