// What keys do.

import { ERROR, NOTICE, WARN } from './event.ts'

export type Action =
  | 'down' | 'up' | 'top' | 'bottom' | 'search' | 'next' | 'previous' | 'follow' | 'wrap' | 'times' | 'copy' | 'link'
  | 'fold' | 'enter' | 'foldAll' | 'help' | 'escape' | 'filter0' | 'filter1' | 'filter2' | 'filter3' | 'error' | 'context'

export const list: [keys: string, what: string][] = [
  ['j  k', 'next and previous line'],
  ['g  G', 'beginning and end of the log'],
  ['Space  ⇧Space', 'a page down and up'],
  ['/  Ctrl F', 'search'],
  ['n  N', 'next and previous match'],
  ['e', 'next error'],
  ['1  2  3  4', 'all lines, notices, warnings, errors'],
  ['x', 'the line in its context, without the filter'],
  ['f', 'follow new lines'],
  ['w', 'wrap long lines'],
  ['t', 'times: none, of the day, since the beginning'],
  ['o  O', 'fold this group, all groups'],
  ['Enter', 'fold the group, show all of a long line'],
  ['c  y', 'copy the line, copy a link to it'],
  ['Esc', 'leave the search, the filter, the selection'],
  ['?', 'this list'],
]

const keys: Record<string, Action> = {
  j: 'down', k: 'up', g: 'top', G: 'bottom', Home: 'top', End: 'bottom', '/': 'search', n: 'next', N: 'previous', f: 'follow',
  w: 'wrap', t: 'times', c: 'copy', y: 'link', o: 'fold', O: 'foldAll', Enter: 'enter', '?': 'help', Escape: 'escape', e: 'error',
  x: 'context', 1: 'filter0', 2: 'filter1', 3: 'filter2', 4: 'filter3',
}

/** The least severity of a filter. */
export const filters = { filter0: 0, filter1: NOTICE, filter2: WARN, filter3: ERROR }

// The key that was pressed; where letters are of another alphabet, the Latin one
// in its place.
function keyOf({ key, code, shiftKey }: KeyboardEvent): string {
  const letter = key > '\x7f' && /^Key([A-Z])$/.exec(code)?.[1]
  return letter ? (shiftKey ? letter : letter.toLowerCase()) : key
}

export function actionOf(e: KeyboardEvent): Action | null {
  const target = e.composedPath()[0] as HTMLElement, key = keyOf(e)
  if ((e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey && key.toLowerCase() === 'f') {
    return target.matches('input[type=search]') ? null : 'search' // the second time it is the browser's
  }
  if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return null
  if (target.closest('input, textarea, select, dialog[open], [contenteditable]')) return null
  if ((key === 'Enter' || key === ' ') && target.closest('button, a, summary')) return null
  return keys[key] ?? null
}
