// Links to lines: #L12, and #L10-20 for several.

export interface Lines { from: number; to: number } // numbers, from 1

export function parse(hash: string): Lines | null {
  const m = /^#L(\d{1,9})(?:-L?(\d{1,9}))?$/.exec(hash)
  if (!m) return null
  const a = Number(m[1]), b = Number(m[2] ?? m[1])
  return a && b ? { from: Math.min(a, b), to: Math.max(a, b) } : null
}

export function format({ from, to }: Lines): string {
  return from === to ? `#L${from}` : `#L${from}-${to}`
}

/** Without a new entry in the history, and without the browser's jump. */
export function show(lines: Lines | null): void {
  history.replaceState(history.state, '', address(lines))
}

/** The address of lines, whatever the page takes for its base. */
export function address(lines: Lines | null): string {
  const url = new URL(location.href)
  url.hash = lines ? format(lines) : ''
  return url.href
}
