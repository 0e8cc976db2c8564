// Search over all lines of a log, in slices; a log that grows is searched on.

import { Listed } from './rows.ts'
import { plain } from './sgr.ts'
import { pause } from './pause.ts'
import type { Range } from './links.ts'
import type { Chunk, Log } from './log.ts'

export interface Query { text: string; regex: boolean; cased: boolean }

const SLICE = 8 // ms
export const MOST = 10_000 // characters of a line that are looked at with a pattern

/** The expression of a query. It throws, with a reason, if there is none. */
export function compile({ text, regex, cased }: Query): RegExp {
  const source = regex ? text : text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  return new RegExp(source, cased ? 'g' : 'gi')
}

export function rangesIn(re: RegExp, text: string): Range[] {
  const found: Range[] = []
  for (const m of text.slice(0, MOST).matchAll(re)) {
    if (m[0] !== '') found.push([m.index, m.index + m[0].length])
    if (found.length === 1000) break
  }
  return found
}

export class Search {
  readonly found = new Listed()
  scanned = 0
  private running = false
  private stopped = false

  constructor(
    private readonly log: Log,
    readonly re: RegExp,
    private readonly simple: boolean, // it cannot match across lines, nor take long
    private readonly progress: () => void,
  ) {}

  stop(): void { this.stopped = true }
  get done(): boolean { return this.scanned === this.log.count }

  /** The matches in a text, to be shown. */
  ranges = (text: string): Range[] => rangesIn(this.re, text)

  async run(): Promise<void> {
    if (this.running) return
    this.running = true
    while (!this.done && !this.stopped) {
      const until = performance.now() + SLICE
      while (!this.done && performance.now() < until) this.step()
      this.progress()
      await pause()
    }
    this.running = false
  }

  // A chunk, or what there is of it.
  private step(): void {
    const index = Math.floor(this.scanned / 1024), c = this.log.chunks[index]!
    const first = index * 1024, from = this.scanned - first
    const to = Math.min(1024, this.log.count - first)
    if (this.simple && typeof c.text === 'string' && !c.coloured && from === 0) this.whole(c, c.text, first)
    else for (let i = from; i < to; i++) if (this.matches(this.log.text(first + i))) this.found.push(first + i)
    this.scanned = first + to
  }

  // All lines of a chunk at once, which is many times as fast.
  private whole({ ends }: Chunk, text: string, first: number): void {
    this.re.lastIndex = 0
    for (let m, line = 0; (m = this.re.exec(text)); this.re.lastIndex = ends[line]! + 1) {
      while (ends[line]! < m.index) line++
      this.found.push(first + line)
    }
  }

  private matches(text: string): boolean {
    this.re.lastIndex = 0
    return this.re.test(plain(text).slice(0, this.simple ? undefined : MOST))
  }
}
