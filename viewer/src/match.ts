// What is looked for, and where it is in a text.

import type { Range } from './links.ts'

export interface Query { text: string; regex: boolean; cased: boolean }

export const MOST = 10_000 // characters of a line that are looked at with a pattern

/** The expression of a query. It throws, with a reason, if there is none. */
export function compile({ text, regex, cased }: Query): RegExp {
  const source = regex ? text : text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  const flags = cased ? 'g' : 'gi'
  if (!regex) return new RegExp(source, flags)
  try {
    return new RegExp(source, flags + 'u') // a character is one, even if it is two to the language
  } catch {
    return new RegExp(source, flags) // which takes escapes that mean nothing
  }
}

/** The matches that are not empty. */
export function rangesIn(re: RegExp, text: string): Range[] {
  const found: Range[] = []
  re.lastIndex = 0 // where matchAll would begin
  for (const m of text.matchAll(re)) {
    if (m[0] !== '') found.push([m.index, m.index + m[0].length])
    if (found.length === 1000) break
  }
  return found
}
