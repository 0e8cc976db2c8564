// The lines that the reader chooses by their numbers. In the log's own page the
// address names them; that of another page is not ours.

import * as permalink from './permalink.ts'
import type { Lines } from './permalink.ts'

export class Chosen {
  lines: Lines | null
  /** Those lines, as long as they are to be shown but are not there yet. */
  wanted: Lines | null

  constructor(private readonly page: boolean) {
    this.lines = this.wanted = page ? permalink.parse(location.hash) : null
  }

  /** The address is another one. */
  read(): void {
    if (this.page) this.lines = this.wanted = permalink.parse(location.hash)
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
    if (this.page && (lines || this.lines)) permalink.show(lines)
    this.lines = lines
    this.wanted = null
  }

  /** A link to a line, or to all that are chosen if it is one of them. */
  link(n: number): string {
    return permalink.address(this.has(n) ? this.lines! : { from: n, to: n })
  }
}
