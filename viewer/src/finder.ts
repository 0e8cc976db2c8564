// The search as the reader drives it: what is looked for, and which match is
// looked at.

import { compile, type Query } from './match.ts'
import { LONG } from './row.ts'
import { number } from './time.ts'
import { plain } from './sgr.ts'
import { Search } from './search.ts'
import type { Log } from './log.ts'
import type { Range } from './links.ts'

/** What the search is in. */
export interface Ground {
  readonly log: Log
  readonly whole: boolean // there is nothing before the log
  place(): number // the line where the reader is
  bring(line: number): void
  expand(line: number): void // all of a long line is to be drawn
  redraw(from?: number, to?: number): void
  toast(text: string): void
  hits(text: string, title: string, error: boolean): void
}

export class Finder {
  match = -1 // the line that is looked at
  nth = 0 // which match in it
  query: Query = { text: '', regex: false, cased: false }
  private search: Search | null = null
  private from = -1 // where the reader waits for the first match; -1 if nobody does
  private scanned = 0 // lines that were drawn with what is found in them

  constructor(private readonly ground: Ground) {}

  /** Looks for something; the first match after the reader comes into view by itself. */
  find(query: Query): void {
    this.match = -1
    this.from = this.ground.place()
    this.begin(query)
  }

  /** The log is about to be another one, whose lines are further down, or that has none of them: what is found is so no more. */
  forget(shift: number): void {
    this.search?.stop()
    this.search = null
    this.match = this.match < 0 || Number.isNaN(shift) ? -1 : this.match + shift
    this.from = this.from < 0 || Number.isNaN(shift) ? -1 : this.from + shift
  }

  /** The log is another one: what was looked for is looked for there. */
  replaced(): void { if (this.query.text) this.begin(this.query) }

  grown(): void { void this.search?.run() }
  stop(): void { this.search?.stop() }

  /** The reader goes elsewhere, and is not to be called back by a match. */
  leave(): void { this.from = -1 }

  ranges(line: number, text: string): Range[] { return this.search?.ranges(line, text) ?? [] }

  private begin(query: Query): void {
    this.search?.stop()
    this.search = null
    this.query = query
    this.scanned = 0
    this.ground.hits('', '', false)
    if (query.text !== '') this.start(query)
    this.ground.redraw()
  }

  private start(query: Query): void {
    try {
      this.search = new Search(this.ground.log, compile(query), query, () => this.progress())
      void this.search.run()
    } catch (error) {
      const reason = (error as Error).message.replace(/^Invalid regular expression: (\/.*\/\w*: )?/, '')
      this.ground.hits(reason, reason, true)
    }
  }

  private progress(): void {
    const { scanned } = this.search!
    if (this.query.regex) this.ground.redraw(this.scanned, scanned)
    this.scanned = scanned
    this.arrive()
    this.show()
  }

  // All that there is was looked through.
  private get settled(): boolean { return this.search!.done && this.ground.whole }

  // Goes to the first match after the place from which it is looked for.
  private arrive(): void {
    const { found } = this.search!
    if (this.from < 0) return
    const row = found.after(this.from - 1)
    if (row < found.count) this.goTo(found.lineAt(row))
    else if (this.settled && found.count) this.goTo(found.lineAt(0))
    else if (this.settled) this.leave()
  }

  private show(): void {
    const { found, failure } = this.search!
    if (failure) return this.ground.hits(failure, failure, true)
    const at = this.match >= 0 && found.has(this.match) ? number(found.rowAt(this.match) + 1) + ' of ' : ''
    if (!found.count && this.settled) return this.ground.hits('none', 'no line matches', false)
    const text = at + number(found.count) + (this.settled ? '' : '…')
    this.ground.hits(text, text + ' lines that match' + (at && this.inLine), false)
  }

  private get inLine(): string {
    const { length } = this.matches(this.match)
    return length > 1 ? `; in this one it is match ${number(this.nth + 1)} of ${number(length)}` : ''
  }

  private matches(line: number): Range[] { return this.ranges(line, plain(this.ground.log.text(line))) }

  step(by: 1 | -1): void {
    const found = this.search?.found
    if (!found?.count) return
    if (this.match >= 0 && this.matches(this.match)[this.nth + by]) {
      this.goTo(this.match, this.nth + by)
      return this.show()
    }
    const from = this.match >= 0 ? this.match : this.ground.place()
    let row = by > 0 ? found.after(from) : found.after(from - 1) - 1
    if (row >= found.count && !this.search!.done) return void (this.from = from + 1) // there may be more
    if (row >= found.count || row < 0) {
      row = by > 0 ? 0 : found.count - 1
      this.ground.toast(by > 0 ? 'on from the beginning' : 'on from the end')
    }
    const line = found.lineAt(row)
    this.goTo(line, by > 0 ? 0 : Math.max(0, this.matches(line).length - 1))
    this.show()
  }

  private goTo(line: number, nth = 0): void {
    this.from = -1
    this.match = line
    this.nth = nth
    const text = this.ground.log.text(line), end = text.length > LONG && this.matches(line)[nth]?.[1]
    if (end && end > plain(text.slice(0, LONG)).length) this.ground.expand(line)
    this.ground.bring(line)
  }
}
