// The lines that the address names, which the reader chooses by their numbers.

import * as permalink from './permalink.ts'
import type { Lines } from './permalink.ts'

export class Chosen {
  lines: Lines | null = permalink.parse(location.hash)
  /** Those lines, as long as they are to be shown but are not there yet. */
  wanted = this.lines

  /** The address is another one. */
  read(): void {
    this.lines = this.wanted = permalink.parse(location.hash)
  }

  has(n: number): boolean {
    return this.lines !== null && n >= this.lines.from && n <= this.lines.to
  }

  /** A click on a number: that line, or none if it was it, or with Shift all from the one before. */
  click(n: number, extend: boolean): void {
    const first = extend && this.lines ? this.lines.from : n
    const again = !extend && this.lines?.from === n && this.lines.to === n
    this.set(again ? null : { from: Math.min(first, n), to: Math.max(first, n) })
  }

  set(lines: Lines | null): void {
    if (lines || this.lines) permalink.show(lines)
    this.lines = lines
    this.wanted = null
  }

  /** A link to a line, or to all that are chosen if it is one of them. */
  link(n: number): string {
    return permalink.address(this.has(n) ? this.lines! : { from: n, to: n })
  }
}
