// The search as the reader drives it: what is looked for, and which match is
// looked at.

import { compile, type Query } from './match.ts'
import { number } from './time.ts'
import { Search } from './search.ts'
import type { Log } from './log.ts'
import type { Range } from './links.ts'

/** What the search is in. */
export interface Ground {
  readonly log: Log
  place(): number // the line where the reader is
  bring(line: number): void
  redraw(): void
  toast(text: string): void
  hits(text: string, error: boolean): void
}

export class Finder {
  match = -1 // the line that is looked at
  query: Query = { text: '', regex: false, cased: false }
  private search: Search | null = null

  constructor(private readonly ground: Ground) {}

  /** Looks for something; the first match after the reader comes into view by itself. */
  find(query: Query): void {
    this.match = -1
    this.begin(query, this.ground.place())
  }

  /** The log is another one, whose lines are further down. */
  replaced(shift: number): void {
    if (Number.isNaN(shift)) this.match = -1
    else if (this.match >= 0) this.match += shift
    if (this.search) this.begin(this.query, -1)
  }

  grown(): void { void this.search?.run() }

  stop(): void { this.search?.stop() }

  ranges(line: number, text: string): Range[] { return this.search?.ranges(line, text) ?? [] }

  private begin(query: Query, from: number): void {
    this.search?.stop()
    this.search = null
    this.query = query
    this.ground.hits('', false)
    if (query.text !== '') this.start(query, from)
    this.ground.redraw()
  }

  private start(query: Query, from: number): void {
    try {
      const search = new Search(this.ground.log, compile(query), query, () => this.progress(from))
      this.search = search
      void search.run()
    } catch (error) {
      const reason = (error as Error).message.replace(/^Invalid regular expression: (\/.*\/\w*: )?/, '')
      this.ground.hits(reason, true)
    }
  }

  private progress(from: number): void {
    const { found, done } = this.search!
    if (this.match < 0 && from >= 0 && found.count) {
      const row = found.after(from - 1)
      if (row < found.count) this.goTo(found.lineAt(row))
      else if (done) this.goTo(found.lineAt(0))
    }
    if (this.query.regex) this.ground.redraw()
    this.show()
  }

  private show(): void {
    const { found, failure, done } = this.search!
    if (failure) return this.ground.hits(failure, true)
    const at = this.match >= 0 && found.has(this.match) ? number(found.rowAt(this.match) + 1) + ' of ' : ''
    this.ground.hits(found.count || !done ? at + number(found.count) + (done ? '' : '…') : 'none', false)
  }

  step(by: 1 | -1): void {
    const found = this.search?.found
    if (!found?.count) return
    const from = this.match >= 0 ? this.match : this.ground.place()
    let row = by > 0 ? found.after(from) : found.after(from - 1) - 1
    if (row >= found.count || row < 0) {
      row = by > 0 ? 0 : found.count - 1
      this.ground.toast(by > 0 ? 'on from the beginning' : 'on from the end')
    }
    this.goTo(found.lineAt(row))
    this.show()
  }

  private goTo(line: number): void {
    this.match = line
    this.ground.bring(line)
  }
}
